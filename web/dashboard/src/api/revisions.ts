/** Revisions as the API and the stream have them (web/documents.py), read tolerantly. */

import { type Json, list, number, object, text } from "./json";

/** One field of a manifest; null where that side lacks it. */
export interface FieldChange {
  name: string;
  before: string | null;
  after: string | null;
}

export interface Change {
  bot: string;
  action: string;
  summary: string;
  state: string;
  message: string;
  seconds: number | null;
  fields: FieldChange[];
}

export interface Mistake {
  file: string;
  line: number | null;
  message: string;
  suggestion: string;
}

export type Tally = Record<string, number>;

export interface Revision {
  id: string;
  author: string;
  message: string;
  committedAt: number | null;
  receivedAt: number | null;
  finishedAt: number | null;
  state: string;
  /** What brought it: push, poll, webhook, operator, start. */
  trigger: string;
  /** The token that pushed it, or asked for it. */
  by: string;
  branch: string;
  /** The name of its source, where the fleet has several. */
  source: string;
  /** The commit that it replaces without following it: history was rewritten. */
  rewritten: string;
  /** What its signature is worth; "" where no trust policy asks. */
  signature: string;
  signer: string;
  /** Its waves, read by those who show them; empty where it goes without. */
  rollout: Json;
  /** Why its removals wait to be confirmed. */
  held: string;
  /** All changed bots, counted by action and by the state of their change. */
  actions: Tally;
  results: Tally;
  /** In a list the first of them only. */
  changes: Change[];
  errors: Mistake[];
}

function tally(value: unknown): Tally {
  const found: Tally = {};
  for (const [key, amount] of Object.entries(object(value))) {
    if (typeof amount === "number") found[key] = amount;
  }
  return found;
}

function decodeField(value: unknown): FieldChange {
  const it = object(value);
  const side = (one: unknown) => (typeof one === "string" ? one : null);
  return { name: text(it.name), before: side(it.before), after: side(it.after) };
}

export function decodeChange(value: unknown): Change {
  const it = object(value);
  return {
    bot: text(it.bot),
    action: text(it.action),
    summary: text(it.summary),
    state: text(it.state),
    message: text(it.message),
    seconds: number(it.seconds),
    fields: list(it.fields).map(decodeField),
  };
}

function decodeMistake(value: unknown): Mistake {
  const it = object(value);
  return {
    file: text(it.file),
    line: number(it.line),
    message: text(it.message),
    suggestion: text(it.suggestion),
  };
}

export function decodeRevision(value: unknown): Revision {
  const it: Json = object(value);
  return {
    id: text(it.id),
    author: text(it.author),
    message: text(it.message),
    committedAt: number(it.committed_at),
    receivedAt: number(it.received_at),
    finishedAt: number(it.finished_at),
    state: text(it.state) || "pending",
    trigger: text(it.trigger),
    by: text(it.by),
    branch: text(it.branch),
    source: text(it.source),
    rewritten: text(it.rewritten),
    signature: text(it.signature),
    signer: text(it.signer),
    rollout: object(it.rollout),
    held: text(it.held),
    actions: tally(it.actions),
    results: tally(it.results),
    changes: list(it.changes).map(decodeChange),
    errors: list(it.errors).map(decodeMistake),
  };
}

/** Revisions as a bare list or under a `revisions` key. */
export function decodeRevisions(value: unknown): Revision[] {
  return list(Array.isArray(value) ? value : object(value).revisions).map(decodeRevision);
}

/** A `revision` event: how the revision is, and the changes that moved. */
export function decodeMoved(value: unknown): { revision: Revision; changes: Change[] } {
  const it = object(value);
  return { revision: decodeRevision(it.revision), changes: list(it.changes).map(decodeChange) };
}

/** How many bots a revision changes. */
export function changed(revision: Revision): number {
  const counted = Object.values(revision.actions).reduce((sum, bots) => sum + bots, 0);
  return Math.max(counted, revision.changes.length);
}
