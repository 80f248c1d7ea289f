/**
 * The documents of the API and the stream (web/documents.py), read tolerantly: a missing or ill-typed field
 * becomes its empty value, an unknown one is left out, so that page and server may differ by a version.
 */

import { labels, list, maybe, number, object, text } from "./json";
import { decodeRevision, type Revision } from "./revisions";

export type Health = "Healthy" | "Progressing" | "Degraded" | "Suspended" | "Missing" | "Unknown";

/** The healths, worst first: the order of the table and of the header. */
export const HEALTHS: readonly Health[] = [
  "Missing",
  "Degraded",
  "Unknown",
  "Progressing",
  "Suspended",
  "Healthy",
];

/** CPU in percent of one core, memory in bytes; null where not measured or without a limit. */
export interface Resources {
  cpuPercent: number | null;
  cpuLimitPercent: number | null;
  memoryBytes: number | null;
  memoryLimitBytes: number | null;
}

export interface NamedValue {
  name: string;
  value: number;
  time: number | null;
}

export interface LastLine {
  time: number;
  level: string;
  message: string;
}

/** One row of the fleet; times in Unix seconds. */
export interface Bot {
  name: string;
  program: string;
  version: string;
  type: string;
  mode: string;
  environment: string;
  sync: string;
  health: Health;
  reason: string;
  message: string;
  appliedRevision: string;
  attemptedRevision: string;
  restarts: number;
  startedAt: number | null;
  since: number | null;
  node: string;
  schedule: string;
  timezone: string;
  nextRun: number | null;
  account: string;
  currency: string;
  resources: Resources;
  equity: number | null;
  pnlToday: number | null;
  lastMetric: NamedValue | null;
  lastLog: LastLine | null;
  lastDataAt: number | null;
  /** What holds it at another revision than git's newest: "bot", "fleet" or "guard"; "" where nothing does. */
  heldBy: string;
  /** What is wrong with how it lives, such as "not_trading"; "" where nothing is. */
  lives: string;
}

export interface Run {
  id: string;
  startedAt: number | null;
  endedAt: number | null;
  outcome: string | null;
  exitCode: number | null;
  signal: number | null;
  message: string;
  revision: string;
  node: string;
  /** Who brought its revision and what that changed, in words. */
  deploy: string;
}

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  since: number | null;
}

export interface CommitNote {
  id: string;
  author: string;
  message: string;
  committedAt: number | null;
}

export interface BotDetail {
  bot: Bot;
  path: string;
  parameters: Record<string, unknown>;
  metrics: string[];
  conditions: Condition[];
  suspended: Record<string, unknown> | null;
  revision: CommitNote | null;
  /** All of it as it came, for the parts that are read late (see late.ts). */
  raw: Record<string, unknown>;
  /** For a bot that is gone: the revision that removed it, and when. */
  removed: { revision: string; at: number | null } | null;
}

export interface LogEvent {
  id: string;
  bot: string;
  time: number;
  kind: string;
  level: string;
  message: string;
  stream: string;
  run: string;
  revision: string;
  data: Record<string, unknown>;
}

export interface EventsPage {
  events: LogEvent[];
  nextCursor: string;
}

export interface Fleet {
  /** The fleet, and which of its environments are run here where not all are. */
  fleet: string;
  revision: Revision | null;
  syncedAt: number | null;
  scheduler: string;
  version: string;
  time: number | null;
  problems: string[];
  /** To what all bots are held, in words; none where they are what git says. */
  held: string[];
  /** The kill switches that are on, read by those who show them. */
  kills: Record<string, unknown>[];
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  time: number;
  value: number;
}

export interface SeriesData {
  labels: Record<string, string>;
  points: [number, number][];
}

function health(value: unknown): Health {
  return (HEALTHS as readonly unknown[]).includes(value) ? (value as Health) : "Unknown";
}

function decodeResources(value: unknown): Resources {
  const it = object(value);
  return {
    cpuPercent: number(it.cpu_percent),
    cpuLimitPercent: number(it.cpu_limit_percent),
    memoryBytes: number(it.memory_bytes),
    memoryLimitBytes: number(it.memory_limit_bytes),
  };
}

function decodeNamedValue(value: unknown): NamedValue | null {
  const it = object(value);
  const amount = number(it.value);
  return amount === null ? null : { name: text(it.name), value: amount, time: number(it.time) };
}

function decodeLastLine(value: unknown): LastLine {
  const it = object(value);
  return { time: number(it.time) ?? 0, level: text(it.level), message: text(it.message) };
}

