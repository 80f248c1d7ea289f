import { fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { panelsOf } from "../src/state/panels";
import { navigate, place } from "../src/state/router";
import { learnViewer, viewer, whyNot } from "../src/state/viewer";
import { App } from "../src/ui/app";
import { lazyPart } from "../src/ui/lazy";
import { narrow } from "../src/ui/media";
import {
  type Answers,
  botAnswers,
  botDocument,
  FakeEventSource,
  fleetDocument,
  NOW,
  PATIENCE,
  Refusal,
  serve,
  until,
} from "./fakes";

beforeEach(() => {
  HTMLDialogElement.prototype.close = function close() {
    this.open = false;
  };
  HTMLDialogElement.prototype.showModal = function showModal() {
    this.open = true;
  };
});
afterEach(() => {
  narrow.value = false;
  viewer.value = null;
  vi.useRealTimers();
});

async function openBot(changes: Answers = {}, path = "/bots/sma-btc") {
  serve(botAnswers(changes));
  navigate(path);
  render(<App />);
  await until(() => expect(FakeEventSource.opened).toHaveLength(1));
  FakeEventSource.last.open();
  await screen.findByRole("heading", { name: "sma-btc" });
}

const removedAnswer = {
  bot: botDocument("sma-btc", { program: "", health: "Unknown", reason: "Removed" }),
  metrics: ["bot_equity"],
  removed: { revision: "3f9a2c1d8e", at: NOW },
};

test("a removed bot's page says so, shows its last quarter of an hour, and offers nothing to do", async () => {
  await openBot({ "/api/v1/bots/sma-btc": removedAnswer });
  expect((await screen.findByTestId("removed", {}, PATIENCE)).textContent).toContain(
    "removed from the fleet by revision 3f9a2c1",
  );
  expect(screen.getByTestId("health-sma-btc").textContent).toContain("removed");
  expect(screen.queryByTestId("restart")).toBeNull();
  await until(() => expect(place.value.query.get("from")).not.toBeNull());
  expect((await screen.findByTestId("log-lines")).textContent).toContain("first line");
});

test("on a phone the charts are one of the tabs, and the arrow keys walk along them", async () => {
  narrow.value = true;
  await openBot();
  expect(screen.getByTestId("tab-charts").getAttribute("aria-selected")).toBe("true");
  expect(screen.queryByTestId("log-lines")).toBeNull();
  fireEvent.keyDown(screen.getByTestId("tab-charts"), { key: "ArrowRight" });
  expect(place.value.query.get("tab")).toBe("logs");
  await screen.findByTestId("log-lines");
  expect(screen.queryByTestId("chart-bot_equity")).toBeNull();
  fireEvent.keyDown(screen.getByTestId("tab-logs"), { key: "ArrowLeft" });
  fireEvent.keyDown(screen.getByTestId("tab-charts"), { key: "ArrowLeft" });
  expect(place.value.query.get("tab")).toBe("status");
  await screen.findByText("Conditions");
});

test("without equity a bot's own metrics come before its resources", () => {
  const names = ["bot_cpu_percent", "bot_up", "bot_spread", "bot_price"];
  expect(panelsOf(names, "").map(({ metric }) => metric)).toEqual([
    "bot_price",
    "bot_spread",
    "bot_cpu_percent",
    "bot_up",
  ]);
  expect(panelsOf([...names, "bot_equity"], "").map(({ metric }) => metric)).toEqual([
    "bot_equity",
    "bot_price",
    "bot_cpu_percent",
    "bot_spread",
    "bot_up",
  ]);
});

test("a lost connection says since when, counts down, and is tried at once where that is wanted", async () => {
  await openBot();
  FakeEventSource.last.fail(true);
  const retry = await screen.findByTestId("retry");
  await until(() => expect(retry.textContent).toMatch(/Next try in|Trying now/));
  expect(screen.getByTestId("lost-banner").textContent).toContain("No connection since");
  expect(document.querySelector(".page")?.classList.contains("lost")).toBe(true);
  const before = FakeEventSource.opened.length;
  fireEvent.click(screen.getByText("Try now"));
  expect(FakeEventSource.opened.length).toBeGreaterThan(before);
  FakeEventSource.last.open();
  await until(() => expect(screen.queryByTestId("lost-banner")).toBeNull());
});

test("a session that ends leaves the page, asks for a token over it, and goes on after it", async () => {
  await openBot();
  const answers = botAnswers();
  serve({ "/api/v1/fleet": new Refusal(401, { title: "Sign in first" }) });
  FakeEventSource.last.fail(true);
  const dialog = await screen.findByTestId("sign-in-again");
  expect(screen.getByRole("heading", { name: "sma-btc" })).toBeTruthy();
  expect((await screen.findByTestId("log-lines")).textContent).toContain("first line");
  fireEvent(dialog, new Event("cancel", { cancelable: true }));
  serve({ ...answers, "/api/v1/whoami": { name: "desk", scope: "read" }, "/sign-in": {} });
  fireEvent.input(screen.getByTestId("token"), { target: { value: "secret" } });
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await until(() => expect(FakeEventSource.opened).toHaveLength(2));
  FakeEventSource.last.open();
  await until(() => expect(screen.queryByTestId("sign-in-again")).toBeNull());
  await until(() => expect(viewer.value).toEqual({ name: "desk", scope: "read" }));
  expect(((await screen.findByTestId("suspend")) as HTMLButtonElement).disabled).toBe(true);
});

test("a page that one may not read says with what to sign in", async () => {
  serve({ "/api/v1/fleet": new Refusal(403, { title: "Not allowed", detail: "this takes read" }) });
  navigate("/");
  render(<App />);
  FakeEventSource.last.open();
  const problem = await screen.findByTestId("problem");
  expect(problem.textContent).toContain("Not allowed");
  expect(problem.textContent).toContain("another token");
});

test("who looks is learnt once, and again where it could not be", async () => {
  serve({});
  await learnViewer(true);
  expect(viewer.value).toBeNull();
  serve({ "/api/v1/whoami": { name: "a", scope: "operate" } });
  await learnViewer();
  expect(viewer.value?.scope).toBe("operate");
  serve({ "/api/v1/whoami": { name: "b", scope: "read" } });
  await learnViewer();
  expect(viewer.value?.name).toBe("a");
  expect([whyNot(null), whyNot({ name: "a", scope: "admin" })]).toEqual(["", ""]);
});

test("a suspended bot can be resumed, any other restarted and suspended, each with a reason", async () => {
  await openBot();
  const posted: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, init?: RequestInit) => {
    posted.push([path, JSON.parse(String(init?.body ?? "null"))]);
    return new Response("{}", { status: 202 });
  });
  fireEvent.click(await screen.findByTestId("suspend"));
  const dialog = screen.getByRole("dialog", { name: "Suspend" });
  const input = dialog.querySelector("input") as HTMLInputElement;
  fireEvent.input(input, { target: { value: " exchange maintenance " } });
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await until(() =>
    expect(posted).toEqual([["/api/v1/bots/sma-btc/suspend", { reason: "exchange maintenance" }]]),
  );
});

