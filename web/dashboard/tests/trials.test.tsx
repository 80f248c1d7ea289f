import { fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, expect, test, vi } from "vitest";
import { mistakesIn } from "../src/api/trials";
import { navigate, place } from "../src/state/router";
import { viewer } from "../src/state/viewer";
import { App } from "../src/ui/app";
import { FakeEventSource, fleetDocument, PATIENCE, Refusal, serve } from "./fakes";

const END = 1_767_225_600;
const RULES = [
  { rule: "deep", bots: 2, tried: true },
  { rule: "hung", bots: 2, tried: false },
];

afterEach(() => {
  viewer.value = null;
});

function tried(changes: Record<string, unknown> = {}) {
  return {
    bot: "sma-btc",
    rule: "deep",
    severity: "critical",
    does: "suspend",
    alerts: 1,
    messages: 2,
    firing_seconds: 720,
    lacks: "",
    episodes: [{ began: END - 3600, ended: END - 2880, text: "drawdown is 12%, above 10%", muted: false }],
    ...changes,
  };
}

function trial(rules: unknown[], notes: string[] = []) {
  return { start: END - 86_400, end: END, step: 10, bots: 2, of: 2, complete: true, notes, rules };
}

/** Open the panel, and answer what is tried; returns what was sent. */
async function open(path: string, answer: (body: string, query: URLSearchParams) => unknown) {
  const sent: Record<string, unknown>[] = [];
  serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/alerts": { alerts: [], mutes: [], rules: 3 },
    "/api/v1/alerts/history": { alerts: [], next: 0 },
    "/api/v1/alerts/rules": RULES,
    "/api/v1/alerts/trials": (query: URLSearchParams, body: string) => {
      sent.push({ ...JSON.parse(body), start: query.get("start") });
      return answer(body, query);
    },
  });
  navigate(path);
  render(<App />);
  await vi.waitFor(() => expect(FakeEventSource.opened).toHaveLength(1), PATIENCE);
  FakeEventSource.last.open();
  return sent;
}

test("a rule that is written is tried alone, and shows when it would have fired and what it would have done", async () => {
  const sent = await open("/alerts", () => trial([tried()]));
  fireEvent.click(await screen.findByTestId("try-a-rule", {}, PATIENCE));
  const text = await screen.findByTestId("trial-text", {}, PATIENCE);
  expect(place.value.query.has("try")).toBe(true);
  fireEvent.input(text, { target: { value: "alerts: {rules: {deep: {}}}" } });
  fireEvent.click(screen.getByTestId("trial-run"));
  await screen.findByText("1 alert of 1 bot would have fired.", {}, PATIENCE);
  expect(sent).toEqual([{ text: "alerts: {rules: {deep: {}}}", bot: "", alone: true, start: "-24h" }]);
  const entry = within(screen.getByTestId("tried-sma-btc-deep"));
  expect(entry.getByText("drawdown is 12%, above 10%")).toBeTruthy();
  expect(entry.getByText("over after 12 min")).toBeTruthy();
  expect(entry.getByText("the bot would have been suspended")).toBeTruthy();
  expect(entry.getByRole("img", { name: "fired for 12 min" })).toBeTruthy();
});

test("a rule in force is chosen, for one bot; one whose verdicts are not kept cannot be", async () => {
  const sent = await open("/alerts?bot=sma-btc&try=", () => trial([tried({ alerts: 0, episodes: [] })]));
  const choice = (await screen.findByTestId("trial-rule", {}, PATIENCE)) as HTMLSelectElement;
  await vi.waitFor(() => expect(choice.options).toHaveLength(4), PATIENCE);
  expect([...choice.options].filter((one) => one.disabled).map((one) => one.value)).toEqual(["hung"]);
  fireEvent.change(choice, { target: { value: "deep" } });
  await vi.waitFor(() => expect(screen.queryByTestId("trial-text")).toBeNull(), PATIENCE);
  fireEvent.click(screen.getByTestId("trial-run"));
  await screen.findByText("Nothing would have fired.", {}, PATIENCE);
  expect(sent).toEqual([{ rule: "deep", bot: "sma-btc", start: "-24h" }]);
  expect(place.value.query.get("try")).toBe("deep");
});

test("a mistake shows its line as it was written, and what was meant", async () => {
  const detail = 'rules:4:14  unknown key "figre" (did you mean "figure"?)';
  await open("/alerts?try=", () => new Refusal(422, { title: "Documents are wrong", detail }));
  fireEvent.click(await screen.findByTestId("trial-run", {}, PATIENCE));
  const problem = within(await screen.findByTestId("trial-problem", {}, PATIENCE));
  expect(problem.getByText("line 4:")).toBeTruthy();
  expect(problem.getByText(/did you mean "figure"\?/)).toBeTruthy();
  expect(problem.getByText("when: {figure: drawdown, above: 10%}")).toBeTruthy();
});

test("while it is tried that is said, and nothing can be tried beside it", async () => {
  let answer: (value: unknown) => void = () => {};
  await open("/alerts?try=*", () => new Promise((resolve) => (answer = resolve)));
  const run = (await screen.findByTestId("trial-run", {}, PATIENCE)) as HTMLButtonElement;
  fireEvent.click(run);
  await screen.findByText(/it takes 30 s at most/, {}, PATIENCE);
  expect([run.disabled, run.textContent]).toEqual([true, "Trying…"]);
  answer(trial([tried({ lacks: "no value of bot_x", alerts: 0, episodes: [] })], ["1 of 2 bots is tried"]));
  await screen.findByText("Could not be judged: deep of sma-btc: no value of bot_x", {}, PATIENCE);
  expect(screen.getByText("1 of 2 bots is tried")).toBeTruthy();
  expect(run.disabled).toBe(false);
});

test("of many alerts the first are shown, then all that are told one by one", async () => {
  const episodes = Array.from({ length: 12 }, (_, place) => ({
    began: END - 10_000 + place * 100,
    ended: place === 11 ? null : END - 9950 + place * 100,
    text: `it was ${place}`,
    muted: place === 2,
  }));
  await open("/alerts?try=*", () => trial([tried({ alerts: 20, episodes, does: "" })]));
  fireEvent.click(await screen.findByTestId("trial-run", {}, PATIENCE));
  fireEvent.click(await screen.findByText("show 4", {}, PATIENCE));
  expect(await screen.findByText("it was 11", {}, PATIENCE)).toBeTruthy();
  expect(screen.getByText("to the end")).toBeTruthy();
  expect(screen.getByText("8 more")).toBeTruthy();
});

test("what is of no line is told as it is", () => {
  expect(mistakesIn("there is no bot x\nrules:2:1  bad")).toEqual([
    { line: null, text: "there is no bot x" },
    { line: 2, text: "bad" },
  ]);
});
