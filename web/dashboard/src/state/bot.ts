/** One bot's page: its row and detail, the points of its metrics, its logs, events and runs. */

import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  type Bot,
  type BotDetail,
  decodeBot,
  decodeBotDetail,
  decodeEvents,
  decodeFleet,
  decodeLogEvent,
  decodeRun,
  decodeRuns,
  decodeSamples,
  decodeSeries,
  type Fleet,
  type LogEvent,
  type Run,
} from "../api/documents";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { followServer, serverNow } from "./clock";
import { EventList } from "./logs";
import { type Fill, fillOf, type Mark, markOfEvent, marksOfRuns } from "./marks";
import { Pacer, type PacerClock } from "./pacer";
import { type Panel, panelsOf, RESOURCE } from "./panels";
import { type Range, windowOf } from "./range";
import { Metric, spacingOf } from "./series";

/** What a chart watches: `version` grows with every repaint that it should make. */
export interface MetricView {
  metric: Metric;
  version: Signal<number>;
  state: Signal<"idle" | "loading" | "ready">;
  problem: Signal<ApiProblem | null>;
  /** Seconds between the points of a history that the server thinned; 0 where it holds every sample. */
  spacing: number;
}

const HEADER = " header";
const RUNS_SHOWN = 200;
const MARKS_LIMIT = 500;

/** What tabs that are read late show. */
const LATE = /^(trading|liveness|resources)$/;

const STATE_KEYS = ["health", "reason", "sync", "appliedRevision", "attemptedRevision", "version"] as const;

/** The kinds that the API's list of events holds too: those that a person reads, not numbers in time. */
const NOTABLE = new Set("order trade position signal transfer risk alert error status lifecycle".split(" "));