test("a part whose code cannot be read says so", async () => {
  const { Page } = lazyPart(
    () => Promise.reject(new Error("gone")),
    () => <p>waiting</p>,
  );
  render(<Page />);
  expect(screen.getByText("waiting")).toBeTruthy();
  await screen.findByText("This part of the page could not be read");
});

test("a page shows its frame while its code is read", async () => {
  serve({ "/api/v1/fleet": fleetDocument() });
  navigate("/");
  render(<App />);
  expect(screen.getByTestId("loading").className).toContain("skeleton-fleet");
});

const on = {
  scope: "account=binance-1",
  words: "account binance-1",
  by: "desk-ops",
  reason: "runaway orders",
  since: NOW,
  total: 3,
  asked: 2,
  dead: 2,
  complete: false,
  survivors: [{ bot: "sma-btc", fate: "unknown", why: "may still run on node n1", node: "n1" }],
};

/** Open the bot's page as a viewer; returns what was posted to a path. */
async function openBotWith(who: { scope: string }, changes: Answers = {}) {
  const whoami = { "/api/v1/whoami": { name: "desk", ...who } };
  await openBot({ ...changes, ...whoami, "/api/v1/kill": {}, "/api/v1/release": {} });
  await learnViewer(true);
  const posted = new Map<string, unknown>();
  const answer = globalThis.fetch;
  vi.stubGlobal("fetch", (address: string, init?: RequestInit) => {
    if (init?.method === "POST") posted.set(address, JSON.parse(String(init.body)));
    return answer(address, init);
  });
  return (path: string) => posted.get(path);
}

test("a kill switch that is on stands over every page, with who is not dead and its release", async () => {
  const sent = await openBotWith({ scope: "admin" }, { "/api/v1/fleet": fleetDocument({ kills: [on] }) });
  const banner = await screen.findByTestId("kill-banner");
  expect(banner.textContent).toContain("Kill switch is on: account binance-1");
  expect(banner.textContent).toContain("by desk-ops: \u201crunaway orders\u201d. 2 of 3 dead.");
  expect(banner.textContent).toContain("sma-btc may still run on node n1");
  const dead = { ...on, dead: 3, complete: true, stopping: 2, survivors: [] };
  FakeEventSource.last.send("fleet", fleetDocument({ kills: [dead] }));
  await until(() => expect(banner.textContent).toContain("All are dead, 2 jobs still being stopped."));
  FakeEventSource.last.send("fleet", fleetDocument({ kills: [{ ...dead, stopping: 0 }] }));
  await until(() => expect(banner.textContent).toContain("Nothing of it runs."));
  fireEvent.click(await screen.findByTestId("release"));
  const dialog = screen.getByRole("dialog", { name: "Release" });
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  await until(() => expect(sent("/api/v1/release")).toEqual({ scope: "account=binance-1", reason: "" }));
});

test("the kill switch wants its word typed, and says which bots are meant", async () => {
  const sent = await openBotWith({ scope: "operate" });
  fireEvent.click(await screen.findByTestId("kill-switch"));
  const dialog = screen.getByRole("dialog", { name: "Kill switch" });
  const field = (name: string) => dialog.querySelector(`[name=${name}]`) as HTMLInputElement;
  const go = screen.getByRole("button", { name: "End them now" }) as HTMLButtonElement;
  expect(go.disabled).toBe(true);
  fireEvent.change(field("kind"), { target: { value: "account" } });
  fireEvent.input(field("which"), { target: { value: "binance-1" } });
  fireEvent.input(field("reason"), { target: { value: "key leaked" } });
  fireEvent.input(field("word"), { target: { value: "Kill" } });
  expect(go.disabled).toBe(false);
  fireEvent.submit(dialog.querySelector("form") as HTMLFormElement);
  const asked = { scope: "account=binance-1", reason: "key leaked" };
  await until(() => expect(sent("/api/v1/kill")).toEqual(asked));
});

test("who may not operate finds the kill switch shut, and who may not release too", async () => {
  await openBotWith({ scope: "read" }, { "/api/v1/fleet": fleetDocument({ kills: [on] }) });
  expect(((await screen.findByTestId("kill-switch")) as HTMLButtonElement).disabled).toBe(true);
  expect(((await screen.findByTestId("release")) as HTMLButtonElement).title).toContain("scope admin");
});
