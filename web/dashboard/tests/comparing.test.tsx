import { fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, expect, test, vi } from "vitest";
import { Deploys } from "../src/ui/comparison";
import { until } from "./fakes";

const PERIOD = { message: "tighter stops", by: "desk", change: "fast 10 -> 12", end: 200, seconds: 100 };
const [OLD, NEW] = ["a".repeat(40), "b".repeat(40)];
const ANSWER = {
  before: { ...PERIOD, revision: OLD, start: 0 },
  after: { ...PERIOD, revision: NEW, start: 100 },
  cautions: ["after ran for 12 min only: little can be said"],
  series: [
    {
      name: "bot_ms",
      labels: { venue: "x" },
      section: "metrics",
      verdict: "higher",
      before: { median: 10, per_minute: null },
      after: { median: 13, per_minute: null },
    },
    {
      name: "bot_memory_bytes",
      labels: {},
      section: "resources",
      verdict: "higher",
      before: { median: 42 * 1024 ** 2, per_minute: null },
      after: { median: 7.25 * 1024 ** 3, per_minute: null },
    },
    { name: "bot_same", labels: {}, section: "metrics", verdict: "same", before: null, after: null },
    { name: "bot_equity", labels: {}, section: "trading", verdict: "shown", before: null, after: {} },
  ],
  errors: [{ id: "4bd0", type: "BadAnswer", message: "no", verdict: "new", before: 0, after: 3 }],
  lines: [{ template: "tick <n>", example: "tick 1", verdict: "gone", before: 60, after: 0 }],
  memory_per_hour_before: 0,
  memory_per_hour_after: null,
};

afterEach(() => vi.unstubAllGlobals());

test("the revisions of a bot are listed, and two of them compared when asked", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (path: string) => {
    asked.push(path);
    const body = path.includes("/compare") ? ANSWER : [ANSWER.after, ANSWER.before];
    return new Response(JSON.stringify(body));
  });
  render(<Deploys bot="sma-btc" runs="r1" />);
  const list = await screen.findByTestId("deploys");
  expect(list.textContent).toContain("by desk: fast 10 -> 12");
  expect(screen.queryByTestId("compare-aaaaaaa")).toBeNull();
  fireEvent.click(screen.getByTestId("compare-bbbbbbb"));
  const found = await until(() => screen.getByTestId("comparison"));
  expect(asked.at(-1)).toBe(`/api/v1/bots/sma-btc/compare?before=${OLD}&after=${NEW}`);
  for (const text of [
    "12 min only",
    "BadAnswer: no",
    "tick <n>",
    "bot_ms venue=x",
    "higher",
    "42 MiB",
    "7.25 GiB",
    "not known",
  ])
    expect(found.textContent).toContain(text);
  expect(found.textContent).not.toContain("bot_same");
  expect(found.textContent).not.toContain("shown");
});

test("what cannot be compared is said in the server's words", async () => {
  vi.stubGlobal("fetch", async (path: string) =>
    path.includes("/compare")
      ? new Response(JSON.stringify({ title: "Not found", detail: "it ran once" }), { status: 404 })
      : new Response(JSON.stringify([ANSWER.after, ANSWER.before])),
  );
  render(<Deploys bot="sma-btc" runs="r1" />);
  fireEvent.click(await screen.findByTestId("compare-bbbbbbb"));
  expect(await screen.findByText("Not found: it ran once")).toBeTruthy();
});
