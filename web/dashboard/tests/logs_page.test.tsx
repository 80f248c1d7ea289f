import { fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, expect, test, vi } from "vitest";
import { decodeCounts } from "../src/api/logs";
import { navigate, place } from "../src/state/router";
import { askedOf, LogSearch, searchOf, toggled, topicsOf } from "../src/state/search";
import { viewer } from "../src/state/viewer";
import { App } from "../src/ui/app";
import { FakeEventSource, fleetDocument, PATIENCE, serve, until } from "./fakes";

afterEach(() => {
  viewer.value = null;
});

const NOW = 1_790_000_000;

function line(id: string, changes: Record<string, unknown> = {}) {
  return {
    id,
    bot: "sma-btc",
    time: NOW,
    kind: "log",
    level: "error",
    message: `refused ${id}`,
    stream: "stderr",
    run: "r-1",
    revision: "3f9a2c1e8d4b",
    data: { symbol: "BTC/USDT" },
    ...changes,
  };
}

const COUNTS = {
  total: 1200,
  complete: false,
  since: NOW - 60,
  start: NOW - 3600,
  end: NOW,
  width: 60,
  buckets: [
    [NOW - 120, { error: 3, info: 9 }],
    [NOW - 60, { info: 1 }],
  ],
  facets: {
    level: { values: [["error", 3]], more: 0 },
    bot: { values: [["sma-btc", 1100]], more: 7 },
  },
};

test("a search stands in the address, and asks the API and the stream for the same", () => {
  const search = searchOf(new URLSearchParams("text=refused now&bot=a,b&level=error&range=15m&x=1"));
  expect(askedOf(search)).toEqual({ text: "refused now", bot: "a,b", level: "error", start: "-900s" });
  expect(topicsOf(search)).toEqual(["logs:text=refused+now&level=error&bot=a%2Cb"]);
  const past = searchOf(new URLSearchParams("from=100&to=200&kind=all"));
  expect(askedOf(past)).toEqual({ kind: "all", start: "100.000", end: "200.000" });
  expect(topicsOf(past)).toEqual([]);
  expect(askedOf(searchOf(new URLSearchParams("")))).toEqual({ start: "-3600s" });
});

test("a facet's value is added to the search, and taken out of it again", () => {
  const search = searchOf(new URLSearchParams("bot=a,b"));
  expect(toggled(search, "bot", "c")).toBe("a,b,c");
  expect(toggled(search, "bot", "a")).toBe("b");
  expect(toggled(searchOf(new URLSearchParams("bot=a")), "bot", "a")).toBe(null);
});

test("counts that are not what was promised are read as far as they go", () => {
  expect(decodeCounts({ facets: { bot: 5 }, buckets: [7] })).toEqual({
    total: 0,
    complete: false,
    start: 0,
    end: 0,
    width: 1,
    buckets: [{ at: 0, levels: {} }],
    facets: { bot: { values: [], more: 0 } },
  });
});

test("a search asks for all that narrows it, and no line after its end", async () => {
  const fetched = serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/logs/counts": COUNTS,
    "/api/v1/logs": { events: [], next_cursor: "" },
  });
  const search = searchOf(new URLSearchParams("text=margin&level=error&from=100&to=200"));
  await new LogSearch(search).load(new AbortController().signal);
  const asked = fetched.find((url) => url.startsWith("/api/v1/logs?")) ?? "";
  const { text, level, start, end } = Object.fromEntries(new URLSearchParams(asked.split("?")[1]));
  expect({ text, level, start, end }).toEqual({
    text: "margin",
    level: "error",
    start: "100.000",
    end: "200.000",
  });
});

test("the page shows counts and lines, opens one, narrows by a facet and goes on live", async () => {
  const fetched = serve({
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/logs/counts": COUNTS,
    "/api/v1/logs": { events: [line("one")], next_cursor: "" },
  });
  vi.stubGlobal("EventSource", FakeEventSource);
  navigate("/logs?level=error");
  const { unmount } = render(<App />);
  await until(() => expect(FakeEventSource.last.url).toContain("logs%3Alevel%3Derror"));
  FakeEventSource.last.open();
  await screen.findByText("refused one", {}, PATIENCE);
  expect(screen.getByTestId("logs-total").textContent).toBe("at least 1,200 lines");
  expect(screen.getByText("and 7 more")).toBeTruthy();
  FakeEventSource.last.send("log", line("two", { kind: "alert", level: "info" }));
  await screen.findByText(/alert: refused two/, {}, PATIENCE);
  fireEvent.click(screen.getByText("refused one"));
  expect(screen.getByTestId("found-fields").textContent).toContain("BTC/USDT");
  expect(screen.getByText("its errors").getAttribute("href")).toBe("/errors?bot=sma-btc");
  fireEvent.click(screen.getByTestId("logs-live"));
  FakeEventSource.last.send("log", line("three"));
  await screen.findByText("go on (1 new)", {}, PATIENCE);
  fireEvent.click(screen.getByTitle("sma-btc"));
  await until(() => expect(place.value.query.get("bot")).toBe("sma-btc"));
  await screen.findByText(/bot: sma-btc/, {}, PATIENCE);
  await until(() =>
    expect(fetched.some((url) => url.startsWith("/api/v1/logs?") && url.includes("bot=sma-btc"))).toBe(true),
  );
  unmount();
});
