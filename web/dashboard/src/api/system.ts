/** How herdsman itself is (`/api/v1/system`), read tolerantly: parts may run elsewhere, and be missing. */

import { decodeRow, list, maybe, number, object, text } from "./json";

export type Cell = number | string | null;

export interface Fact {
  name: string;
  value: Cell;
  /** s, bytes, percent, per_second, at, or "" for a count or a text. */
  unit: string;
  hint: string;
}

export interface PartTable {
  columns: string[];
  units: string[];
  rows: Cell[][];
}

export interface Part {
  name: string;
  state: string;
  message: string;
  next: string;
  facts: Fact[];
  table: PartTable | null;
}

export interface SystemNote {
  time: number;
  level: string;
  source: string;
  message: string;
  times: number;
}

export interface System {
  time: number | null;
  state: string;
  version: string;
  fleet: string;
  parts: Part[];
  notes: SystemNote[];
}

function decodeFact(value: unknown): Fact {
  const it = object(value);
  const [cell = null] = decodeRow([it.value]);
  return { name: text(it.name), value: cell, unit: text(it.unit), hint: text(it.hint) };
}

function decodeTable(value: unknown): PartTable {
  const it = object(value);
  return {
    columns: list(it.columns).map(text),
    units: list(it.units).map(text),
    rows: list(it.rows).map(decodeRow),
  };
}

function decodePart(value: unknown): Part {
  const it = object(value);
  return {
    name: text(it.name),
    state: text(it.state) || "failing",
    message: text(it.message),
    next: text(it.next),
    facts: list(it.facts).map(decodeFact),
    table: maybe(it.table, decodeTable),
  };
}

function decodeNote(value: unknown): SystemNote {
  const it = object(value);
  return {
    time: number(it.time) ?? 0,
    level: text(it.level),
    source: text(it.source),
    message: text(it.message),
    times: number(it.times) ?? 1,
  };
}

export function decodeSystem(value: unknown): System {
  const it = object(value);
  return {
    time: number(it.time),
    state: text(it.state),
    version: text(it.version),
    fleet: text(it.fleet),
    parts: list(it.parts).map(decodePart),
    notes: list(it.notes).map(decodeNote),
  };
}
