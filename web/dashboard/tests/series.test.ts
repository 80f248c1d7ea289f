import { expect, test } from "vitest";
import { columnsOf, DRAWN, drawnLines, yRange } from "../src/charts/data";
import { timeTicks } from "../src/charts/ticks";
import { panelsOf } from "../src/state/panels";
import { parseRange, rangeQuery, shownWindow, windowOf } from "../src/state/range";
import {
  firstAfter,
  gapLength,
  LINES_LIMIT,
  labelKey,
  labelText,
  Metric,
  spacingOf,
  withGaps,
} from "../src/state/series";
import { zone } from "../src/state/settings";
import { bot } from "./fakes";

const sample = (time: number, value: number, labels = {}) => ({ name: "m", labels, time, value });
const points = (...times: number[]): [number, number][] => times.map((time) => [time, time * 10]);

function line(times: number[]) {
  return { key: "", labels: {}, times, values: times.map((time) => time * 10) };
}

test("history goes under the live points without a double", () => {
  const metric = new Metric();
  for (const time of [9, 10, 11, 12]) metric.add(sample(time, 1));
  metric.merge([{ labels: { bot: "b" }, points: points(7, 8, 9, 10) }]);
  const [only] = [...metric.lines.values()];
  expect(only?.times).toEqual([7, 8, 9, 10, 11, 12]);
  expect(only?.values).toEqual([70, 80, 90, 100, 1, 1]);
});

test("a late sample goes to its place, and the same time again replaces the value", () => {
  const metric = new Metric();
  for (const time of [1, 3, 2]) metric.add(sample(time, time));
  metric.add(sample(2, 22));
  const [only] = [...metric.lines.values()];
  expect(only?.times).toEqual([1, 2, 3]);
  expect(only?.values).toEqual([1, 22, 3]);
  expect(metric.newest()).toMatchObject({ time: 3, value: 3 });
});

test("lines are told apart by the labels that differ", () => {
  const metric = new Metric();
  metric.add(sample(1, 1, { bot: "b", symbol: "BTC", side: "buy" }));
  metric.add(sample(1, 1, { bot: "b", symbol: "ETH", side: "buy" }));
  expect([...metric.lines.keys()]).toEqual(["side=buy symbol=BTC", "side=buy symbol=ETH"]);
  expect(labelText({ bot: "b", symbol: "ETH" })).toBe("ETH");
  expect(labelKey({ fleet: "f", __name__: "n" })).toBe("");
});

test("a metric holds a bounded number of lines and points", () => {
  const metric = new Metric();
  for (let index = 0; index < LINES_LIMIT + 5; index += 1)
    metric.add(sample(1, 1, { symbol: String(index) }));
  expect(metric.lines.size).toBe(LINES_LIMIT);
  const long = new Metric();
  for (let time = 0; time < 20_500; time += 1) long.add(sample(time, time));
  expect([...long.lines.values()][0]?.times.length).toBeLessThan(20_001);
  expect(long.newest()?.time).toBe(20_499);
  expect(new Metric().newest()).toBeNull();
});

test("the place of a time is found from both ends", () => {
  expect([0, 1, 2, 3, 9].map((time) => firstAfter([1, 2, 3], time))).toEqual([0, 1, 2, 3, 3]);
});

test("a gap in the data is a gap in the line", () => {
  const times = [0, 10, 20, 30, 100, 110];
  const [columns, values] = withGaps(line(times), 0);
  expect(values.filter((value) => value === null)).toHaveLength(1);
  expect(columns[4]).toBeGreaterThan(30);
  expect(columns[4]).toBeLessThan(100);
  expect(gapLength([1, 2], 0)).toBe(Number.POSITIVE_INFINITY);
});

test("a thinned history has no false gaps between its extremes", () => {
  const dense = Array.from({ length: 2000 }, (_, index): [number, number] => [index * 0.5, 1]);
  expect(spacingOf([{ labels: {}, points: dense }], { from: 0, to: 999 })).toBe(1);
  expect(spacingOf([{ labels: {}, points: points(1, 2) }], { from: 0, to: 999 })).toBe(0);
  const [, values] = withGaps(line([0, 1, 2, 6, 7, 8]), 2);
  expect(values).not.toContain(null);
});

test("a history that is kept in steps has no gaps where live points are denser", () => {
  const spacing = spacingOf([{ labels: {}, points: points(0, 10) }], { from: 0, to: 999 }, 10);
  const [, values] = withGaps(line([0, 10, 20, 21, 22, 23, 24, 25, 26]), spacing);
  expect(values).not.toContain(null);
  expect(withGaps(line([0, 10, 40, 41, 42, 43]), spacing)[1]).toContain(null);
});

test("lines with other times share one column, and only gaps are null", () => {
  const [times, first, second] = columnsOf([line([1, 2, 3]), line([2, 4])], 0, true);
  expect(times).toEqual([1, 2, 3, 4]);
  expect(first).toEqual([10, 20, 30, undefined]);
  expect(second).toEqual([undefined, 20, undefined, 40]);
  expect(columnsOf([], 0, true)).toEqual([[]]);
  expect(columnsOf([line([1, 9])], 0, false)).toEqual([
    [1, 9],
    [10, 90],
  ]);
});