export class BotState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly bot: Signal<Bot | null> = signal(null);
  readonly detail: Signal<BotDetail | null> = signal(null);
  readonly removed = signal(false);
  readonly panels: Signal<readonly Panel[]> = signal([]);
  readonly runs: Signal<readonly Run[]> = signal([]);
  readonly marks: Signal<readonly Mark[]> = signal([]);
  readonly fills: Signal<readonly Fill[]> = signal([]);
  /** The oldest time in any chart that was read. */
  readonly earliest: Signal<number | null> = signal(null);
  /** The newest documents that the stream brought of it, by event, as they came: read where they are shown. */
  readonly told: Signal<Record<string, unknown>> = signal({});
  readonly logs: EventList;
  readonly events: EventList;

  private readonly metrics = new Map<string, MetricView>();
  private readonly names = new Set<string>();
  private readonly pacer: Pacer<string>;
  private newest: Bot | null = null;
  private errors: Mark[] = [];
  private history = new AbortController();
  private detailReading = new AbortController();

  constructor(
    readonly name: string,
    private readonly range: ReadonlySignal<Range>,
    clock?: PacerClock,
  ) {
    this.pacer = new Pacer((keys) => this.paint(keys), clock);
    this.logs = new EventList(`${this.path}/logs`, {}, clock);
    this.events = new EventList("/api/v1/events", { bot: name }, clock);
  }

  private get path(): string {
    return `/api/v1/bots/${encodeURIComponent(this.name)}`;
  }

  metric(name: string): MetricView {
    let view = this.metrics.get(name);
    if (view === undefined) {
      view = {
        metric: new Metric(),
        version: signal(0),
        state: signal("idle"),
        problem: signal(null),
        spacing: 0,
      };
      this.metrics.set(name, view);
    }
    return view;
  }

  /** Read the snapshot of everything but the charts' histories, which are read as they come into view. */
  async load(abort: AbortSignal): Promise<void> {
    const [fleet, detail, runs] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(`${this.path}?removed=true`, decodeBotDetail, abort),
      getJson(address(`${this.path}/runs`, { limit: RUNS_SHOWN }), decodeRuns, abort),
      this.logs.load(abort),
      this.events.load(abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.newest = detail.bot;
      this.bot.value = detail.bot;
      this.detail.value = detail;
      this.removed.value = detail.removed !== null;
      this.runs.value = runs;
      for (const name of detail.metrics) this.names.add(name);
      this.panels.value = panelsOf([...this.names], detail.bot.currency);
    });
    this.reloadHistory();
  }

  /** Read what the range shows anew: the charts in view, the marks and the fills. */
  reloadHistory(): void {
    this.history.abort();
    this.history = new AbortController();
    for (const [name, view] of this.metrics) {
      if (view.state.peek() !== "idle") void this.loadMetric(name);
    }
    void this.loadMarks();
  }

  /** Read a metric's history for the range. Its points so far stay until the answer is there. */
  async loadMetric(name: string): Promise<void> {
    const view = this.metric(name);
    const abort = this.history.signal;
    const window = windowOf(this.range.peek(), serverNow());
    if (view.state.peek() === "idle") view.state.value = "loading";
    try {
      const url = address(`${this.path}/series`, {
        metric: name,
        start: window.from.toFixed(3),
        end: window.to.toFixed(3),
      });
      const series = await getJson(url, decodeSeries, abort);
      view.metric.merge(series);
      view.spacing = spacingOf(series, window, RESOURCE.test(name) ? 10 : 0);
      view.problem.value = null;
    } catch (error) {
      if (abort.aborted) return;
      view.problem.value = asProblem(error);
    }
    view.state.value = "ready";
    view.version.value += 1;
    const first = view.metric.earliest();
    if (first !== null) this.earliest.value = Math.min(first, this.earliest.peek() ?? first);
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    else if (event === "status") this.applyStatus(data);
    else if (event === "samples") this.applySamples(data);
    else if (LATE.test(event)) this.told.value = { ...this.told.value, [event]: data };
    else if (event === "run") this.applyRun(data);
    else if (event === "log") this.applyLog(decodeLogEvent(data));
    else if (event === "event") this.applyEvent(decodeLogEvent(data));
  }

  close(): void {
    this.history.abort();
    this.detailReading.abort();
  }

  private async loadMarks(): Promise<void> {
    const abort = this.history.signal;
    const window = windowOf(this.range.peek(), serverNow());
    const range = {
      bot: this.name,
      start: window.from.toFixed(3),
      end: window.to.toFixed(3),
      limit: MARKS_LIMIT,
    };
    try {
      const [errors, trades] = await Promise.all([
        getJson(address("/api/v1/events", { ...range, level: "error", kind: "all" }), decodeEvents, abort),
        getJson(address("/api/v1/events", { ...range, kind: "trade" }), decodeEvents, abort),
      ]);
      this.errors = errors.events.map(markOfEvent).filter((mark) => mark !== null);
      this.fills.value = trades.events.map(fillOf).filter((fill) => fill !== null);
      this.showMarks();
    } catch {
      // Charts without marks are still right; the tables under them show what went wrong.
    }
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }

  private showMarks(): void {
    this.marks.value = [...marksOfRuns(this.runs.value), ...this.errors].sort((a, b) => a.time - b.time);
  }

  private applyStatus(data: unknown): void {
    const bot = decodeBot(data);
    if (bot.name !== this.name) return;
    if ((data as { removed?: unknown }).removed === true) {
      this.removed.value = true;
      void this.reloadDetail();
      return;
    }
    this.removed.value = false;
    this.newest = bot;
    this.pacer.touch(HEADER);
  }

  private applySamples(data: unknown): void {
    const { bot, samples } = decodeSamples(data);
    if (bot !== this.name) return;
    for (const sample of samples) {
      this.metric(sample.name).metric.add(sample);
      this.pacer.touch(sample.name);
    }
  }

  private applyRun(data: unknown): void {
    const it = data as { bot?: unknown; run?: unknown };
    if (it.bot !== this.name) return;
    const run = decodeRun(it.run);
    const rest = this.runs.value.filter((other) => other.id !== run.id);
    this.runs.value = [run, ...rest]
      .sort((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0))
      .slice(0, RUNS_SHOWN);
    this.showMarks();
  }

  private applyLog(event: LogEvent): void {
    if (event.bot !== this.name) return;
    this.logs.add(event);
    this.markError(event);
  }

  private applyEvent(event: LogEvent): void {
    if (event.bot !== this.name) return;
    if (NOTABLE.has(event.kind)) this.events.add(event);
    this.markError(event);
    const fill = fillOf(event);
    if (fill !== null) this.fills.value = [...this.fills.value, fill].slice(-MARKS_LIMIT);
  }

  private markError(event: LogEvent): void {
    const mark = markOfEvent(event);
    if (mark === null) return;
    this.errors = [...this.errors, mark].slice(-MARKS_LIMIT);
    this.showMarks();
  }

  /** Show the row; where its state moved, the conditions and attempts behind it did too: read them anew. */
  private showBot(): void {
    const before = this.bot.value;
    const bot = this.newest;
    this.bot.value = bot;
    if (before !== null && bot !== null && STATE_KEYS.some((key) => before[key] !== bot[key])) {
      void this.reloadDetail();
    }
  }

  private async reloadDetail(): Promise<void> {
    this.detailReading.abort();
    const reading = new AbortController();
    this.detailReading = reading;
    try {
      this.detail.value = await getJson(`${this.path}?removed=true`, decodeBotDetail, reading.signal);
    } catch {
      // The header shows the new state; the next change, or the next reading of the page, brings the rest.
    }
  }

  private paint(keys: string[]): void {
    batch(() => {
      let added = false;
      for (const key of keys) {
        if (key === HEADER) this.showBot();
        else if (this.names.has(key)) this.metric(key).version.value += 1;
        else {
          this.names.add(key);
          added = true;
        }
      }
      if (added) this.panels.value = panelsOf([...this.names], this.newest?.currency ?? "");
    });
  }
}
