/** Many bots compared: each mode with its rows, each row with how the bots lie. */

import { labels, list, maybe, number, object, text } from "./json";

export interface Spread {
  bots: number;
  median: number;
  low: number;
  high: number;
}

export interface RowChange {
  section: string;
  name: string;
  labels: Record<string, string>;
  verdict: string;
  before: Spread | null;
  after: Spread | null;
  /** How many bots say which by themselves. */
  moved: Record<string, number>;
}

export interface Part {
  mode: string;
  before: number;
  after: number;
  cautions: string[];
  rows: RowChange[];
}

export interface Together {
  before: string;
  after: string;
  parts: Part[];
}

function decodeSpread(value: unknown): Spread {
  const it = object(value);
  const [median, low, high] = [it.median, it.low, it.high].map((one) => number(one) ?? 0);
  return { bots: number(it.bots) ?? 0, median: median ?? 0, low: low ?? 0, high: high ?? 0 };
}

function decodeRow(value: unknown): RowChange {
  const it = object(value);
  const moved = Object.entries(object(it.moved)).map(([name, count]) => [name, number(count) ?? 0]);
  return {
    section: text(it.section),
    name: text(it.name),
    labels: labels(it.labels),
    verdict: text(it.verdict),
    before: maybe(it.before, decodeSpread),
    after: maybe(it.after, decodeSpread),
    moved: Object.fromEntries(moved),
  };
}

function decodePart(value: unknown): Part {
  const it = object(value);
  return {
    mode: text(it.mode),
    before: number(it.before) ?? 0,
    after: number(it.after) ?? 0,
    cautions: list(it.cautions).map(text),
    rows: list(it.rows).map(decodeRow),
  };
}

export function decodeTogether(value: unknown): Together {
  const it = object(value);
  return { before: text(it.before), after: text(it.after), parts: list(it.parts).map(decodePart) };
}
