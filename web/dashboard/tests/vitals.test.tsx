import { render, screen } from "@testing-library/preact";
import { expect, test, vi } from "vitest";
import { decodeLiveness, decodeUse } from "../src/api/vitals";
import { panelsOf } from "../src/state/panels";
import { navigate } from "../src/state/router";
import { App } from "../src/ui/app";
import { botAnswers, botDocument, FakeEventSource, NOW, PATIENCE, serve, until } from "./fakes";

const liveness = (changes: Record<string, unknown> = {}) => ({
  bot: "sma-btc",
  verdict: "not_trading",
  bad: true,
  text: "its process lives, and there is no market data for more than 20 s",
  since: NOW - 12,
  signs: {
    process: { at: NOW - 1, usual: 1, limit: 30 },
    loop: { at: NOW - 1, usual: null, limit: null },
    output: { at: NOW - 1, usual: 1, limit: 30 },
    market_data: { at: NOW - 45, usual: 1, limit: 20 },
    orders: { at: null, usual: null, limit: null },
  },
  left_open: ["long 0.5 BTC/USDT at 64000 (live), since 2026-11-23 08:01 UTC"],
  ...changes,
});

const use = {
  bot: "sma-btc",
  at: NOW,
  values: {
    bot_cpu_percent: 12,
    bot_cpu_limit_percent: 50,
    bot_cpu_throttled_percent: 3,
    bot_memory_bytes: 150 * 1024 * 1024,
    bot_memory_limit_bytes: 200 * 1024 * 1024,
    bot_open_files: 9,
    bot_open_files_limit: 1024,
    bot_threads: 3,
    bot_processes: 2,
    bot_state_bytes: 2048,
    bot_disk_free_bytes: 5 * 1024 * 1024,
  },
  forecasts: [{ resource: "memory", use: 1, limit: 2, seconds: 900 }],
};

async function open(answers: Record<string, unknown>) {
  serve({ ...botAnswers(), ...answers });
  navigate("/bots/sma-btc?tab=vitals");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByRole("heading", { name: "sma-btc" }, PATIENCE);
  const text = async (id: string) => (await screen.findByTestId(id, {}, PATIENCE)).textContent ?? "";
  return text;
}

test("the vitals tell the verdict, what is left open, and each age beside its habit", async () => {
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": liveness(),
    "/api/v1/bots/sma-btc/resources": use,
  });
  expect(await text("verdict")).toContain("alive but not trading");
  expect(await text("verdict")).toContain("no market data for more than 20 s");
  expect(await text("vitals")).toContain("left open long 0.5 BTC/USDT");
  expect(await text("age-of-market_data")).toContain("usually every 1");
  expect(await text("age-of-loop")).toContain("no habit yet");
  expect(await text("age-of-orders")).toContain("never given");
});

test("the head of the page tells what is wrong with a bot that runs, and what to do", async () => {
  const short = { verdict: "not_trading", text: "x", since: NOW - 12 };
  const answer = botAnswers()["/api/v1/bots/sma-btc"] as Record<string, unknown>;
  const text = await open({
    "/api/v1/bots/sma-btc": { ...answer, bot: botDocument("sma-btc", { liveness: short }) },
    "/api/v1/bots/sma-btc/liveness": liveness(),
    "/api/v1/bots/sma-btc/resources": use,
  });
  expect(await text("lives")).toMatch(
    /^alive but not trading for .* its process lives, and there is no market/,
  );
  expect(await text("lives")).toContain("look at the exchange");
  expect(await text("left-open")).toContain("left open long 0.5 BTC/USDT at 64000");
});

test("the head of the page is silent of a bot that lives well", async () => {
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": liveness({ verdict: "healthy", bad: false, text: "", left_open: [] }),
    "/api/v1/bots/sma-btc/resources": use,
  });
  expect(await text("verdict")).toContain("healthy");
  expect(screen.queryByTestId("lives")).toBeNull();
  expect(screen.queryByTestId("left-open")).toBeNull();
});

test.each([
  ["healthy", false],
  ["not_trading", false],
  ["suspended", true],
])("the head of the page of a bot that is %s looks once more: %s", async (verdict, again) => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  const late = () => timers.mock.calls.filter(([, wait]) => wait === 12_000);
  let reads = 0;
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": () => {
      reads += 1;
      return liveness({ verdict, bad: false });
    },
    "/api/v1/bots/sma-btc/resources": use,
  });
  await text("left-open");
  await text("verdict");
  expect(reads).toBe(2);
  if (again) await until(() => expect(late()).toHaveLength(1));
  else expect(late()).toHaveLength(0);
  for (const [look] of late()) (look as () => void)();
  expect(reads).toBe(again ? 3 : 2);
});

test("the vitals show each use against its limit, and when that is reached", async () => {
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": liveness(),
    "/api/v1/bots/sma-btc/resources": use,
  });
  expect(await text("use-cpu")).toBe("CPU12%of 50%, throttled 3% of the time");
  expect(await text("use-memory")).toBe("Memory150 MiBof 200 MiBfull in 15 min if it goes on so");
  expect(await text("use-open-files")).toContain("of 1,024");
  expect(await text("use-state-on-disk")).toContain("5 MiB are free");
  expect(screen.queryByTestId("use-received")).toBeNull();
});

test("a disk that does not answer is named with its silence", async () => {
  const stalled = { ...use, values: { ...use.values, bot_disk_stalled_seconds: 95 } };
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": liveness(),
    "/api/v1/bots/sma-btc/resources": stalled,
  });
  expect(await text("use-disk-stalled")).toContain("no answer for 1 min");
  FakeEventSource.last.send("resources", {
    ...use,
    values: { ...use.values, bot_disk_stalled_seconds: 0 },
  });
  await until(() => expect(screen.queryByTestId("use-disk-stalled")).toBeNull());
});

test("the vitals follow the stream", async () => {
  const text = await open({
    "/api/v1/bots/sma-btc/liveness": liveness(),
    "/api/v1/bots/sma-btc/resources": { bot: "sma-btc", at: null, values: {}, forecasts: [] },
  });
  expect(await text("vitals")).toContain("Not measured");
  FakeEventSource.last.send(
    "liveness",
    liveness({ verdict: "healthy", bad: false, text: "", left_open: [] }),
  );
  FakeEventSource.last.send("resources", use);
  await screen.findByText("healthy", { selector: '[data-testid="verdict"] *' }, PATIENCE);
  expect(await text("use-threads")).toBe("Threads3in 2 processes");
});

test("ages and limits are no charts of their own", () => {
  const shown = panelsOf(
    ["bot_liveness_ok", "bot_disk_free_bytes", "bot_disk_stalled_seconds", "bot_open_files", "bot_price"],
    "",
  );
  expect(shown.map((panel) => panel.metric)).toEqual(["bot_price", "bot_open_files"]);
});

test("vitals are read tolerantly", () => {
  expect(decodeLiveness(null)).toMatchObject({ verdict: "", bad: false, signs: [], leftOpen: [] });
  expect(decodeUse({ values: { bot_threads: "x" }, forecasts: [{}] })).toEqual({
    at: null,
    values: {},
    forecasts: [{ resource: "", use: 0, limit: 0, seconds: 0 }],
  });
});
