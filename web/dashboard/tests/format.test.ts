import { afterEach, expect, test } from "vitest";
import { measured } from "../src/format/measured";
import {
  bytes,
  bytesOf,
  count,
  money,
  percent,
  plain,
  quantity,
  shownOf,
  signed,
} from "../src/format/numbers";
import { clock, day, duration, longDuration, moment, shortClock, took, zoneLabel } from "../src/format/times";
import { authorName, healthWord, reasonWords, shellWord, shortReason, syncWord } from "../src/format/words";
import { zone } from "../src/state/settings";
import { bot, NOW } from "./fakes";

afterEach(() => {
  zone.value = "UTC";
});

test("money has its sign, two decimals, and more where it is small", () => {
  expect(signed(184.2)).toBe("+184.20");
  expect(signed(-1234.5)).toBe("\u22121,234.50");
  expect(signed(0)).toBe("0.00");
  expect(money(0.000123)).toBe("0.000123");
  expect(money(-0.5)).toBe("\u22120.50");
  expect(money(0.27)).toBe("0.27");
  expect(money(0.123456)).toBe("0.1235");
});

test("quantities show about five digits", () => {
  expect([12345.678, 64210.5, 123.456, 1.25, 0.01234, 7, 0, 12000].map(quantity)).toEqual([
    "12,345.68",
    "64,210.50",
    "123.46",
    "1.2500",
    "0.01234",
    "7",
    "0",
    "12,000",
  ]);
  expect(quantity(-2)).toBe("\u22122");
  expect([0.25, 64210.5, -1].map(plain)).toEqual(["0.25", "64,210.5", "\u22121"]);
});

test("sizes and shares carry their unit", () => {
  expect([0, 512, 43_000_000, 1.5 * 2 ** 30].map(bytes)).toEqual(["0 B", "512 B", "41 MiB", "1.5 GiB"]);
  expect(bytesOf(41 * 2 ** 20, 64 * 2 ** 20)).toBe("41/64 MiB");
  expect([2, 2.34, 50].map(percent)).toEqual(["2%", "2.3%", "50%"]);
  expect([count(1, "bot"), count(1000, "bot"), shownOf(3, 214, "bot"), shownOf(2, 2, "bot")]).toEqual([
    "1 bot",
    "1,000 bots",
    "3 of 214 bots",
    "2 bots",
  ]);
});

test("sizes that are compared have three digits, so that those told to differ do", () => {
  const memory = [11.6 * 2 ** 30, 12.4 * 2 ** 30, 42 * 2 ** 20, 1023.4 * 2 ** 20, 1023.99 * 2 ** 20, 0, -0.4];
  expect(memory.map((value) => measured("bot_memory_bytes", value))).toEqual([
    "11.6 GiB",
    "12.4 GiB",
    "42 MiB",
    "1023 MiB",
    "1 GiB",
    "0 B",
    "\u22120.4 B",
  ]);
  const rates = [0.3, 0.45, 1 / 30, 1 / 21, 1536];
  expect(rates.map((value) => measured("bot_disk_read_bytes_per_second", value))).toEqual([
    "0.3 B/s",
    "0.45 B/s",
    "0.0333 B/s",
    "0.0476 B/s",
    "1.5 KiB/s",
  ]);
  expect(measured("bot_sent_bytes_total", 1e300)).toBe("9.09e+287 TiB");
  expect(measured("bot_open_files", 1536)).toBe("1,536");
});

test("ages are short", () => {
  expect([-3, 0.4, 59, 61, 7300, 200_000].map(duration)).toEqual([
    "0 s",
    "0 s",
    "59 s",
    "1 min",
    "2 h",
    "2 d",
  ]);
  expect([3, 90, 3600, 8100, 90_000].map(longDuration)).toEqual([
    "3 s",
    "1 min 30 s",
    "1 h",
    "2 h 15 min",
    "1 d 1 h",
  ]);
  expect([0.72, 75].map(took)).toEqual(["0.7 s", "1 min"]);
});

test("moments say their zone", () => {
  expect(moment(NOW)).toBe("2026-01-01 00:00:00 UTC");
  expect([clock(NOW), shortClock(NOW), day(NOW)]).toEqual(["00:00:00", "00:00", "1 Jan"]);
  zone.value = "local";
  expect(moment(NOW)).toMatch(/UTC/);
  expect(zoneLabel(NOW)).toMatch(/^UTC/);
});

test("states and reasons are words", () => {
  expect(healthWord("Missing")).toBe("missing");
  expect(reasonWords("CrashLoop")).toBe("crash loop");
  expect(shortReason(bot("a"))).toBe("");
  expect(shortReason(bot("a", { reason: "NodeLost" }))).toBe("node lost");
  expect([syncWord("OutOfSync"), syncWord("SomethingNew")]).toEqual(["out of sync", "something new"]);
});

test("an author is a name", () => {
  expect(authorName("alice <alice@example.org>")).toBe("alice");
  expect(authorName("alice")).toBe("alice");
  expect(authorName("<a@b>")).toBe("<a@b>");
});

test("a name that a shell would read more into is quoted", () => {
  expect(shellWord("sma-btc")).toBe("sma-btc");
  expect(shellWord("it's $HOME")).toBe("'it'\\''s $HOME'");
});