test("of too many lines the freshest are drawn", () => {
  const many = Array.from({ length: 20 }, (_, index) => ({
    ...line([index]),
    key: String(index).padStart(2, "0"),
  }));
  const drawn = drawnLines([...many, line([])]);
  expect(drawn).toHaveLength(DRAWN);
  expect(drawn[0]?.key).toBe("08");
});

test("the value scale holds zero and the limit where they belong to it", () => {
  expect(yRange(2, 4, [0, 50])).toEqual([0, 54]);
  expect(yRange(null, null, [null])).toEqual([0, 1]);
  expect(yRange(0, 0, [0])).toEqual([0, 1.08]);
  const [low, high] = yRange(5, 5, [null]);
  expect(low).toBeLessThan(5);
  expect(high).toBeGreaterThan(5);
  expect(yRange(-10, 10, [0])[0]).toBeLessThan(-10);
});

test("equity comes first, then price, resources against limits, then the rest by name", () => {
  const panels = panelsOf(
    "bot_up bot_zeta bot_cpu_limit_percent bot_memory_bytes bot_price bot_alpha bot_cpu_percent bot_equity bot_equity bot_disk_read_bytes_per_second bot_equity_realized_pnl".split(
      " ",
    ),
    "USDT",
  );
  expect(panels.map((panel) => panel.metric.replace("bot_", ""))).toEqual(
    "equity equity_realized_pnl price cpu_percent memory_bytes disk_read_bytes_per_second alpha zeta up".split(
      " ",
    ),
  );
  expect(panels[0]).toMatchObject({ unit: "USDT", tall: true });
  expect(panels[1]?.title).toBe("equity realized P&L");
  expect(panels[3]?.limit(bot("a"))).toBe(50);
  expect(panels[4]?.limit(bot("a"))).toBe(64 * 2 ** 20);
  expect(panels[0]?.limit(bot("a"))).toBeNull();
  expect(panels[5]?.format(2048)).toBe("2 KiB/s");
});

test("what happens once is drawn as points, and each unit reads as one", () => {
  const [order, loop, age, count] = panelsOf(["bot_order_price", "bot_x_ms", "bot_x_seconds", "bot_zz"], "");
  expect(order?.drawing).toBe("points");
  expect(loop?.format(12)).toBe("12 ms");
  expect(age?.format(0.5)).toBe("0.5 s");
  expect(count).toMatchObject({ unit: "", drawing: "line" });
});

test("a range is read from the address and written back the same", () => {
  const parse = (text: string) => parseRange(new URLSearchParams(text));
  expect(parse("range=6h")).toEqual({ kind: "last", name: "6h", seconds: 21_600 });
  expect(parse("")).toMatchObject({ kind: "last" });
  expect(parse("range=nonsense")).toEqual(parse(""));
  const between = parse("from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z");
  expect(between).toEqual({ kind: "between", from: 1_767_225_600, to: 1_767_229_200 });
  expect(rangeQuery(between)).toEqual({
    range: null,
    from: "2026-01-01T00:00:00Z",
    to: "2026-01-01T01:00:00Z",
  });
  expect(parse("from=10&to=20")).toEqual({ kind: "between", from: 10, to: 20 });
  expect(parse("from=20&to=10")).toEqual(parse(""));
  expect(rangeQuery(parse("range=1d"))).toEqual({ range: "1d", from: null, to: null });
});

test("a live range ends now, a fixed one where it says", () => {
  expect(windowOf({ kind: "last", name: "5m", seconds: 300 }, 1000)).toEqual({ from: 700, to: 1000 });
  expect(windowOf({ kind: "between", from: 1, to: 2 }, 1000)).toEqual({ from: 1, to: 2 });
});

test("ticks stand on whole times and have room for their labels", () => {
  zone.value = "UTC";
  const start = 1_767_225_600 - 1800;
  const ticks = timeTicks({ from: start, to: start + 3600 }, 600);
  const labels = ticks.map((tick) => tick.label);
  expect(labels).toContain("1 Jan");
  expect(labels[0]).toBe("23:30");
  expect(ticks.length).toBeGreaterThan(3);
  expect(timeTicks({ from: start, to: start + 20 }, 600)[0]?.label).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(timeTicks({ from: start, to: start + 400 * 86_400 }, 300).length).toBeLessThan(15);
});

test("without a range in the address the charts begin with the data", () => {
  const fits = parseRange(new URLSearchParams());
  expect(shownWindow(fits, 10_000, null)).toEqual({ from: 9100, to: 10_000 });
  expect(shownWindow(fits, 10_000, 9800)).toEqual({ from: 9800, to: 10_000 });
  expect(shownWindow(fits, 10_000, 9990)).toEqual({ from: 9940, to: 10_000 });
  expect(shownWindow(fits, 10_000, 5)).toEqual({ from: 9100, to: 10_000 });
  const chosen = parseRange(new URLSearchParams("range=15m"));
  expect(shownWindow(chosen, 10_000, 9800)).toEqual({ from: 9100, to: 10_000 });
});

test("the oldest point of all lines is known", () => {
  const metric = new Metric();
  expect(metric.earliest()).toBeNull();
  metric.add(sample(5, 1, { symbol: "a" }));
  metric.add(sample(3, 1, { symbol: "b" }));
  expect(metric.earliest()).toBe(3);
});
