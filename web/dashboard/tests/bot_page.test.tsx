import { fireEvent, render, screen } from "@testing-library/preact";
import type uPlot from "uplot";
import { beforeEach, expect, test, vi } from "vitest";
import { decodeLogEvent } from "../src/api/documents";
import { axisLabel, makePlot, type PlotContext, plotOptions } from "../src/charts/plot";
import { pointedTime } from "../src/charts/pointer";
import { lineStyle, readTheme, themeVersion, watchTheme } from "../src/charts/theme";
import { flagsIn } from "../src/charts/time_strip";
import { panelFor } from "../src/state/panels";
import { navigate } from "../src/state/router";
import { dockHeight } from "../src/state/settings";
import { App } from "../src/ui/app";
import { bounded } from "../src/ui/dock";
import { eventText } from "../src/ui/events_tab";
import { conditionOutcome } from "../src/ui/status_tab";
import {
  type Answers,
  botAnswers,
  botDocument,
  FakeEventSource,
  logDocument,
  NOW,
  PATIENCE,
  serve,
  until,
} from "./fakes";

beforeEach(() => {
  pointedTime.value = null;
});

async function open(path = "/bots/sma-btc", changes: Answers = {}) {
  const asked = serve(botAnswers(changes));
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByRole("heading", { name: "sma-btc" });
  return asked;
}

const sample = (name: string, value: number) => ({
  bot: "sma-btc",
  samples: [{ name, labels: { bot: "sma-btc" }, time: Date.now() / 1000 + 1, value }],
});

test("one stream feeds the whole page", async () => {
  await open();
  expect(FakeEventSource.last.url).toBe("/api/v1/stream?topics=fleet,bot%3Asma-btc");
});

test("each metric has a chart with its newest value as text, and it changes by itself", async () => {
  await open();
  await until(() => expect(screen.getByTestId("last-value-bot_equity").textContent).toBe("3.00"));
  await until(() => expect(screen.getByTestId("chart-bot_price").querySelector("canvas")).not.toBeNull());
  FakeEventSource.last.send("samples", sample("bot_equity", 1234.5));
  await until(() => expect(screen.getByTestId("last-value-bot_equity").textContent).toBe("1,234.50"));
  FakeEventSource.last.send("samples", sample("bot_brand_new", 7));
  await screen.findByTestId("chart-bot_brand_new");
});

test("a metric of several lines names each with its value", async () => {
  const series = [
    { labels: { symbol: "BTC" }, points: [[Date.now() / 1000, 1]] },
    { labels: { symbol: "ETH" }, points: [[Date.now() / 1000, 2]] },
  ];
  await open("/bots/sma-btc", { "/api/v1/bots/sma-btc/series": { series } });
  const legend = await until(() => {
    const found = screen.getByTestId("chart-bot_price").querySelector(".legend");
    expect(found).not.toBeNull();
    return found;
  });
  expect(legend?.textContent).toBe("BTC1ETH2");
  pointedTime.value = 5;
  await until(() => expect(legend?.textContent).toBe("BTCETH"));
});

test("a range without data says so", async () => {
  await open("/bots/sma-btc", { "/api/v1/bots/sma-btc/series": { series: [] } });
  await until(() => expect(screen.getAllByText("no data in this range").length).toBeGreaterThan(0));
});

test("the header says how the bot is, why, and with what", async () => {
  const detail = {
    ...(botAnswers()["/api/v1/bots/sma-btc"] as object),
    bot: botDocument("sma-btc", {
      health: "Degraded",
      reason: "CrashLoop",
      message: "crashed 5 times",
      mode: "live",
      restarts: 5,
      schedule: "*/5 * * * *",
      timezone: "UTC",
      next_run: NOW,
      started_at: null,
    }),
  };
  await open("/bots/sma-btc", { "/api/v1/bots/sma-btc": detail });
  expect(screen.getByTestId("health-sma-btc").textContent).toContain("degraded");
  expect(screen.getByTestId("reason").textContent).toBe("crash loop: crashed 5 timesherdsman status sma-btc");
  expect(screen.getByTestId("revision-sma-btc").textContent).toBe("3f9a2c1");
  expect(screen.getByTestId("pnl").textContent).toBe("+184.20");
  expect(document.querySelector(".facts")?.textContent).toContain("41/64 MiB");
  expect(document.querySelector(".facts")?.textContent).toContain("next 2026-01-01 00:00:00 UTC");
});

