import { fireEvent, render, screen, within } from "@testing-library/preact";
import { expect, test } from "vitest";
import { now } from "../src/state/clock";
import { place } from "../src/state/router";
import { FleetPage } from "../src/ui/fleet_page";
import { tellingLine } from "../src/ui/fleet_row";
import { startKeys } from "../src/ui/keys";
import { visibleSpan } from "../src/ui/virtual";
import {
  botDocument,
  FakeEventSource,
  fleetDocument,
  Refusal,
  revisionDocument,
  serve,
  until,
} from "./fakes";

async function open(bots: unknown[], fleet = fleetDocument()) {
  serve({ "/api/v1/fleet": fleet, "/api/v1/bots": bots });
  render(<FleetPage />);
  FakeEventSource.last.open();
  await screen.findByTestId("sync-age");
}

const rowNames = () =>
  screen.queryAllByTestId(/^bot-row-/).map((row) => row.dataset.testid?.replace("bot-row-", ""));

test("every bot has a row that says all about it, the worst first", async () => {
  await open([
    botDocument("sma-btc", { mode: "live" }),
    botDocument("grid-sol", {
      health: "Degraded",
      reason: "CrashLoop",
      message: "crashed 5 times",
      sync: "OutOfSync",
    }),
  ]);
  expect(rowNames()).toEqual(["grid-sol", "sma-btc"]);
  expect(screen.getByTestId("health-grid-sol").textContent).toBe("degradedcrash loop");
  expect(screen.getByTestId("health-grid-sol").dataset.health).toBe("Degraded");
  expect(screen.getByTestId("health-grid-sol").title).toBe("CrashLoop: crashed 5 times");
  expect(screen.getByTestId("cell-metric-sma-btc").textContent).toBe("+184.20 USDT");
  expect(screen.getByTestId("memory-sma-btc").textContent).toBe("41/64 MiB");
  expect(screen.getByTestId("cpu-sma-btc").textContent).toBe("2%");
  expect(screen.getByTestId("revision-sma-btc").textContent).toBe("3f9a2c1");
  expect(screen.getByTestId("mode-sma-btc").textContent).toBe("live");
  expect(screen.getByTestId("sync-grid-sol").textContent).toBe("out of sync");
  expect(screen.getByTestId("program-sma-btc").textContent).toBe("sma 1.5.0");
  expect(screen.getByTestId("last-log-sma-btc").textContent).toBe("tick");
  expect(screen.getByTestId("stream-state").textContent).toBe("live");
  await until(() => expect(document.title).toBe("(1) desk \u2013 herdsman"));
});

test("the header answers what is wrong, what is earned, and what changed last", async () => {
  await open([
    botDocument("a", { mode: "live" }),
    botDocument("b", { pnl_today: -5 }),
    botDocument("c", { equity: null }),
  ]);
  expect(screen.getByTestId("count-Healthy").textContent).toBe("3 healthy");
  expect(screen.getByTestId("equity-live-USDT").textContent).toContain("+184.20 USDT equity 1,000.00");
  expect(screen.getByTestId("equity-dry-USDT").textContent).toContain("\u22125.00");
  const revision = screen.getByTestId("revision").textContent ?? "";
  expect(revision).toContain("3f9a2c1 tighter stops");
  expect(revision).toContain("1 bot changed, by alice");
});

const waves = {
  text: "wave 2 of 3: 12 of 20 healthy",
  wave: 2,
  done: false,
  waves: [
    { bots: 1, healthy: 1 },
    { bots: 20, healthy: 12 },
    { bots: 179, healthy: 0 },
  ],
  halted: "",
  failed: "",
  resumes_at: null,
};

test("a rollout under way shows its waves, what halts it, and is gone at its end", async () => {
  const told = (rollout: unknown) => ({ ...revisionDocument("3f9a2c1d8e"), state: "running", rollout });
  await open([botDocument("a")], fleetDocument({ revision: told(waves), environments: ["prod"] }));
  const line = await screen.findByTestId("rollout");
  expect(line.textContent).toBe("wave 2 of 3: 12 of 20 healthy");
  expect([...line.querySelectorAll("progress")].map((bar) => bar.value / bar.max)).toEqual([1, 0.6, 0]);
  await until(() => expect(document.title).toBe("desk prod \u2013 herdsman"));
  const tell = (rollout: unknown) =>
    FakeEventSource.last.send("fleet", fleetDocument({ revision: told(rollout) }));
  tell({ ...waves, halted: "grid-ada: crashed", failed: "grid-ada" });
  await until(() => expect(line.textContent).toContain("halted by grid-ada: crashed. The others stay"));
  expect(line.textContent).toContain("herdsman sync --continue");
  tell({ ...waves, done: true });
  await until(() => expect(screen.queryByTestId("rollout")).toBeNull());
});

