/**
 * One EventSource a page. Where its line is lost we go on after the last message ourselves, with backoff:
 * the reader sees when, may try at once, and an ended session is found out before anything is tried again.
 */

import { type Signal, signal } from "@preact/signals";
import { ApiProblem } from "./http";

/** `denied`: the session is gone; nothing more is tried until the reader signs in. */
export type StreamState = "connecting" | "live" | "lost" | "denied";

export const STREAM_EVENTS = [
  "status",
  "fleet",
  "samples",
  "log",
  "event",
  "run",
  "revision",
  "error_group",
  "alert",
  "system",
  "trading",
  "liveness",
  "resources",
  "figures",
  "reset",
] as const;
export type StreamEvent = (typeof STREAM_EVENTS)[number];

export interface StreamHandlers {
  /** The stream is open. `fresh`: nothing before this moment is known, so read the snapshot now. */
  opened(fresh: boolean): void;
  received(event: StreamEvent, data: unknown): void;
}

export interface StreamEnvironment {
  open(url: string): EventSource;
  /** Ask the API once whether it lets us in; throws ApiProblem. */
  probe(): Promise<void>;
  random(): number;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;

export class LiveStream {
  readonly state: Signal<StreamState> = signal("connecting");
  /** When the line was lost, and when it is tried again, both in ms of this machine's clock. */
  readonly lostAt: Signal<number | null> = signal(null);
  readonly retryAt: Signal<number | null> = signal(null);
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private fresh = true;
  private lastId = "";
  private closed = false;

  constructor(
    private readonly topics: readonly string[],
    private readonly handlers: StreamHandlers,
    private readonly environment: StreamEnvironment,
  ) {}

  start(): void {
    clearTimeout(this.timer);
    this.retryAt.value = null;
    const topics = this.topics.map(encodeURIComponent).join(",");
    const after = this.lastId === "" ? "" : `&last_event_id=${encodeURIComponent(this.lastId)}`;
    const url = `/api/v1/stream?topics=${topics}${after}`;
    const source = this.environment.open(url);
    this.source = source;
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    for (const name of STREAM_EVENTS) {
      source.addEventListener(name, (event) => this.received(name, event as MessageEvent<string>));
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.source?.close();
  }

  private opened(): void {
    this.failures = 0;
    this.lostAt.value = null;
    this.state.value = "live";
    // Until a message came there is no place to go on from, so a stream that opens then is a first one again.
    this.handlers.opened(this.fresh || this.lastId === "");
    this.fresh = false;
  }

  private received(name: StreamEvent, message: MessageEvent<string>): void {
    if (message.lastEventId) this.lastId = message.lastEventId;
    let data: unknown;
    try {
      data = JSON.parse(message.data);
    } catch {
      return; // Half a message is no message; the next one of its kind replaces it.
    }
    this.handlers.received(name, data);
  }

  private failed(source: EventSource): void {
    if (this.closed || source !== this.source) return;
    source.close();
    this.source = null;
    this.state.value = "lost";
    this.lostAt.value ??= Date.now();
    void this.findOutWhy();
  }

  private async findOutWhy(): Promise<void> {
    try {
      await this.environment.probe();
    } catch (error) {
      if (error instanceof ApiProblem && error.denied) {
        this.state.value = "denied";
        return;
      }
    }
    // Somebody may have asked to try at once meanwhile.
    if (this.closed || this.source !== null) return;
    const delay = this.nextDelay();
    this.retryAt.value = Date.now() + delay;
    this.timer = setTimeout(() => this.start(), delay);
  }

  /** Try now: the reader does not want to wait, or has signed in again. */
  retry(): void {
    if (this.closed || this.state.peek() === "live") return;
    this.source?.close();
    if (this.state.peek() === "denied") this.state.value = "lost";
    this.start();
  }

  /** Doubling with a cap, and half of it random, so that a thousand pages do not return at once. */
  private nextDelay(): number {
    const whole = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures);
    this.failures += 1;
    return whole * (0.5 + this.environment.random() / 2);
  }
}