test("a reason that its message names already is not said twice", async () => {
  const answer = botAnswers()["/api/v1/bots/sma-btc"] as { bot: object };
  const detail = {
    ...answer,
    bot: botDocument("sma-btc", {
      sync: "OutOfSync",
      reason: "BuildFailed",
      message: "The build failed: no main (src/main.rs:61:2)",
    }),
    conditions: [
      {
        type: "Ready",
        status: "False",
        reason: "BuildFailed",
        message: "The build failed: no main",
        since: NOW,
      },
      { type: "Reconciling", status: "False", reason: "BuildFailed", message: "", since: NOW },
    ],
    attempts: [
      { revision: "3f9a2c1", started_at: NOW - 2, ended_at: NOW, ok: false, message: "no main\n61 | }" },
    ],
  };
  await open("/bots/sma-btc?tab=status", { "/api/v1/bots/sma-btc": detail });
  expect(screen.getByTestId("reason").textContent).toBe(
    "The build failed: no main (src/main.rs:61:2)herdsman status sma-btc",
  );
  await until(() => screen.getByTestId("status"));
  const said = [...document.querySelectorAll(".said")].map((cell) => cell.textContent);
  expect(said).toEqual(["The build failed: no main", "no main\n61 | }"]);
});

test("a suspension says by whom, why and until when", async () => {
  const detail = {
    ...(botAnswers()["/api/v1/bots/sma-btc"] as object),
    suspended: { scope: "bot=sma-btc", kill: false, by: "desk-ops", reason: "maintenance", until: NOW },
  };
  await open("/bots/sma-btc", { "/api/v1/bots/sma-btc": detail });
  expect((await screen.findByTestId("reason", {}, PATIENCE)).textContent).toBe(
    "suspended by desk-ops: \u201cmaintenance\u201d, until 2026-01-01 00:00:00 UTC",
  );
});

test("a removed bot's past stays on the page", async () => {
  await open();
  FakeEventSource.last.send("status", { name: "sma-btc", removed: true });
  await screen.findByText(/was removed from the fleet/);
});

test("the range stands in the address and reads the charts anew", async () => {
  const asked = await open();
  await until(() => expect(asked.some((address) => address.includes("/series"))).toBe(true));
  const before = asked.length;
  fireEvent.click(screen.getByRole("button", { name: "6h" }));
  expect(location.search).toBe("?range=6h");
  await until(() => expect(asked.slice(before).some((address) => address.includes("/series"))).toBe(true));
  navigate("/bots/sma-btc?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z");
  await until(() =>
    expect(screen.getByTestId("range").textContent).toContain(
      "2026-01-01 00:00:00 UTC to 2026-01-01 01:00:00 UTC",
    ),
  );
  fireEvent.click(screen.getByText("back to live"));
  expect(location.search).toBe("");
});

test("lines are text, follow the tail, and pause", async () => {
  await open();
  FakeEventSource.last.send("log", logDocument("l2", "<img src=x onerror=alert(1)>", { level: "error" }));
  await until(() => expect(screen.getByTestId("log-lines").textContent).toContain("<img src=x"));
  expect(screen.getByTestId("log-lines").querySelector("img")).toBeNull();
  fireEvent.click(screen.getByTestId("log-pause"));
  FakeEventSource.last.send("log", logDocument("l3", "while paused"));
  await until(() => expect(screen.getByTestId("log-pause").textContent).toBe("follow (1 new)"));
  fireEvent.click(screen.getByTestId("log-pause"));
  await until(() => expect(screen.getByTestId("log-lines").textContent).toContain("while paused"));
});

