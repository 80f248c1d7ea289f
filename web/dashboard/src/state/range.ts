/**
 * The span of time that a bot's page shows, as it stands in the address. Where the address says nothing the
 * span `fits`: it begins with the data, so that a bot of one minute does not hide at the edge of the charts.
 */

export type Range =
  | { kind: "last"; name: string; seconds: number; fits?: boolean }
  | { kind: "between"; from: number; to: number };

export const SPANS: readonly { name: string; seconds: number }[] = [
  { name: "5m", seconds: 300 },
  { name: "15m", seconds: 900 },
  { name: "1h", seconds: 3600 },
  { name: "6h", seconds: 21_600 },
  { name: "1d", seconds: 86_400 },
  { name: "7d", seconds: 604_800 },
  { name: "30d", seconds: 2_592_000 },
];

export const DEFAULT_SPAN = "15m";

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `?range=6h`, or `?from=&to=` in ISO 8601 or Unix seconds; anything else is the default. */
export function parseRange(query: URLSearchParams): Range {
  const from = parseMoment(query.get("from"));
  const to = parseMoment(query.get("to"));
  if (from !== null && to !== null && to > from) return { kind: "between", from, to };
  const match = /^(\d{1,5})([smhd])$/.exec(query.get("range") ?? DEFAULT_SPAN);
  const seconds = Number(match?.[1] ?? 0) * (UNITS[match?.[2] ?? ""] ?? 0);
  if (match && seconds >= 10 && seconds <= 400 * 86_400) {
    const range: Range = { kind: "last", name: match[0], seconds };
    return query.has("range") ? range : { ...range, fits: true };
  }
  return parseRange(new URLSearchParams());
}

function parseMoment(text: string | null): number | null {
  if (text === null || text === "") return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time / 1000;
}

/** The query that names a range. */
export function rangeQuery(range: Range): Record<string, string | null> {
  if (range.kind === "last") return { range: range.name, from: null, to: null };
  return { range: null, from: isoSeconds(range.from), to: isoSeconds(range.to) };
}

function isoSeconds(seconds: number): string {
  return new Date(Math.round(seconds) * 1000).toISOString().replace(".000", "");
}

export interface Window {
  from: number;
  to: number;
}

export function windowOf(range: Range, now: number): Window {
  return range.kind === "last" ? { from: now - range.seconds, to: now } : { from: range.from, to: range.to };
}

/** A span that fits is never shorter than this, in seconds. */
const SHORTEST = 60;

/** What the charts show: the window of the range, begun with the first data where the range fits itself to it. */
export function shownWindow(range: Range, now: number, earliest: number | null): Window {
  const whole = windowOf(range, now);
  if (range.kind !== "last" || range.fits !== true || earliest === null) return whole;
  return { from: Math.max(whole.from, Math.min(earliest, now - SHORTEST)), to: now };
}
