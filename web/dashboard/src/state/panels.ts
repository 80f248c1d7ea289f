/** Which charts a bot's page shows, in which order, and how each is read: pure. */

import type { Bot } from "../api/documents";
import { bytes, money, percent, quantity } from "../format/numbers";
import { took } from "../format/times";

export interface Panel {
  metric: string;
  title: string;
  unit: string;
  /** `points`: moments rather than a course, so that no line joins them. */
  drawing: "line" | "points";
  /** Fills are marked on this panel. */
  fills: boolean;
  tall: boolean;
  /** The scale reaches down to zero. */
  fromZero: boolean;
  limit(bot: Bot): number | null;
  format(value: number): string;
}

/** Metric types that say that something happened once. */
const MOMENTS = /^bot_(order|trade|signal|transfer|alert|error|risk)(_|$)/;
/** What agents measure: each second, of which steps of 10 s are kept. */
export const RESOURCE = /^bot_(up|cpu|memory|disk|network|processes|threads|open_files|state_bytes)(_|$)/;
const MONEY = /^bot_(equity|balance|pnl|position|portfolio)/;
const NOT_MONEY = /(quantity|leverage|total|free|used)$/;

const DRAWDOWN = "bot_trading_drawdown";

const noLimit = () => null;

export function panelFor(metric: string, currency: string): Panel {
  const isCpu = /^bot_cpu/.test(metric);
  const isMemory = /^bot_memory(_|$)/.test(metric);
  return {
    metric,
    title: titleOf(metric),
    ...reading(metric, currency),
    drawing: MOMENTS.test(metric) ? "points" : "line",
    fills: metric === "bot_price",
    tall: metric === "bot_equity" || metric === "bot_price",
    fromZero: RESOURCE.test(metric) || metric === DRAWDOWN,
    limit: isCpu
      ? (bot) => bot.resources.cpuLimitPercent
      : isMemory
        ? (bot) => bot.resources.memoryLimitBytes
        : noLimit,
  };
}

function titleOf(metric: string): string {
  return metric
    .replace(/^bot_(trading_)?/, "")
    .replace(/_bytes_per_second$/, "")
    .replace(/_(bytes|percent|seconds|ms)$/, "")
    .replace(/^cpu$/, "CPU")
    .replaceAll("_", " ")
    .replace(/\bpnl\b/, "P&L");
}

function reading(metric: string, currency: string): Pick<Panel, "unit" | "format"> {
  if (metric.endsWith("_bytes_per_second"))
    return { unit: "bytes/s", format: (value) => `${bytes(value)}/s` };
  if (metric.endsWith("_bytes")) return { unit: "bytes", format: bytes };
  if (metric === DRAWDOWN) return { unit: "%", format: (value) => `${money(value * 100)}%` };
  if (metric.endsWith("_percent")) return { unit: "%", format: percent };
  if (metric.endsWith("_seconds")) return { unit: "s", format: took };
  if (metric.endsWith("_ms")) return { unit: "ms", format: (value) => `${quantity(value)} ms` };
  if (MONEY.test(metric) && !NOT_MONEY.test(metric)) return { unit: currency, format: money };
  return { unit: "", format: quantity };
}

/** Series that repeat a limit are the line in its panel; of those derived of trading the tab tells in words. */
const HIDDEN = /_limit(_bytes|_percent)?$|^bot_(trading_(?!drawdown$)|liveness_|disk_(free|stalled))/;

/** Where there is no equity, the bot's own metrics say how it does: they come before its resources. */
function place(metric: string, hasEquity: boolean): number {
  if (metric === "bot_equity") return 0;
  if (metric === DRAWDOWN) return 0.5;
  if (/^bot_(equity_|pnl|portfolio)/.test(metric)) return 1;
  if (metric === "bot_price") return 2;
  if (/^bot_cpu/.test(metric)) return 3;
  if (metric === "bot_memory_bytes") return 4;
  if (metric === "bot_up") return 9;
  if (RESOURCE.test(metric)) return 5;
  return hasEquity ? 6 : 2.5;
}

/** Equity and P&L, price, resources against their limits, then every other metric by name (see `place`). */
export function panelsOf(metrics: readonly string[], currency: string): Panel[] {
  const hasEquity = metrics.includes("bot_equity");
  const order = (metric: string) => place(metric, hasEquity);
  return [...new Set(metrics)]
    .filter((metric) => !HIDDEN.test(metric))
    .sort((left, right) => order(left) - order(right) || (left < right ? -1 : 1))
    .map((metric) => panelFor(metric, currency));
}
