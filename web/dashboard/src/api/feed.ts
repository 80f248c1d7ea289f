/**
 * A page's data without a gap: subscribe, hold what arrives, read the snapshot, then apply what was held.
 * A `reset` (the server no longer has what we missed) does the same again; values on the page stay meanwhile.
 */

import { type Signal, signal } from "@preact/signals";
import { type ApiProblem, asProblem } from "./http";
import { LiveStream, type StreamEnvironment, type StreamEvent, type StreamState } from "./stream";

export interface FeedSource {
  topics: readonly string[];
  /** Read the snapshot through the API and show it. */
  load(signal: AbortSignal): Promise<void>;
  apply(event: StreamEvent, data: unknown): void;
}

/** How long the page waits for the stream before it reads the snapshot without one. */
const PATIENCE_MS = 1500;
/** What is held while a snapshot is read; above it the snapshot is read again. */
const HELD_LIMIT = 50_000;

export class Feed {
  readonly loaded: Signal<boolean> = signal(false);
  readonly problem: Signal<ApiProblem | null> = signal(null);
  private readonly stream: LiveStream;
  private held: [StreamEvent, unknown][] | null = [];
  private reading: AbortController | null = null;
  private patience: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly source: FeedSource,
    environment: StreamEnvironment,
  ) {
    const handlers = {
      opened: (fresh: boolean) => {
        if (fresh || this.problem.value !== null) void this.read();
      },
      received: (event: StreamEvent, data: unknown) => this.received(event, data),
    };
    this.stream = new LiveStream(source.topics, handlers, environment);
  }

  get state(): Signal<StreamState> {
    return this.stream.state;
  }

  get lostAt(): Signal<number | null> {
    return this.stream.lostAt;
  }

  get retryAt(): Signal<number | null> {
    return this.stream.retryAt;
  }

  /** Go on now: after a sign-in, or because the reader does not want to wait. */
  resume(): void {
    this.stream.retry();
    if (this.problem.value !== null) void this.read();
  }

  start(): void {
    this.stream.start();
    this.patience = setTimeout(() => void this.read(), PATIENCE_MS);
  }

  close(): void {
    clearTimeout(this.patience);
    this.reading?.abort();
    this.stream.close();
  }

  /** Read the snapshot (again). A newer reading ends an older one. */
  async read(): Promise<void> {
    clearTimeout(this.patience);
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    this.held ??= [];
    try {
      await this.source.load(reading.signal);
      if (reading.signal.aborted) return;
      this.problem.value = null;
      this.loaded.value = true;
    } catch (error) {
      if (reading.signal.aborted) return;
      this.problem.value = asProblem(error);
    }
    this.reading = null;
    this.release();
  }

  private release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const [event, data] of held) this.source.apply(event, data);
  }

  private received(event: StreamEvent, data: unknown): void {
    if (event === "reset") {
      void this.read();
    } else if (this.held === null) {
      this.source.apply(event, data);
    } else if (this.held.length < HELD_LIMIT) {
      this.held.push([event, data]);
    } else {
      this.held = [];
      void this.read();
    }
  }
}