test("a number changes by itself, and glows", async () => {
  await open([botDocument("a")]);
  FakeEventSource.last.send("status", botDocument("a", { pnl_today: 200 }));
  await until(() => expect(screen.getByTestId("cell-metric-a").textContent).toBe("+200.00 USDT"));
  expect(screen.getByTestId("cell-metric-a").querySelector(".glow-a")).not.toBeNull();
  FakeEventSource.last.send("status", botDocument("a", { pnl_today: -1 }));
  await until(() => expect(screen.getByTestId("cell-metric-a").querySelector(".glow-b")).not.toBeNull());
  expect(screen.getByTestId("cell-metric-a").querySelector(".loss")).not.toBeNull();
});

test("a bot without equity has no profit and loss: its newest metric is for a pointer", async () => {
  await open([
    botDocument("a", {
      equity: null,
      pnl_today: null,
      last_metric: { name: "bot_spread_bps", value: 1.25, time: 1 },
    }),
    botDocument("b", {
      pnl_today: null,
      last_log: null,
      resources: {},
      applied_revision: "",
      last_data_at: null,
    }),
  ]);
  expect(screen.getByTestId("cell-metric-a").textContent).toBe("\u2013");
  expect(screen.getByTestId("cell-metric-a").title).toBe("no equity; spread bps 1.2500");
  expect(screen.getByTestId("cell-metric-b").textContent).toBe("\u2013");
  expect(screen.getByTestId("revision-b").textContent).toBe("\u2013");
});

test("values of a bot that fell silent fade and say since when", async () => {
  await open([botDocument("a", { last_data_at: now.value - 300 })]);
  expect(screen.getByTestId("bot-row-a").className).toContain("stale");
  expect(screen.getByTestId("bot-row-a").title).toMatch(/^no data since \d{4}/);
});

test("no row moves while the mouse is over the rows", async () => {
  await open([botDocument("a"), botDocument("b")]);
  const table = screen.getByRole("table");
  fireEvent.pointerEnter(table, { pointerType: "mouse" });
  FakeEventSource.last.send("status", botDocument("b", { health: "Missing" }));
  await screen.findByTestId("order-waits");
  expect(rowNames()).toEqual(["a", "b"]);
  fireEvent.pointerLeave(table);
  await until(() => expect(rowNames()).toEqual(["b", "a"]));
});

test("a search narrows the rows, and can be taken back", async () => {
  await open([botDocument("sma-btc"), botDocument("grid-sol")]);
  fireEvent.input(screen.getByTestId("search"), { target: { value: "grid" } });
  await until(() => expect(rowNames()).toEqual(["grid-sol"]));
  expect(screen.getByTestId("shown").textContent).toBe("1 of 2 bots");
  fireEvent.input(screen.getByTestId("search"), { target: { value: "nothing like it" } });
  fireEvent.click(await screen.findByText("Show all"));
  await until(() => expect(rowNames()).toHaveLength(2));
});

test("a state in the header filters, a column's head sorts", async () => {
  await open([botDocument("a", { health: "Suspended", reason: "Suspended" }), botDocument("b")]);
  fireEvent.click(screen.getByTestId("count-Suspended"));
  await until(() => expect(rowNames()).toEqual(["a"]));
  fireEvent.click(screen.getByTestId("count-Suspended"));
  const head = screen.getByRole("columnheader", { name: /Bot/ });
  fireEvent.click(within(head).getByRole("button"));
  fireEvent.click(within(head).getByRole("button"));
  await until(() => expect(rowNames()).toEqual(["b", "a"]));
  expect(head.getAttribute("aria-sort")).toBe("descending");
});

