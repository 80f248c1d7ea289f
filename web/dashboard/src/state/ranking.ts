/** The order of the fleet's table and what a search finds: pure. */

import { type Bot, HEALTHS, type Health } from "../api/documents";

export type SortKey =
  | "worst"
  | "name"
  | "program"
  | "mode"
  | "sync"
  | "since"
  | "revision"
  | "pnl"
  | "cpu"
  | "memory"
  | "age";

export interface Sort {
  key: SortKey;
  /** True turns the column's natural order around. */
  reversed: boolean;
}

export const WORST_FIRST: Sort = { key: "worst", reversed: false };

const RANK = new Map<Health, number>(HEALTHS.map((health, index) => [health, index]));

/** Smaller is worse; a bot that is not in sync comes before one of the same health that is. */
export function badness(bot: Bot): number {
  return (RANK.get(bot.health) ?? 0) * 2 + (bot.sync === "Synced" ? 1 : 0);
}

/** What a column sorts by: numbers run as the column's reader wants them first, text from A to Z. */
const KEYS: Record<SortKey, (bot: Bot) => number | string | null> = {
  worst: badness,
  name: () => "",
  program: (bot) => `${bot.program} ${bot.version}`,
  mode: (bot) => (bot.mode === "live" ? 0 : 1),
  sync: (bot) => (bot.sync === "Synced" ? 1 : 0),
  since: (bot) => negated(bot.since),
  revision: (bot) => bot.appliedRevision,
  pnl: (bot) => bot.pnlToday ?? bot.lastMetric?.value ?? null,
  cpu: (bot) => negated(bot.resources.cpuPercent),
  memory: (bot) => negated(bot.resources.memoryBytes),
  age: (bot) => negated(bot.lastDataAt),
};

function negated(value: number | null): number | null {
  return value === null ? null : -value;
}

type Keyed = { bot: Bot; key: number | string | null };

/** Names in order. What a column has no value for comes last either way; equals go by name. */
export function ranked(bots: Iterable<Bot>, sort: Sort): string[] {
  const keyOf = KEYS[sort.key];
  const sign = sort.reversed ? -1 : 1;
  const keyed: Keyed[] = [];
  for (const bot of bots) keyed.push({ bot, key: keyOf(bot) });
  keyed.sort((left, right) => compare(left, right, sign, sort.key === "name"));
  return keyed.map((entry) => entry.bot.name);
}

function compare(left: Keyed, right: Keyed, sign: number, byName: boolean): number {
  const a = left.key;
  const b = right.key;
  if (a !== b) {
    if (a === null) return 1;
    if (b === null) return -1;
    return a < b ? -sign : sign;
  }
  const order = left.bot.name < right.bot.name ? -1 : left.bot.name > right.bot.name ? 1 : 0;
  return byName ? order * sign : order;
}

/** Does every word of the search occur somewhere in what identifies or explains the bot? */
export function matcher(query: string, health: Health | null): (bot: Bot) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return (bot) => {
    if (health !== null && bot.health !== health) return false;
    if (words.length === 0) return true;
    const text = [
      bot.name,
      bot.program,
      bot.version,
      bot.mode,
      bot.type,
      bot.environment,
      bot.health,
      bot.sync,
      bot.reason,
      bot.message,
      bot.account,
      bot.node,
      bot.appliedRevision,
    ]
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/** Equity of one currency in one mode; currencies, and live and dry, are never summed together. */
export interface Purse {
  mode: string;
  currency: string;
  equity: number;
  pnlToday: number | null;
  bots: number;
}

export interface Totals {
  bots: number;
  counts: Record<Health, number>;
  outOfSync: number;
  purses: Purse[];
}

export function totalsOf(bots: Iterable<Bot>): Totals {
  const counts = Object.fromEntries(HEALTHS.map((health) => [health, 0])) as Record<Health, number>;
  const purses = new Map<string, Purse>();
  let all = 0;
  let outOfSync = 0;
  for (const bot of bots) {
    all += 1;
    counts[bot.health] += 1;
    if (bot.sync === "OutOfSync") outOfSync += 1;
    if (bot.equity !== null) addTo(purses, bot, bot.equity);
  }
  return { bots: all, counts, outOfSync, purses: [...purses.values()].sort(liveAndLargeFirst) };
}

function addTo(purses: Map<string, Purse>, bot: Bot, equity: number): void {
  const key = `${bot.mode} ${bot.currency}`;
  const purse = purses.get(key) ?? {
    mode: bot.mode,
    currency: bot.currency,
    equity: 0,
    pnlToday: null,
    bots: 0,
  };
  purse.equity += equity;
  purse.bots += 1;
  if (bot.pnlToday !== null) purse.pnlToday = (purse.pnlToday ?? 0) + bot.pnlToday;
  purses.set(key, purse);
}

function liveAndLargeFirst(left: Purse, right: Purse): number {
  if (left.mode !== right.mode) return left.mode === "live" ? -1 : 1;
  return right.bots - left.bots || (left.currency < right.currency ? -1 : 1);
}
