/** Counts of events (`/api/v1/logs/counts`), and what an event says beside its line, read tolerantly. */

import { list, number, object, text } from "./json";

export interface Facet {
  values: [value: string, count: number][];
  more: number;
}

export interface Counts {
  total: number;
  complete: boolean;
  start: number;
  end: number;
  width: number;
  /** Where each bucket begins, and its events by level. */
  buckets: { at: number; levels: Record<string, number> }[];
  facets: Record<string, Facet>;
}

export function decodeCounts(value: unknown): Counts {
  const it = object(value);
  const facets: Record<string, Facet> = {};
  for (const [name, one] of Object.entries(object(it.facets))) facets[name] = decodeFacet(one);
  return {
    total: number(it.total) ?? 0,
    complete: it.complete === true,
    start: number(it.start) ?? 0,
    end: number(it.end) ?? 0,
    width: number(it.width) ?? 1,
    buckets: list(it.buckets).map((one) => {
      const [at, levels] = list(one);
      return { at: number(at) ?? 0, levels: decodeLevels(levels) };
    }),
    facets,
  };
}

function decodeFacet(value: unknown): Facet {
  const it = object(value);
  return {
    values: list(it.values).map((pair) => {
      const [name, count] = list(pair);
      return [text(name), number(count) ?? 0];
    }),
    more: number(it.more) ?? 0,
  };
}

function decodeLevels(value: unknown): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [level, count] of Object.entries(object(value))) found[level] = number(count) ?? 0;
  return found;
}
