import { signal } from "@preact/signals";
import { expect, test } from "vitest";
import { BotState } from "../src/state/bot";
import { parseRange, type Range } from "../src/state/range";
import {
  type Answers,
  botAnswers,
  botDocument,
  fleetDocument,
  HandClock,
  logDocument,
  NOW,
  Refusal,
  serve,
  until,
} from "./fakes";

const quiet = () => new AbortController().signal;

async function loaded(changes: Answers = {}) {
  const clock = new HandClock();
  const asked = serve(botAnswers(changes));
  const range = signal<Range>(parseRange(new URLSearchParams()));
  const state = new BotState("sma-btc", range, clock);
  await state.load(quiet());
  return { asked, clock, range, state };
}

const sampleMessage = (name: string, time: number, value: number, bot = "sma-btc") => ({
  bot,
  samples: [{ name, labels: { bot }, time, value }],
});

test("the page has its panels in order, its runs and its lines", async () => {
  const { state } = await loaded();
  expect(state.panels.value.map((panel) => panel.metric)).toEqual([
    "bot_equity",
    "bot_price",
    "bot_cpu_percent",
  ]);
  expect(state.runs.value).toHaveLength(2);
  expect(state.logs.events.value).toHaveLength(1);
  await until(() => expect(state.marks.value.map((mark) => mark.kind)).toEqual(["start", "deploy"]));
});

test("a chart's history is read when it comes into view, and joined with the live samples", async () => {
  const { asked, clock, state } = await loaded();
  const now = Date.now() / 1000;
  state.apply("samples", sampleMessage("bot_equity", now + 1, 9));
  expect(asked.some((address) => address.includes("/series"))).toBe(false);
  await state.loadMetric("bot_equity");
  clock.pass();
  const { metric, version } = state.metric("bot_equity");
  expect([...metric.lines.values()][0]?.values).toEqual([1, 2, 3, 9]);
  expect(version.value).toBeGreaterThan(0);
});

test("a metric that was never seen gets a panel of its own", async () => {
  const { clock, state } = await loaded();
  state.apply("samples", sampleMessage("bot_new", NOW, 1));
  state.apply("samples", sampleMessage("bot_foreign", NOW, 1, "other"));
  clock.pass();
  expect(state.panels.value.map((panel) => panel.metric)).toContain("bot_new");
  expect(state.panels.value.map((panel) => panel.metric)).not.toContain("bot_foreign");
});

test("a history that cannot be read is told at its chart", async () => {
  const { state } = await loaded({ "/api/v1/bots/sma-btc/series": new Refusal(503, { title: "No store" }) });
  await state.loadMetric("bot_equity");
  expect(state.metric("bot_equity").problem.value?.title).toBe("No store");
  expect(state.metric("bot_equity").state.value).toBe("ready");
});

test("another range reads the charts in view anew", async () => {
  const { asked, range, state } = await loaded();
  await state.loadMetric("bot_equity");
  range.value = { kind: "between", from: 100, to: 200 };
  state.reloadHistory();
  await until(() => expect(asked.at(-1)).toContain("/events"));
  expect(
    asked.some((address) => address.includes("/series") && address.includes("start=100.000&end=200.000")),
  ).toBe(true);
});

test("a moved state shows at once and its conditions are read anew", async () => {
  const { asked, clock, state } = await loaded();
  const before = asked.length;
  state.apply("status", botDocument("sma-btc", { health: "Degraded", reason: "CrashLoop" }));
  state.apply("status", botDocument("other", { health: "Missing" }));
  clock.pass();
  expect(state.bot.value?.health).toBe("Degraded");
  await until(() => expect(asked.slice(before)).toEqual(["/api/v1/bots/sma-btc?removed=true"]));
});

test("a mere change of numbers reads nothing", async () => {
  const { asked, clock, state } = await loaded();
  await until(() => expect(asked.filter((address) => address.includes("kind=trade"))).toHaveLength(1));
  const before = asked.length;
  state.apply("status", botDocument("sma-btc", { pnl_today: 1 }));
  clock.pass();
  expect(state.bot.value?.pnlToday).toBe(1);
  expect(asked).toHaveLength(before);
});

test("a removed bot is said to be so, until it is back", async () => {
  const { clock, state } = await loaded();
  state.apply("status", { name: "sma-btc", removed: true });
  expect(state.removed.value).toBe(true);
  expect(state.bot.value?.name).toBe("sma-btc");
  state.apply("status", botDocument("sma-btc"));
  clock.pass();
  expect(state.removed.value).toBe(false);
});

test("a run that starts or ends is put in its place and marked", async () => {
  const { state } = await loaded();
  const run = { id: "r3", started_at: NOW, ended_at: null, outcome: null, revision: "new" };
  state.apply("run", { bot: "sma-btc", run });
  state.apply("run", { bot: "sma-btc", run: { ...run, ended_at: NOW + 1, outcome: "success" } });
  state.apply("run", { bot: "other", run });
  expect(state.runs.value.map(({ id, outcome }) => [id, outcome])).toEqual([
    ["r3", "success"],
    ["r2", null],
    ["r1", "crashed"],
  ]);
  expect(state.marks.value.some((mark) => mark.text.startsWith("deployed new"))).toBe(true);
});

test("lines, events, errors and fills find their places", async () => {
  const { clock, state } = await loaded();
  await until(() => expect(state.marks.value.length).toBeGreaterThan(0));
  state.apply("log", logDocument("l2", "boom", { level: "error", time: NOW + 5 }));
  state.apply("log", logDocument("l3", "not ours", { bot: "other" }));
  state.apply("event", logDocument("e1", "", { kind: "trade", data: { side: "buy", price: 7 } }));
  state.apply("event", logDocument("e2", "", { kind: "price", data: { value: 7 } }));
  state.apply("event", logDocument("e3", "", { kind: "trade", bot: "other" }));
  state.apply("fleet", fleetDocument({ fleet: "x" }));
  clock.pass();
  expect(state.logs.events.value.map(({ message }) => message)).toEqual(["first line", "boom"]);
  expect(state.events.events.value.map(({ id }) => id)).toEqual(["e1"]);
  expect(state.fills.value).toHaveLength(1);
  expect(state.marks.value.at(-1)).toMatchObject({ kind: "error", text: "boom" });
  expect(state.fleet.value?.fleet).toBe("x");
  state.close();
});

test("errors and fills of the range are read with it", async () => {
  const answer = (query: URLSearchParams) => {
    const at = Date.now() / 1000;
    if (query.get("kind") === "trade") {
      return {
        events: [logDocument("t", "", { kind: "trade", time: at, data: { side: "sell", price: 3 } })],
      };
    }
    return {
      events: query.get("level") === "error" ? [logDocument("x", "bad", { level: "error", time: at })] : [],
    };
  };
  const { state } = await loaded({ "/api/v1/events": answer });
  await until(() => expect(state.fills.value).toHaveLength(1));
  expect(state.marks.value.at(-1)?.text).toBe("bad");
});
