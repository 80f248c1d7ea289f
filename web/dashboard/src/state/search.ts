/** A search of all bots' lines: its lines and its counts, followed live where it goes on to now. */

import { batch, type Signal, signal } from "@preact/signals";
import { decodeFleet, decodeLogEvent, type Fleet } from "../api/documents";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import { type Counts, decodeCounts } from "../api/logs";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";
import { EventList } from "./logs";
import type { PacerClock } from "./pacer";
import { parseRange, type Range } from "./range";

/** What narrows a search, by its names in the page's address and in the API's. */
export const FILTERS = [
  "text",
  "level",
  "levels",
  "kind",
  "bot",
  "program",
  "label",
  "symbol",
  "revision",
  "run",
  "stream",
] as const;
export type Filter = (typeof FILTERS)[number];

/** A facet, and the filter that one of its values sets. */
export const FACETS: readonly [name: string, filter: Filter][] = [
  ["level", "levels"],
  ["bot", "bot"],
  ["program", "program"],
  ["kind", "kind"],
  ["symbol", "symbol"],
  ["revision", "revision"],
];

export interface Search {
  filters: Partial<Record<Filter, string>>;
  range: Range;
}

export const LOG_SPAN = "1h";

export function searchOf(query: URLSearchParams): Search {
  const filters: Search["filters"] = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) filters[name] = value;
  }
  const asked = new URLSearchParams(query);
  if (!asked.has("range")) asked.set("range", LOG_SPAN);
  return { filters, range: parseRange(asked) };
}

/** The values of a filter that takes several. */
export const valuesOf = (search: Search, filter: Filter): string[] =>
  (search.filters[filter] ?? "").split(",").filter(Boolean);

/** The filter with a value added, or taken out where it was in; null where none is left. */
export function toggled(search: Search, filter: Filter, value: string): string | null {
  const values = valuesOf(search, filter);
  const rest = values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
  return rest.length === 0 ? null : rest.join(",");
}

/** The live topic of a search; none where its time has an end. */
export function topicsOf(search: Search): string[] {
  if (search.range.kind === "between") return [];
  return [`logs:${new URLSearchParams(search.filters).toString()}`];
}

/** The search as the API has it. */
export function askedOf({ filters, range }: Search): Record<string, string> {
  const span: Record<string, string> =
    range.kind === "last"
      ? { start: `-${range.seconds}s` }
      : { start: range.from.toFixed(3), end: range.to.toFixed(3) };
  return { ...filters, ...span };
}

export class LogSearch {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly counts: Signal<Counts | null> = signal(null);
  readonly problem: Signal<ApiProblem | null> = signal(null);
  readonly list: EventList;

  constructor(
    readonly search: Search,
    clock?: PacerClock,
  ) {
    this.list = new EventList("/api/v1/logs", askedOf(search), clock);
  }

  async load(abort: AbortSignal): Promise<void> {
    const [fleet] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      this.list.load(abort),
      this.count(abort),
    ]);
    this.showFleet(fleet);
  }

  /** Read the counts; lines are shown without them. */
  async count(abort?: AbortSignal): Promise<void> {
    try {
      const path = address("/api/v1/logs/counts", { ...askedOf(this.search), top: 12 });
      const counts = await getJson(path, decodeCounts, abort);
      batch(() => {
        this.counts.value = counts;
        this.problem.value = null;
      });
    } catch (error) {
      if (!abort?.aborted) this.problem.value = asProblem(error);
    }
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event === "log") this.list.add(decodeLogEvent(data));
  }

  /** Where everything that is found can be had as a file. */
  fileUrl(format: "jsonl" | "csv"): string {
    return address("/api/v1/logs/export", { ...askedOf(this.search), order: "oldest", format });
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
