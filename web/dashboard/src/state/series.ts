/** The points of a bot's metrics: history from the API, joined with what the stream adds. */

import type { Sample, SeriesData } from "../api/documents";

export interface Line {
  /** Identity within its metric: the labels that tell it from its sisters. */
  key: string;
  labels: Record<string, string>;
  times: number[];
  values: number[];
}

/** Labels that are the same for every series of one bot on its page. */
const COMMON = new Set(["__name__", "fleet", "bot", "program", "env"]);
/** A line's points in memory; the oldest go first. */
const LINE_LIMIT = 20_000;
/** Lines of one metric; more are kept by the stores but not drawn. */
export const LINES_LIMIT = 50;

export function labelKey(labels: Record<string, string>): string {
  return Object.keys(labels)
    .filter((name) => !COMMON.has(name) && labels[name] !== "")
    .sort()
    .map((name) => `${name}=${labels[name]}`)
    .join(" ");
}

/** The labels' values alone: what a legend shows. */
export function labelText(labels: Record<string, string>): string {
  return Object.keys(labels)
    .filter((name) => !COMMON.has(name) && labels[name] !== "")
    .sort()
    .map((name) => labels[name])
    .join(" ");
}

/** All lines of one metric. */
export class Metric {
  readonly lines = new Map<string, Line>();

  /** Put a history under what the stream has brought since; the live points after its end stay. */
  merge(history: readonly SeriesData[]): void {
    for (const { labels, points } of history) {
      const line = this.line(labels);
      if (line === undefined || points.length === 0) continue;
      const times = points.map(([time]) => time);
      const values = points.map(([, value]) => value);
      const end = times[times.length - 1] ?? 0;
      const from = firstAfter(line.times, end);
      line.times = times.concat(line.times.slice(from));
      line.values = values.concat(line.values.slice(from));
    }
  }

  /** Add one live sample, in the order of time; the same time again replaces the value. */
  add(sample: Sample): void {
    const line = this.line(sample.labels);
    if (line === undefined) return;
    const at = firstAfter(line.times, sample.time);
    if (line.times[at - 1] === sample.time) {
      line.values[at - 1] = sample.value;
    } else if (at === line.times.length) {
      line.times.push(sample.time);
      line.values.push(sample.value);
    } else {
      line.times.splice(at, 0, sample.time);
      line.values.splice(at, 0, sample.value);
    }
    if (line.times.length > LINE_LIMIT) {
      line.times.splice(0, LINE_LIMIT / 10);
      line.values.splice(0, LINE_LIMIT / 10);
    }
  }

  /** The newest point of all lines. */
  newest(): { time: number; value: number; line: Line } | null {
    let found: { time: number; value: number; line: Line } | null = null;
    for (const line of this.lines.values()) {
      const time = line.times[line.times.length - 1];
      const value = line.values[line.values.length - 1];
      if (time === undefined || value === undefined) continue;
      if (found === null || time > found.time) found = { time, value, line };
    }
    return found;
  }

  /** The time of the oldest point. */
  earliest(): number | null {
    let found: number | null = null;
    for (const { times } of this.lines.values()) {
      const [first] = times;
      if (first !== undefined && (found === null || first < found)) found = first;
    }
    return found;
  }

  private line(labels: Record<string, string>): Line | undefined {
    const key = labelKey(labels);
    let line = this.lines.get(key);
    if (line === undefined && this.lines.size < LINES_LIMIT) {
      line = { key, labels, times: [], values: [] };
      this.lines.set(key, line);
    }
    return line;
  }
}

/** The index of the first time later than `time`. New samples come last, so look there first. */
export function firstAfter(times: readonly number[], time: number): number {
  const last = times[times.length - 1];
  if (last === undefined || last <= time) return times.length;
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How far apart two points may be before the space between them is a gap: three usual distances. */
export function gapLength(times: readonly number[], spacing: number): number {
  if (times.length < 3) return Number.POSITIVE_INFINITY;
  const distances: number[] = [];
  const stride = Math.max(1, Math.floor(times.length / 500));
  for (let index = stride; index < times.length; index += stride) {
    distances.push(((times[index] ?? 0) - (times[index - stride] ?? 0)) / stride);
  }
  distances.sort((left, right) => left - right);
  const usual = distances[Math.floor(distances.length / 2)] ?? 0;
  return Math.max(usual * 3, spacing * 2.5, 2);
}

/** A line as uPlot draws it: a null breaks the line wherever data is missing. */
export function withGaps(line: Line, spacing: number): [number[], (number | null)[]] {
  const gap = gapLength(line.times, spacing);
  const times: number[] = [];
  const values: (number | null)[] = [];
  let before = Number.POSITIVE_INFINITY;
  line.times.forEach((time, index) => {
    if (time - before > gap) {
      times.push(before + gap / 2);
      values.push(null);
    }
    times.push(time);
    values.push(line.values[index] ?? null);
    before = time;
  });
  return [times, values];
}

/** Above this many points a history was thinned by the server, to the extremes of equal spans of time. */
const THINNED = 1500;
const SPANS = 999;

/**
 * The length of those spans; points of one history may stand nearly two of them apart without a gap. `kept` is
 * how far apart they are where less is kept than is told live, in seconds.
 */
export function spacingOf(
  series: readonly SeriesData[],
  window: { from: number; to: number },
  kept = 0,
): number {
  const most = Math.max(0, ...series.map(({ points }) => points.length));
  return Math.max(kept, most > THINNED ? (window.to - window.from) / SPANS : 0);
}
