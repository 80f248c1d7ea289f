/** From a metric's lines to the columns that uPlot draws: pure. */

import { type Line, withGaps } from "../state/series";

/** One common time column, and a value column a line: null is a gap, undefined no sample of this line. */
export type Columns = [number[], ...(number | null | undefined)[][]];

/** Lines drawn in one chart; of more, those with the newest points. */
export const DRAWN = 12;

export function drawnLines(lines: Iterable<Line>): Line[] {
  const all = [...lines].filter((line) => line.times.length > 0);
  if (all.length > DRAWN) {
    all.sort((left, right) => (right.times.at(-1) ?? 0) - (left.times.at(-1) ?? 0));
    all.length = DRAWN;
  }
  return all.sort((left, right) => (left.key < right.key ? -1 : 1));
}

export function columnsOf(lines: readonly Line[], spacing: number, gaps: boolean): Columns {
  const parts = lines.map((line): [number[], (number | null)[]] =>
    gaps ? withGaps(line, spacing) : [line.times, line.values],
  );
  const [only] = parts;
  if (only === undefined) return [[]];
  if (parts.length === 1) return [only[0], only[1]];
  return joined(parts);
}

function joined(parts: readonly [number[], (number | null)[]][]): Columns {
  const times = [...new Set(parts.flatMap(([own]) => own))].sort((left, right) => left - right);
  const values = parts.map(([own, column]) => {
    let at = 0;
    return times.map((time) => {
      if (own[at] !== time) return undefined;
      const value = column[at];
      at += 1;
      return value;
    });
  });
  return [times, ...values];
}

/** The y scale: all values in view with some air, zero and the limit where they belong to it. */
export function yRange(
  least: number | null,
  most: number | null,
  include: readonly (number | null)[],
): [number, number] {
  const known = [least, most, ...include].filter(
    (value) => value !== null && Number.isFinite(value),
  ) as number[];
  if (known.length === 0) return [0, 1];
  let low = Math.min(...known);
  let high = Math.max(...known);
  if (low === high) {
    const room = Math.abs(low) * 0.01 || 1;
    if (!(include.includes(0) && low === 0)) low -= room;
    high += room;
  }
  const air = (high - low) * 0.08;
  const atZero = include.includes(0) && low === 0;
  return [atZero ? 0 : low - air, high + air];
}
