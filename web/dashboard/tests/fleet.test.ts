import { expect, test } from "vitest";
import { decodeFleet } from "../src/api/documents";
import { FleetState } from "../src/state/fleet";
import { matcher, ranked, totalsOf, WORST_FIRST } from "../src/state/ranking";
import { bot, botDocument, fleetDocument, HandClock } from "./fakes";

function fleetOf(...bots: ReturnType<typeof bot>[]) {
  const clock = new HandClock();
  const state = new FleetState(clock);
  state.replace(bots, decodeFleet(fleetDocument()));
  return { clock, state };
}

test("the worst come first, then those out of sync, then by name", () => {
  const bots = [
    bot("d"),
    bot("c", { sync: "OutOfSync" }),
    bot("b", { health: "Degraded" }),
    bot("a", { health: "Missing" }),
    bot("e", { health: "Suspended" }),
    bot("f", { health: "Progressing" }),
  ];
  expect(ranked(bots, WORST_FIRST)).toEqual(["a", "b", "f", "e", "c", "d"]);
});

test("a column without a value comes last in either direction", () => {
  const bots = [bot("a", { pnl_today: null }), bot("b", { pnl_today: 5 }), bot("c", { pnl_today: -5 })];
  expect(ranked(bots, { key: "pnl", reversed: false })).toEqual(["c", "b", "a"]);
  expect(ranked(bots, { key: "pnl", reversed: true })).toEqual(["b", "c", "a"]);
  expect(ranked(bots, { key: "name", reversed: true })).toEqual(["c", "b", "a"]);
});

test("every column sorts", () => {
  const bots = [bot("a", { since: 2, mode: "live" }), bot("b", { since: 1, sync: "OutOfSync" })];
  for (const key of ["program", "since", "revision", "cpu", "memory", "mode"] as const) {
    expect(ranked(bots, { key, reversed: false })).toEqual(["a", "b"]);
  }
  expect(ranked(bots, { key: "sync", reversed: false })).toEqual(["b", "a"]);
  expect(ranked(bots, { key: "age", reversed: false })).toHaveLength(2);
});

test("a search finds every word anywhere in what explains a bot", () => {
  const found = matcher("crash SMA", null);
  expect(found(bot("x", { message: "crashed 5 times" }))).toBe(true);
  expect(found(bot("x"))).toBe(false);
  expect(matcher("", "Degraded")(bot("x"))).toBe(false);
});

test("currencies, and live and dry money, are never summed together", () => {
  const totals = totalsOf([
    bot("a", { mode: "live", equity: 10, pnl_today: 1 }),
    bot("b", { mode: "dry", equity: 20, pnl_today: 2 }),
    bot("c", { mode: "live", equity: 5, pnl_today: null }),
    bot("d", { mode: "live", currency: "BTC", equity: 3, pnl_today: null }),
    bot("e", { mode: "dry", equity: null }),
  ]);
  expect(
    totals.purses.map(({ mode, currency, equity, pnlToday }) => [mode, currency, equity, pnlToday]),
  ).toEqual([
    ["live", "USDT", 15, 1],
    ["live", "BTC", 3, null],
    ["dry", "USDT", 20, 2],
  ]);
  expect(totals.counts.Healthy).toBe(5);
});

test("a status changes its row in place", () => {
  const { clock, state } = fleetOf(bot("a"), bot("b"));
  const row = state.row("a");
  state.apply("status", botDocument("a", { pnl_today: 7 }));
  expect(row?.value.pnlToday).toBe(184.2);
  clock.pass();
  expect(row?.value.pnlToday).toBe(7);
  expect(state.row("a")).toBe(row);
});

test("no row moves while the rows are read, and all are in order afterwards", () => {
  const { clock, state } = fleetOf(bot("a"), bot("b"));
  state.hold(true);
  state.apply("status", botDocument("b", { health: "Degraded" }));
  clock.pass();
  expect(state.order.value).toEqual(["a", "b"]);
  expect(state.orderWaits.value).toBe(true);
  expect(state.row("b")?.value.health).toBe("Degraded");
  state.hold(false);
  expect(state.order.value).toEqual(["b", "a"]);
  expect(state.orderWaits.value).toBe(false);
});

test("a new bot appears and a removed one goes", () => {
  const { clock, state } = fleetOf(bot("a"));
  state.apply("status", botDocument("z"));
  clock.pass();
  expect(state.order.value).toEqual(["a", "z"]);
  state.apply("status", { name: "a", removed: true });
  clock.pass(300);
  expect(state.order.value).toEqual(["z"]);
  expect(state.size).toBe(1);
  state.apply("status", { name: "unknown", removed: true });
  state.apply("status", {});
  state.apply("samples", {});
  expect(state.size).toBe(1);
});

test("a snapshot takes out what it lacks and keeps the rows that stay", () => {
  const { state } = fleetOf(bot("a"), bot("b"));
  const row = state.row("b");
  state.replace([bot("b"), bot("c")], decodeFleet(fleetDocument()));
  expect(state.order.value).toEqual(["b", "c"]);
  expect(state.row("b")).toBe(row);
});

test("search, health filter and column order work together", () => {
  const { state } = fleetOf(bot("a", { health: "Degraded" }), bot("ab"), bot("b"));
  state.search("ab");
  expect(state.order.value).toEqual(["ab"]);
  state.search("");
  state.toggleHealth("Degraded");
  expect(state.order.value).toEqual(["a"]);
  state.toggleHealth("Degraded");
  state.sortBy("name");
  state.sortBy("name");
  expect(state.order.value).toEqual(["b", "ab", "a"]);
  state.sortBy("name");
  expect(state.sort.value).toEqual(WORST_FIRST);
});

test("the header follows the stream", () => {
  const { state } = fleetOf(bot("a"));
  state.apply("fleet", fleetDocument({ fleet: "other" }));
  expect(state.fleet.value?.fleet).toBe("other");
});