test("a search of lines and a level go to the API", async () => {
  const asked = await open();
  fireEvent.input(await screen.findByTestId("log-search"), { target: { value: "boom" } });
  await until(() => expect(asked.some((address) => address.includes("/logs?text=boom"))).toBe(true));
  fireEvent.change(screen.getByTestId("log-level"), { target: { value: "error" } });
  await until(() =>
    expect(asked.some((address) => address.includes("/logs?text=boom&level=error"))).toBe(true),
  );
});

test("scrolling up pauses, and reads older lines at the top", async () => {
  const asked = await open("/bots/sma-btc", {
    "/api/v1/bots/sma-btc/logs": { events: [logDocument("l1", "first line")], next_cursor: "c" },
  });
  const box = await screen.findByTestId("log-lines");
  Object.defineProperty(box, "scrollHeight", { value: 1000, configurable: true });
  Object.defineProperty(box, "clientHeight", { value: 100, configurable: true });
  box.scrollTop = 0;
  fireEvent.scroll(box);
  await until(() => expect(asked.some((address) => address.includes("cursor=c"))).toBe(true));
  expect(screen.getByTestId("log-pause").textContent).toContain("follow");
  fireEvent.click(await screen.findByText("older lines"));
});

test("events read as a trader says them, and open to their fields", async () => {
  const data = { status: "filled", side: "buy", quantity: 0.5, symbol: "BTC-USDT", price: 64210.5 };
  await open("/bots/sma-btc?tab=events", {
    "/api/v1/events": { events: [logDocument("e1", "", { kind: "order", data })], next_cursor: "c" },
  });
  const row = await screen.findByText("filled buy 0.5 BTC-USDT at 64,210.5");
  fireEvent.click(row);
  await screen.findByText(/"quantity": 0.5/);
  fireEvent.click(screen.getByText("older events"));
  FakeEventSource.last.send(
    "event",
    logDocument("e2", "exited with code 1", { kind: "lifecycle", level: "error" }),
  );
  await screen.findByText("exited with code 1");
  fireEvent.click(screen.getByRole("button", { name: "lifecycle" }));
  await until(() => expect(screen.queryByText("filled buy 0.5 BTC-USDT at 64,210.5")).toBeNull());
  expect(eventText(decodeLogEvent(logDocument("x", "plain words", { kind: "alert" })))).toBe("plain words");
});

test("runs say how they ended", async () => {
  await open();
  fireEvent.click(screen.getByTestId("tab-runs"));
  expect((await screen.findByTestId("run-r1")).textContent).toContain("crashed1");
  expect(screen.getByTestId("run-r2").textContent).toContain("running");
  FakeEventSource.last.send("run", {
    bot: "sma-btc",
    run: { id: "r2", started_at: NOW - 100, ended_at: NOW, outcome: "timed_out", signal: 9 },
  });
  await until(() => expect(screen.getByTestId("run-r2").textContent).toContain("timed outsignal 9"));
});

test("the status tab tells of drift, of the operation and of what is owned", async () => {
  const drift = {
    kind: "Scaled",
    text: "its count was set to 2 behind our back",
    since: NOW - 60,
    corrected_at: NOW - 58.5,
    correction: "herdsman registered it again",
    times: 3,
  };
  const bot = {
    ...botDocument("sma-btc"),
    drift,
    operation: "Waiting",
    generation: 4,
    observed_generation: 3,
  };
  const detail = {
    ...(botAnswers()["/api/v1/bots/sma-btc"] as object),
    bot,
    operation_message: "updating it waits: wave 2",
    inventory: { job_version: "42", digest: "d1f2", halted: "" },
  };
  await open("/bots/sma-btc?tab=status", { "/api/v1/bots/sma-btc": detail });
  const text = async (id: string) => (await screen.findByTestId(id, {})).textContent ?? "";
  expect(await text("drift")).toContain("scaledover after 1.5 s, 3 times in a row");
  expect(await text("drift")).toContain("its count was set to 2 behind our backherdsman registered it again");
  expect(await text("operation")).toContain("waitinggeneration 4, not tried yet");
  expect(await text("operation")).toContain("updating it waits: wave 2");
  expect(await text("inventory")).toBe("Inventoryjob version42digestd1f2");
});