export function decodeBot(value: unknown): Bot {
  const it = object(value);
  return {
    name: text(it.name),
    program: text(it.program),
    version: text(it.version),
    type: text(it.type),
    mode: text(it.mode) || "dry",
    environment: text(it.environment),
    sync: text(it.sync) || "Unknown",
    health: health(it.health),
    reason: text(it.reason),
    message: text(it.message),
    appliedRevision: text(it.applied_revision),
    attemptedRevision: text(it.attempted_revision),
    restarts: number(it.restarts) ?? 0,
    startedAt: number(it.started_at),
    since: number(it.since),
    node: text(it.node),
    schedule: text(it.schedule),
    timezone: text(it.timezone),
    nextRun: number(it.next_run),
    account: text(it.account),
    currency: text(it.currency),
    resources: decodeResources(it.resources),
    equity: number(it.equity),
    pnlToday: number(it.pnl_today),
    lastMetric: maybe(it.last_metric, decodeNamedValue),
    lastLog: maybe(it.last_log, decodeLastLine),
    lastDataAt: number(it.last_data_at),
    heldBy: text(object(it.held).by),
    lives: text(object(it.liveness).verdict),
  };
}

/** Bots in a `GET /api/v1/bots` answer; one without a name cannot be shown and is left out. */
export function decodeBots(value: unknown): Bot[] {
  return list(value)
    .map(decodeBot)
    .filter((bot) => bot.name !== "");
}

export function decodeRun(value: unknown): Run {
  const it = object(value);
  return {
    id: text(it.id),
    startedAt: number(it.started_at),
    endedAt: number(it.ended_at),
    outcome: text(it.outcome) || null,
    exitCode: number(it.exit_code),
    signal: number(it.signal),
    message: text(it.message),
    revision: text(it.revision),
    node: text(it.node),
    deploy: text(it.deploy),
  };
}

/** Runs as a bare list or under a `runs` key. */
export function decodeRuns(value: unknown): Run[] {
  return list(Array.isArray(value) ? value : object(value).runs).map(decodeRun);
}

function decodeCondition(value: unknown): Condition {
  const it = object(value);
  return {
    type: text(it.type),
    status: typeof it.status === "boolean" ? (it.status ? "True" : "False") : text(it.status),
    reason: text(it.reason),
    message: text(it.message),
    since: number(it.since),
  };
}

function decodeCommitNote(value: unknown): CommitNote {
  const it = object(value);
  return {
    id: text(it.id),
    author: text(it.author),
    message: text(it.message),
    committedAt: number(it.committed_at),
  };
}

export function decodeBotDetail(value: unknown): BotDetail {
  const it = object(value);
  return {
    bot: decodeBot(it.bot),
    path: text(it.path),
    parameters: object(it.parameters),
    metrics: list(it.metrics).map(text).filter(Boolean),
    conditions: list(it.conditions).map(decodeCondition),
    suspended: maybe(it.suspended, object),
    raw: it,
    revision: maybe(it.revision, decodeCommitNote),
    removed: maybe(it.removed, (value) => {
      const gone = object(value);
      return { revision: text(gone.revision), at: number(gone.at) };
    }),
  };
}

export function decodeLogEvent(value: unknown): LogEvent {
  const it = object(value);
  return {
    id: text(it.id),
    bot: text(it.bot),
    time: number(it.time) ?? 0,
    kind: text(it.kind) || "log",
    level: text(it.level) || "info",
    message: text(it.message),
    stream: text(it.stream),
    run: text(it.run),
    revision: text(it.revision),
    data: object(it.data),
  };
}

export function decodeEvents(value: unknown): EventsPage {
  const it = object(value);
  return { events: list(it.events).map(decodeLogEvent), nextCursor: text(it.next_cursor) };
}

export function decodeFleet(value: unknown): Fleet {
  const it = object(value);
  return {
    fleet: [it.fleet, ...list(it.environments)].join(" "),
    revision: maybe(it.revision, decodeRevision),
    syncedAt: number(it.synced_at),
    scheduler: text(it.scheduler),
    version: text(it.version),
    time: number(it.time),
    problems: list(it.problems).map(text).filter(Boolean),
    held: list(it.held).map((one) => text(object(one).text)),
    kills: list(it.kills).map(object),
  };
}

function decodeSample(value: unknown): Sample | null {
  const it = object(value);
  const time = number(it.time);
  const amount = number(it.value);
  const name = text(it.name);
  return time === null || amount === null || name === ""
    ? null
    : { name, labels: labels(it.labels), time, value: amount };
}

export function decodeSamples(value: unknown): { bot: string; samples: Sample[] } {
  const it = object(value);
  const samples = list(it.samples)
    .map(decodeSample)
    .filter((sample) => sample !== null);
  return { bot: text(it.bot), samples };
}

export function decodeSeries(value: unknown): SeriesData[] {
  return list(object(value).series).map((entry) => {
    const it = object(entry);
    const points: [number, number][] = [];
    for (const point of list(it.points)) {
      const [time, amount] = list(point);
      if (typeof time === "number" && typeof amount === "number") points.push([time, amount]);
    }
    return { labels: labels(it.labels), points };
  });
}
