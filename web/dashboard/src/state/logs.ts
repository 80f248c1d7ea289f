/** A list of events, newest last: a page of history, older pages on demand, and the live tail. */

import { type Signal, signal } from "@preact/signals";
import { decodeEvents, type LogEvent } from "../api/documents";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import { Pacer, type PacerClock } from "./pacer";

export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;

const SEVERITY: Record<string, number> = {
  trace: 0,
  debug: 0,
  info: 1,
  notice: 1,
  warning: 2,
  warn: 2,
  error: 3,
  critical: 4,
  fatal: 4,
};

export function severity(level: string): number {
  return SEVERITY[level.toLowerCase()] ?? 1;
}

/** Lines on the page while the tail is followed, and in all. */
const FOLLOWED = 1000;
const MOST = 6000;
const PAGE = 200;

export interface EventFilter {
  text: string;
  level: string;
}

/** Would the API have found this event? The same words in any order, at least the level. */
export function passes(event: LogEvent, filter: EventFilter): boolean {
  if (filter.level !== "" && severity(event.level) < severity(filter.level)) return false;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const text = event.message.toLowerCase();
  return words.every((word) => text.includes(word));
}

export class EventList {
  /** Oldest first. */
  readonly events: Signal<readonly LogEvent[]> = signal([]);
  readonly filter: Signal<EventFilter> = signal({ text: "", level: "" });
  readonly paused = signal(false);
  /** Live events that arrived while paused. */
  readonly unseen = signal(0);
  readonly older = signal("");
  readonly loaded = signal(false);
  readonly problem: Signal<ApiProblem | null> = signal(null);

  /** The first line is not where `older` begins any more: lines were let go at the top. */
  private trimmed = false;
  private arrived: LogEvent[] = [];
  private readonly ids = new Set<string>();
  private readonly pacer: Pacer<"list">;
  private searching: AbortController | null = null;

  constructor(
    private readonly path: string,
    private readonly parameters: Record<string, string>,
    clock?: PacerClock,
  ) {
    this.pacer = new Pacer(() => this.take(), clock);
  }

  /** Read the newest page for the filter; what arrives meanwhile is kept and joined. */
  async load(signal_?: AbortSignal): Promise<void> {
    const page = await getJson(this.url(""), decodeEvents, signal_);
    const found = [...page.events].reverse();
    this.ids.clear();
    for (const event of found) this.ids.add(event.id);
    this.events.value = found;
    this.older.value = page.nextCursor;
    this.trimmed = false;
    this.problem.value = null;
    this.loaded.value = true;
    this.unseen.value = 0;
    this.take();
  }

  /** Change the filter and search by the API; an older search that still runs is ended. */
  async search(filter: EventFilter): Promise<void> {
    this.filter.value = filter;
    this.searching?.abort();
    const searching = new AbortController();
    this.searching = searching;
    try {
      await this.load(searching.signal);
    } catch (error) {
      if (!searching.signal.aborted) this.problem.value = asProblem(error);
    }
  }

  /** Put the next older page before the first. */
  async loadOlder(): Promise<void> {
    const cursor = this.older.value;
    const first = this.events.value[0];
    if (cursor === "" || first === undefined || this.events.value.length >= MOST) return;
    const url = this.trimmed ? this.url("", first.time + 0.001) : this.url(cursor);
    this.older.value = "";
    try {
      const page = await getJson(url, decodeEvents);
      this.trimmed = false;
      const found = page.events.filter((event) => !this.ids.has(event.id)).reverse();
      for (const event of found) this.ids.add(event.id);
      this.events.value = [...found, ...this.events.value];
      this.older.value = page.nextCursor;
    } catch (error) {
      this.older.value = cursor;
      this.problem.value = asProblem(error);
    }
  }

  add(event: LogEvent): void {
    if (!passes(event, this.filter.value)) return;
    this.arrived.push(event);
    if (this.arrived.length > MOST) this.arrived.splice(0, this.arrived.length - MOST);
    this.pacer.touch("list");
  }

  pause(paused: boolean): void {
    this.paused.value = paused;
    if (!paused) this.take();
  }

  private take(): void {
    if (this.paused.value) {
      this.unseen.value = this.arrived.length;
      return;
    }
    const wanted = this.arrived.filter(
      (event) => !this.ids.has(event.id) && passes(event, this.filter.value),
    );
    this.arrived = [];
    this.unseen.value = 0;
    if (wanted.length === 0) return;
    for (const event of wanted) this.ids.add(event.id);
    this.show([...this.events.value, ...wanted]);
  }

  /** Keep the newest; what falls out at the top can be read again by its time. */
  private show(events: LogEvent[]): void {
    if (events.length > FOLLOWED) {
      for (const event of events.splice(0, events.length - FOLLOWED)) this.ids.delete(event.id);
      this.trimmed = true;
      if (this.older.value === "") this.older.value = "trimmed";
    }
    this.events.value = events;
  }

  private url(cursor: string, end: number | null = null): string {
    const { text, level } = this.filter.value;
    return address(this.path, { text, level, end, ...this.parameters, limit: PAGE, cursor });
  }
}