test("the status tab holds conditions, attempts and parameters as text", async () => {
  await open();
  fireEvent.click(screen.getByTestId("tab-status"));
  const text = (await screen.findByTestId("status")).textContent ?? "";
  expect(text).toContain("ReadyTruerunning");
  expect(text).toContain("applied");
  expect(text).toContain("<b>x</b>");
  const outcome = (type: string, status: string) =>
    conditionOutcome({ type, status, reason: "", message: "", since: null });
  expect([
    outcome("Ready", "False"),
    outcome("Reconciling", "True"),
    outcome("Stalled", "True"),
    outcome("X", ""),
  ]).toEqual(["warn", "busy", "bad", "off"]);
});

test("the dock's height is moved with the keys and stays within the window", async () => {
  await open();
  dockHeight.value = 200;
  const handle = screen.getByLabelText("Height of the output");
  fireEvent.keyDown(handle, { key: "ArrowUp" });
  expect(dockHeight.value).toBe(224);
  fireEvent.keyDown(handle, { key: "ArrowDown" });
  expect(dockHeight.value).toBe(200);
  expect([bounded(1), bounded(9999)]).toEqual([120, innerHeight - 240]);
});

test("a bot that is not there is told by name", async () => {
  serve(botAnswers());
  navigate("/bots/nobody");
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  expect((await screen.findByTestId("problem")).textContent).toContain("There is no such thing here");
  fireEvent.click(screen.getByText("All bots of the fleet"));
});

function context(metric: string, changes: Partial<PlotContext> = {}): PlotContext {
  return {
    panel: panelFor(metric, "USDT"),
    theme: readTheme(),
    window: () => ({ from: 0, to: 100 }),
    ticks: () => [0, 50, 100],
    limit: () => 50,
    marks: () => [
      { time: 10, kind: "deploy", text: "d" },
      { time: 20, kind: "error", text: "e" },
      { time: 500, kind: "error", text: "outside" },
    ],
    fills: () => [
      { time: 30, side: "buy", price: 5 },
      { time: 40, side: "sell", price: 6 },
      { time: 400, side: "sell", price: 6 },
    ],
    selected: vi.fn(),
    pointed: vi.fn(),
    ...changes,
  };
}

test("a chart draws limit, marks and fills, tells the pointer, and takes a drag", async () => {
  const it = context("bot_price");
  const plot = makePlot(
    it,
    [
      [0, 50, 100],
      [1, null, 3],
    ],
    { width: 400, height: 100 },
    document.createElement("div"),
  );
  await until(() => expect(plot.scales.x?.max).toBe(100));
  plot.setCursor({ left: 100, top: 10 });
  await until(() => expect(it.pointed).toHaveBeenCalled());
  plot.setSelect({ left: 10, top: 0, width: 100, height: 10 }, true);
  expect(it.selected).toHaveBeenCalledOnce();
  plot.setSelect({ left: 10, top: 0, width: 2, height: 10 }, true);
  expect(it.selected).toHaveBeenCalledOnce();
  plot.setCursor({ left: -10, top: -10 });
  await until(() => expect(it.pointed).toHaveBeenLastCalledWith(null, null));
  plot.destroy();
});

test("moments are drawn as points that no line joins", () => {
  const options = plotOptions(context("bot_order_price"), 1, { width: 400, height: 100 });
  const paths = options.series[1]?.paths as unknown as (() => unknown) | undefined;
  expect(paths?.()).toBeNull();
  expect(plotOptions(context("bot_x"), 2, { width: 1, height: 1 }).series).toHaveLength(3);
});

