import { fireEvent, render, screen } from "@testing-library/preact";
import { beforeEach, expect, test, vi } from "vitest";
import { navigate, place } from "../src/state/router";
import { ComparePage } from "../src/ui/compare_page";

const spread = (bots: number, median: number) => {
  const reach = bots === 1 ? 0 : 1;
  return { bots, median, low: median - reach, high: median + reach };
};
const row = (section: string, name: string, verdict: string, more = {}) => ({
  section,
  name,
  verdict,
  labels: {},
  before: spread(8, 10),
  after: spread(8, 20),
  moved: {},
  ...more,
});
const MIB = 1024 ** 2;
const ANSWER = {
  before: "before 91c0e4d",
  after: "91c0e4d",
  parts: [
    {
      mode: "dry",
      before: 8,
      after: 8,
      cautions: ["2 of 8 ran for less than an hour at one of the two"],
      rows: [
        row("errors", "BadAnswer: no", "new", { before: null, after: spread(3, 1), moved: { new: 3 } }),
        row("metrics", "bot_ms", "higher", { labels: { venue: "x" }, moved: { higher: 7, same: 1 } }),
        row("metrics", "bot_mixed", "mixed", { moved: { higher: 3, lower: 5 } }),
        row("metrics", "bot_same", "same"),
        row("resources", "bot_memory_bytes", "higher", {
          before: { bots: 8, median: 42 * MIB, low: 41 * MIB, high: 44.4 * MIB },
          after: { bots: 1, median: 40 * 1024 * MIB, low: 39.9 * 1024 * MIB, high: 40.1 * 1024 * MIB },
        }),
        row("lines", "cannot reset sent_bytes", "more", {
          before: { bots: 8, median: 1.5, low: 1, high: 2 },
          after: { bots: 8, median: 3000, low: 2800, high: 3100 },
          moved: { more: 8 },
        }),
        row("trading", "bot_equity", "shown", { after: spread(1, 5) }),
      ],
    },
  ],
};

const asked: string[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", async (path: string) => {
    asked.push(path);
    if (path.startsWith("/api/v1/compare") && path.includes("none"))
      return new Response(JSON.stringify({ title: "Not found", detail: "no such bots" }), { status: 404 });
    return new Response(JSON.stringify(path.startsWith("/api/v1/compare") ? ANSWER : {}));
  });
});

test("bots of a program are compared, each mode with its cautions and what differs", async () => {
  navigate("/compare?of=program%3Dsma");
  render(<ComparePage />);
  const found = (await screen.findByTestId("compared-dry")).textContent ?? "";
  expect(asked).toContain("/api/v1/compare?of=program%3Dsma");
  for (const text of ["dry: 8 bots", "2 of 8 ran for less", "BadAnswer: no"]) expect(found).toContain(text);
  for (const text of ["0 of 8 bots", "3 of 8 bots", "new in 3 of 8", "bot_ms venue=x", "10 (9 to 11)"])
    expect(found).toContain(text);
  for (const text of ["higher in 7 of 8", "lower in 5, higher in 3", "5 in 1 of 8"])
    expect(found).toContain(text);
  expect(found).not.toContain("bot_same");
  for (const text of ["42 MiB (41 MiB to 44.4 MiB)", "40 GiB (39.9 GiB to 40.1 GiB) in 1 of 8"])
    expect(found).toContain(text);
  expect(found).toContain("3,000 (2,800 to 3,100)"); // lines a minute, whatever their text ends with
});

test("what is asked for goes into the address; two groups leave revisions behind", async () => {
  navigate("/compare?of=all&after=abc");
  render(<ComparePage />);
  fireEvent.input(await screen.findByTestId("compare-of"), { target: { value: "label=a" } });
  fireEvent.input(screen.getByTestId("compare-with"), { target: { value: "label=b" } });
  fireEvent.submit(screen.getByTestId("compare-of").closest("form") as HTMLFormElement);
  expect(place.value.query.toString()).toBe("of=label%3Da&with=label%3Db");
});

test("nothing asked for says what can be, and what cannot be compared is said in the server's words", async () => {
  navigate("/compare");
  const page = render(<ComparePage />);
  expect(await screen.findByText("label=desk=alpha")).toBeTruthy();
  page.unmount();
  navigate("/compare?of=program%3Dnone");
  render(<ComparePage />);
  expect(await screen.findByText("Not found: no such bots")).toBeTruthy();
});
