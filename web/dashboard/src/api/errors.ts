/** Errors of bots (`/api/v1/errors`, `/api/v1/code`), read tolerantly. */

import { decodeLogEvent, type LogEvent } from "./documents";
import { list, maybe, number, object, text } from "./json";

export interface ErrorGroup {
  id: string;
  bot: string;
  program: string;
  version: string;
  state: string;
  type: string;
  message: string;
  file: string;
  line: number;
  count: number;
  firstSeen: number;
  lastSeen: number;
  lastRevision: string;
  sinceRevision: string;
}

export interface ErrorFrame {
  function: string;
  file: string;
  line: number;
  own: boolean;
}

export interface Thrown {
  type: string;
  message: string;
  frames: ErrorFrame[];
  part: boolean;
}

export interface ErrorDetail {
  error: ErrorGroup;
  revisions: { revision: string; version: string; count: number; firstSeen: number; lastSeen: number }[];
  at: number;
  trace: Thrown[];
  message: string;
  lines: LogEvent[];
  trades: LogEvent[];
  resources: Record<string, number>;
  resolvedBy: string;
  bots: string[];
}

export interface Explanation {
  title: string;
  cause: string;
  fix: string;
  others: string[];
  modelAvailable: boolean;
  model: { name: string; text: string; problem: string } | null;
}

export interface CodeLine {
  number: number;
  text: string;
  commit: string;
  author: string;
  summary: string;
}

export interface Code {
  path: string;
  commit: string;
  line: number;
  url: string;
  lines: CodeLine[];
}

export function decodeErrorGroup(value: unknown): ErrorGroup {
  const it = object(value);
  return {
    id: text(it.id),
    bot: text(it.bot),
    program: text(it.program),
    version: text(it.version),
    state: text(it.state),
    type: text(it.type),
    message: text(it.message),
    file: text(it.file),
    line: number(it.line) ?? 0,
    count: number(it.count) ?? 0,
    firstSeen: number(it.first_seen) ?? 0,
    lastSeen: number(it.last_seen) ?? 0,
    lastRevision: text(it.last_revision),
    sinceRevision: text(it.since_revision),
  };
}

export const decodeErrorGroups = (value: unknown): ErrorGroup[] => list(value).map(decodeErrorGroup);

function decodeThrown(value: unknown): Thrown {
  const it = object(value);
  return {
    type: text(it.type),
    message: text(it.message),
    part: it.part === true,
    frames: list(it.frames).map((one) => {
      const frame = object(one);
      return {
        function: text(frame.function),
        file: text(frame.file),
        line: number(frame.line) ?? 0,
        own: frame.in_app === true,
      };
    }),
  };
}

export function decodeErrorDetail(value: unknown): ErrorDetail {
  const it = object(value);
  const resources: Record<string, number> = {};
  for (const [name, one] of Object.entries(object(it.resources))) {
    const known = number(one);
    if (known !== null) resources[name] = known;
  }
  return {
    error: decodeErrorGroup(it.error),
    revisions: list(it.revisions).map((one) => {
      const span = object(one);
      return {
        revision: text(span.revision),
        version: text(span.version),
        count: number(span.count) ?? 0,
        firstSeen: number(span.first_seen) ?? 0,
        lastSeen: number(span.last_seen) ?? 0,
      };
    }),
    at: number(object(it.shown).time) ?? 0,
    trace: list(it.trace).map(decodeThrown),
    message: maybe(it.event, decodeLogEvent)?.message ?? "",
    lines: list(it.lines).map(decodeLogEvent),
    trades: list(it.trades).map(decodeLogEvent),
    resources,
    resolvedBy: text(object(it.resolution).by),
    bots: list(it.bots).map(text),
  };
}

export function decodeExplanation(value: unknown): Explanation {
  const it = object(value);
  const best = object(it.explanation);
  return {
    title: text(best.title),
    cause: text(best.cause),
    fix: text(best.fix),
    others: list(it.others).map((one) => text(object(one).title)),
    modelAvailable: it.model_available === true,
    model: maybe(it.model, (one) => {
      const said = object(one);
      return { name: text(said.name), text: text(said.text), problem: text(said.problem) };
    }),
  };
}

export function decodeCode(value: unknown): Code {
  const it = object(value);
  return {
    path: text(it.path),
    commit: text(it.commit),
    line: number(it.line) ?? 0,
    url: /^https?:\/\//.test(text(it.url)) ? text(it.url) : "",
    lines: list(it.lines).map((one) => {
      const line = object(one);
      return {
        number: number(line.number) ?? 0,
        text: text(line.text),
        commit: text(line.commit),
        author: text(line.author),
        summary: text(line.summary),
      };
    }),
  };
}