test("axis labels have the digits that their distance needs", () => {
  const plain = panelFor("bot_x", "");
  expect(axisLabel(10_002.5, [10_000, 10_002.5], plain)).toBe("10,002.5");
  expect(axisLabel(0.25, [0, 0.05], plain)).toBe("0.25");
  expect(axisLabel(-0.25, [0, 0.05], plain)).toBe("\u22120.25");
  expect(axisLabel(10_500, [10_400, 10_500], plain)).toBe("10,500");
  expect(axisLabel(2_500_000, [0, 500_000], plain)).toBe("2.5M");
  expect(axisLabel(2 ** 20, [0, 2 ** 20], panelFor("bot_memory_bytes", ""))).toBe("1 MiB");
  expect(axisLabel(5, [5], plain)).toBe("5");
});

test("lines differ by tint and dash, and the theme follows the system", () => {
  const theme = readTheme();
  expect(lineStyle(theme, 0)).not.toEqual(lineStyle(theme, 1));
  const listeners: (() => void)[] = [];
  vi.stubGlobal("matchMedia", () => ({
    addEventListener: (_: string, listener: () => void) => listeners.push(listener),
    removeEventListener: () => listeners.pop(),
  }));
  const before = themeVersion.value;
  const stop = watchTheme();
  listeners[0]?.();
  expect(themeVersion.value).toBe(before + 1);
  stop();
  expect(listeners).toHaveLength(0);
});

test("the strip flags what lies in the window", () => {
  const marks = [1, 50, 200].map((time) => ({ time, kind: "error" as const, text: "" }));
  expect(flagsIn(marks, { from: 10, to: 100 }).map(({ time }) => time)).toEqual([50]);
});

test("the zoom of uPlot itself is off: the address rules the range", () => {
  const options = plotOptions(context("bot_price"), 1, { width: 1, height: 1 });
  expect((options.cursor as uPlot.Cursor).drag?.setScale).toBe(false);
});

const past = [
  {
    revision: { id: "b".repeat(40), message: "now" },
    applied_at: 20,
    healthy_at: 21,
    current: true,
    fields: [],
  },
  {
    revision: { id: "c".repeat(40), message: "bad" },
    applied_at: 15,
    healthy_at: null,
    refused: "crashed",
    fields: [{ name: "fast", before: "12", after: "99" }],
  },
  {
    revision: { id: "a".repeat(40), message: "good" },
    applied_at: 10,
    healthy_at: 11,
    fields: [{ name: "fast", before: "12", after: "10" }],
  },
];

test("a bot goes back to what it ran before, chosen by what differs", async () => {
  const asked = await open("/bots/sma-btc", { "/api/v1/bots/sma-btc/deployments": past });
  fireEvent.click(await screen.findByTestId("roll-back"));
  const dialog = await screen.findByTestId("roll-back-dialog");
  await until(() => expect(dialog.textContent).toContain("fast 12 \u2192 10"));
  expect(dialog.textContent).toContain("taken back: crashed");
  expect(dialog.querySelectorAll('input[type="radio"]')).toHaveLength(2);
  const chosen = dialog.querySelector<HTMLInputElement>('input[type="radio"]:checked');
  expect(chosen?.value).toBe("a".repeat(40));
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await until(() => expect(asked.some((one) => String(one).includes("/rollback"))).toBe(true));
});

test.each([
  ["bot", "unpin"],
  ["guard", "retry"],
])("what is held by %s can be let go", async (by, testId) => {
  await open("/bots/sma-btc", {
    "/api/v1/bots/sma-btc": {
      bot: botDocument("sma-btc", { reason: "Pinned", message: "pinned to aaaaaaa", held: { by } }),
    },
  });
  await screen.findByTestId(testId);
  expect(screen.getByTestId("reason").textContent).toContain("pinned to aaaaaaa");
});
