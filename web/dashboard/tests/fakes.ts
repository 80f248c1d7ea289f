/** Stand-ins for the other side: an EventSource that the test speaks for, an API of fixed answers, a clock. */

import { vi } from "vitest";
import type { Bot } from "../src/api/documents";
import { decodeBot } from "../src/api/documents";
import type { PacerClock } from "../src/state/pacer";

export class FakeEventSource extends EventTarget {
  static readonly opened: FakeEventSource[] = [];
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSED = 2;
  readyState = 0;

  constructor(readonly url: string) {
    super();
    FakeEventSource.opened.push(this);
  }

  static get last(): FakeEventSource {
    const source = FakeEventSource.opened.at(-1);
    if (source === undefined) throw new Error("no stream was opened");
    return source;
  }

  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  send(name: string, data: unknown, lastEventId = ""): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.dispatchEvent(new MessageEvent(name, { data: text, lastEventId }));
  }

  /** The line is lost; `closed`: for good, as after an answer that is no stream. */
  fail(closed: boolean): void {
    this.readyState = closed ? 2 : 0;
    this.dispatchEvent(new Event("error"));
  }

  close(): void {
    this.readyState = 2;
  }
}

export type Answers = Record<string, unknown | ((query: URLSearchParams, body: string) => unknown)>;

/** An answer other than 200. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

/** Answer fetches by path; what no path is given for is a 404. Returns the addresses asked for. */
export function serve(answers: Answers): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (address: string, init?: RequestInit) => {
    init?.signal?.throwIfAborted();
    asked.push(address);
    const url = new URL(address, "http://localhost");
    const found = answers[url.pathname];
    const answer =
      typeof found === "function" ? await found(url.searchParams, String(init?.body ?? "")) : found;
    init?.signal?.throwIfAborted();
    if (answer instanceof Refusal) return reply(answer.status, answer.body);
    return answer === undefined ? reply(404, { title: "There is no such thing here" }) : reply(200, answer);
  });
  return asked;
}

function reply(status: number, body: unknown): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
}

/** A clock whose frames and waits the test lets pass. */
export class HandClock implements PacerClock {
  private time = 0;
  private frames: (() => void)[] = [];
  private waits: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }
  frame(callback: () => void): void {
    this.frames.push(callback);
  }
  later(callback: () => void, ms: number): void {
    this.waits.push({ at: this.time + ms, callback });
  }

  /** Let time pass, then everything that it brings. */
  pass(ms = 0): void {
    this.time += ms;
    const due = this.waits.filter(({ at }) => at <= this.time);
    this.waits = this.waits.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
    const frames = this.frames;
    this.frames = [];
    for (const frame of frames) frame();
  }
}

export const NOW = 1_767_225_600;

/** A bot's row as the API sends it. */
export function botDocument(name: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name,
    program: "sma",
    version: "1.5.0",
    type: "realtime",
    mode: "dry",
    environment: "prod",
    sync: "Synced",
    health: "Healthy",
    reason: "Running",
    message: "",
    applied_revision: "3f9a2c1d8e",
    attempted_revision: "3f9a2c1d8e",
    restarts: 0,
    started_at: NOW - 3600,
    since: NOW - 60,
    node: "node-1",
    allocation: "a1",
    schedule: "",
    timezone: "",
    next_run: null,
    account: "acc",
    currency: "USDT",
    resources: {
      cpu_percent: 2,
      cpu_limit_percent: 50,
      memory_bytes: 41 * 2 ** 20,
      memory_limit_bytes: 64 * 2 ** 20,
    },
    equity: 1000,
    pnl_today: 184.2,
    last_metric: null,
    last_log: { time: NOW, level: "info", message: "tick" },
    last_data_at: Date.now() / 1000,
    ...changes,
  };
}

export function bot(name: string, changes: Record<string, unknown> = {}): Bot {
  return decodeBot(botDocument(name, changes));
}

export function revisionDocument(id: string, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id,
    author: "alice",
    message: "tighter stops\n\nAgreed on Friday.",
    committed_at: NOW - 20,
    received_at: NOW - 10,
    finished_at: NOW - 8.8,
    state: "applied",
    changes: [
      {
        bot: "sma-btc",
        action: "update",
        summary: "fast 10 -> 12",
        state: "healthy",
        message: "",
        seconds: 0.7,
        fields: [
          { name: "fast", before: "10", after: "12" },
          { name: "slow", before: null, after: "30" },
        ],
      },
    ],
    errors: [],
    trigger: "push",
    by: "desk-ops",
    branch: "main",
    held: "",
    actions: { update: 1 },
    results: { healthy: 1 },
    ...changes,
  };
}

export function fleetDocument(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    fleet: "desk",
    revision: revisionDocument("3f9a2c1d8e"),
    synced_at: Date.now() / 1000 - 4,
    counts: {},
    scheduler: "local",
    version: "0.1.0",
    time: Date.now() / 1000,
    problems: [],
    ...changes,
  };
}

export function logDocument(id: string, message: string, changes: Record<string, unknown> = {}) {
  return {
    id,
    bot: "sma-btc",
    time: NOW,
    kind: "log",
    level: "info",
    message,
    stream: "stdout",
    run: "r1",
    revision: "3f9a2c1d8e",
    data: {},
    ...changes,
  };
}

/** Everything that a bot's page reads. */
export function botAnswers(changes: Answers = {}): Answers {
  return {
    "/api/v1/fleet": fleetDocument(),
    "/api/v1/bots/sma-btc": {
      bot: botDocument("sma-btc"),
      path: "bots/sma-btc.yaml",
      parameters: { fast: 12, note: "<b>x</b>" },
      metrics: ["bot_equity", "bot_price", "bot_cpu_percent"],
      conditions: [{ type: "Ready", status: "True", reason: "Running", message: "", since: NOW }],
      attempts: [{ revision: "3f9a2c1d8e", started_at: NOW, ended_at: NOW + 0.7, ok: true, message: "" }],
      suspended: null,
      revision: { id: "3f9a2c1d8e", author: "alice", message: "tighter stops", committed_at: NOW },
    },
    "/api/v1/bots/sma-btc/runs": [
      {
        id: "r2",
        started_at: NOW - 100,
        ended_at: null,
        outcome: null,
        exit_code: null,
        signal: null,
        message: "",
        revision: "3f9a2c1d8e",
        node: "node-1",
      },
      {
        id: "r1",
        started_at: NOW - 500,
        ended_at: NOW - 101,
        outcome: "crashed",
        exit_code: 1,
        signal: null,
        message: "boom",
        revision: "b81c04e2aa",
        node: "node-1",
      },
    ],
    "/api/v1/bots/sma-btc/logs": { events: [logDocument("l1", "first line")], next_cursor: "" },
    "/api/v1/events": { events: [], next_cursor: "" },
    "/api/v1/bots/sma-btc/series": (query: URLSearchParams) => {
      const end = Date.now() / 1000;
      const labels = { __name__: query.get("metric"), bot: "sma-btc" };
      return {
        series: [
          {
            labels,
            points: [
              [end - 3, 1],
              [end - 2, 2],
              [end - 1, 3],
            ],
          },
        ],
      };
    },
    ...changes,
  };
}

/** A page's code is read at its first use, which takes its time on a busy machine. */
export const PATIENCE = { timeout: 60_000 };

/** Look again until nothing is thrown; `vi.waitFor` by itself gives a busy machine one second. */
export const until = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, PATIENCE);
