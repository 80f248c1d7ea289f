/** When which revision was applied to a bot, and two of them side by side. */

import { labels, list, maybe, number, object, text } from "./json";

export interface Period {
  revision: string;
  message: string;
  by: string;
  /** What it changed about the bot, in words. */
  change: string;
  start: number;
  end: number;
  seconds: number;
}

export interface Numbers {
  median: number;
  /** Of a counter: how much it grew a minute. */
  perMinute: number | null;
}

export interface SeriesChange {
  name: string;
  labels: Record<string, string>;
  section: string;
  verdict: string;
  before: Numbers | null;
  after: Numbers | null;
}

export interface ErrorChange {
  id: string;
  type: string;
  message: string;
  verdict: string;
  before: number;
  after: number;
}

export interface LineChange {
  template: string;
  example: string;
  verdict: string;
  before: number;
  after: number;
}

export interface Comparison {
  before: Period;
  after: Period;
  cautions: string[];
  series: SeriesChange[];
  errors: ErrorChange[];
  lines: LineChange[];
  memoryBefore: number | null;
  memoryAfter: number | null;
}

function decodePeriod(value: unknown): Period {
  const it = object(value);
  return {
    revision: text(it.revision),
    message: text(it.message),
    by: text(it.by),
    change: text(it.change),
    start: number(it.start) ?? 0,
    end: number(it.end) ?? 0,
    seconds: number(it.seconds) ?? 0,
  };
}

export function decodeDeploys(value: unknown): Period[] {
  return list(value).map(decodePeriod);
}

function decodeNumbers(value: unknown): Numbers {
  const it = object(value);
  return { median: number(it.median) ?? 0, perMinute: number(it.per_minute) };
}

function decodeSeriesChange(value: unknown): SeriesChange {
  const it = object(value);
  return {
    name: text(it.name),
    labels: labels(it.labels),
    section: text(it.section),
    verdict: text(it.verdict),
    before: maybe(it.before, decodeNumbers),
    after: maybe(it.after, decodeNumbers),
  };
}

function decodeErrorChange(value: unknown): ErrorChange {
  const it = object(value);
  return {
    id: text(it.id),
    type: text(it.type),
    message: text(it.message),
    verdict: text(it.verdict),
    before: number(it.before) ?? 0,
    after: number(it.after) ?? 0,
  };
}

function decodeLineChange(value: unknown): LineChange {
  const it = object(value);
  return {
    template: text(it.template),
    example: text(it.example),
    verdict: text(it.verdict),
    before: number(it.before) ?? 0,
    after: number(it.after) ?? 0,
  };
}

export function decodeComparison(value: unknown): Comparison {
  const it = object(value);
  return {
    before: decodePeriod(it.before),
    after: decodePeriod(it.after),
    cautions: list(it.cautions).map(text),
    series: list(it.series).map(decodeSeriesChange),
    errors: list(it.errors).map(decodeErrorChange),
    lines: list(it.lines).map(decodeLineChange),
    memoryBefore: number(it.memory_per_hour_before),
    memoryAfter: number(it.memory_per_hour_after),
  };
}