test("arrows walk, Enter opens, Escape lets go", async () => {
  await open([botDocument("a"), botDocument("b"), botDocument("c")]);
  const chosen = () => document.querySelector(".chosen .c-name")?.textContent;
  await until(() => {
    fireEvent.keyDown(document.body, { key: "Home" });
    expect(chosen()).toBe("a");
  });
  fireEvent.keyDown(document.body, { key: "End" });
  await until(() => expect(chosen()).toBe("c"));
  fireEvent.keyDown(document.body, { key: "ArrowUp" });
  await until(() => expect(chosen()).toBe("b"));
  fireEvent.keyDown(document.body, { key: "Escape" });
  await until(() => expect(chosen()).toBeUndefined());
  fireEvent.keyDown(document.body, { key: "ArrowDown" });
  await until(() => expect(chosen()).toBe("a"));
  fireEvent.keyDown(document.body, { key: "Enter" });
  expect(place.value.page).toEqual({ name: "bot", bot: "a" });
});

test("a click anywhere on a row opens its bot", async () => {
  await open([botDocument("a")]);
  fireEvent.click(screen.getByTestId("last-log-a"));
  expect(place.value.page).toEqual({ name: "bot", bot: "a" });
});

test("the slash goes to the search, and keys typed there do nothing else", async () => {
  const stop = startKeys();
  await open([botDocument("a")]);
  fireEvent.keyDown(document.body, { key: "/" });
  expect(document.activeElement).toBe(screen.getByTestId("search"));
  fireEvent.keyDown(screen.getByTestId("search"), { key: "?" });
  fireEvent.keyDown(screen.getByTestId("search"), { key: "Escape" });
  expect(document.activeElement).not.toBe(screen.getByTestId("search"));
  stop();
});

test("only the rows in view are in the document", async () => {
  await open(Array.from({ length: 10_000 }, (_, index) => botDocument(`bot-${index}`)));
  expect(screen.getByTestId("shown").textContent).toBe("10,000 bots");
  expect(rowNames().length).toBeLessThan(100);
  expect(visibleSpan(3200, 640, 32, 10_000)).toEqual({ first: 88, last: 132 });
  expect(visibleSpan(0, 640, 32, 5)).toEqual({ first: 0, last: 5 });
  expect(visibleSpan(9e9, 640, 32, 5)).toEqual({ first: 4, last: 5 });
});

test("an empty fleet says which commands fill it", async () => {
  await open([], fleetDocument({ revision: null, synced_at: null }));
  expect(screen.getByText("No bots yet")).toBeTruthy();
  expect(document.body.textContent).toContain("git push herdsman main");
  FakeEventSource.last.send("status", botDocument("first"));
  await screen.findByTestId("bot-row-first");
});

test("what is wrong with herdsman itself stands on every page", async () => {
  await open([botDocument("a")], fleetDocument({ problems: ["Nomad does not answer since 14:02 UTC"] }));
  expect(screen.getByText("Nomad does not answer since 14:02 UTC")).toBeTruthy();
});

test("a lost connection keeps the values and says so", async () => {
  await open([botDocument("a")]);
  FakeEventSource.last.fail(false);
  await screen.findByTestId("lost-banner");
  expect(screen.getByTestId("stream-state").textContent).toBe("reconnecting");
  expect(screen.getByTestId("cell-metric-a").textContent).toBe("+184.20 USDT");
  FakeEventSource.last.open();
  await until(() => expect(screen.queryByTestId("lost-banner")).toBeNull());
});

test("before the first answer there is a skeleton, after a failure the reason and a way on", async () => {
  serve({
    "/api/v1/fleet": new Refusal(503, { title: "No store", detail: "disk is full", next: "make room" }),
  });
  render(<FleetPage />);
  expect(screen.getByTestId("loading")).toBeTruthy();
  FakeEventSource.last.open();
  expect((await screen.findByTestId("problem")).textContent).toContain("disk is full");
  serve({ "/api/v1/fleet": fleetDocument(), "/api/v1/bots": [botDocument("a")] });
  fireEvent.click(screen.getByText("Read it again"));
  await screen.findByTestId("bot-row-a");
});

test("without a session the page asks for a token", async () => {
  serve({ "/api/v1/fleet": new Refusal(401, { title: "Sign in first" }), "/api/v1/bots": [] });
  render(<FleetPage />);
  FakeEventSource.last.open();
  await screen.findByTestId("sign-in");
});

test("the last line of a row is a message's first line, and of a stack trace what happened", () => {
  expect(tellingLine("sold\nmore")).toBe("sold");
  expect(tellingLine("Traceback (most recent call last):\n  File\nValueError: no price\n")).toBe(
    "ValueError: no price",
  );
  expect(tellingLine("Traceback (most recent call last):\n  File\n    rai", "crashed twice")).toBe(
    "crashed twice",
  );
  expect(tellingLine("")).toBe("");
});
