/** The documents of trading (web/trading_documents.py), read tolerantly; a figure that cannot be told is null. */

import type { LogEvent } from "./documents";
import { type Json, list, maybe, number, object, text } from "./json";

export interface Figures {
  name: string;
  mode: string;
  account: string;
  currency: string;
  bots: number;
  equity: number | null;
  changeToday: number | null;
  realized: number | null;
  unrealized: number | null;
  fees: number | null;
  net: number | null;
  source: string;
  otherFees: [currency: string, fee: number][];
  gross: number;
  exposure: number;
  positions: number;
  orders: number;
  fills: number;
  drawdown: { current: number; maximum: number; under: number | null; longest: number | null } | null;
  returns: number;
  annualization: number;
  sharpe: number | null;
  sortino: number | null;
  calmar: number | null;
  cagr: number | null;
  trips: number;
  wins: number;
  losses: number;
  even: number;
  winRate: number | null;
  profitFactor: number | null;
  expectancy: number | null;
  check: { since: number; equity: number; fills: number; difference: number } | null;
}

export interface OpenPosition {
  bot: string;
  mode: string;
  account: string;
  currency: string;
  symbol: string;
  side: string;
  quantity: number;
  entry: number | null;
  mark: number | null;
  value: number | null;
  unrealized: number | null;
  openedAt: number;
  source: string;
}

export interface OpenOrder {
  id: string;
  symbol: string;
  side: string;
  status: string;
  kind: string;
  quantity: number | null;
  filled: number;
  price: number | null;
  since: number;
}

export interface FillRow {
  id: string;
  time: number;
  symbol: string;
  side: string;
  quantity: number;
  price: number;
  fee: number | null;
  feeCurrency: string;
}

export interface Trading {
  /** False while the past is still read after a start of the service. */
  complete: boolean;
  figures: Figures[];
  positions: OpenPosition[];
  orders: OpenOrder[];
  fills: FillRow[];
}

function decodeFigures(value: unknown): Figures {
  const it = object(value);
  const ratios = object(it.ratios);
  const trips = object(it.trips);
  const known = (from: Json, name: string) => number(from[name]) ?? 0;
  return {
    name: text(it.name),
    mode: text(it.mode),
    account: text(it.account),
    currency: text(it.currency),
    bots: known(it, "bots"),
    equity: number(it.equity),
    changeToday: number(it.change_today),
    realized: number(it.realized_pnl),
    unrealized: number(it.unrealized_pnl),
    fees: number(it.fees),
    net: number(it.net_pnl),
    source: text(it.pnl_source),
    otherFees: Object.entries(object(it.other_fees)).map(([name, fee]) => [name, number(fee) ?? 0]),
    gross: known(it, "gross_exposure"),
    exposure: known(it, "net_exposure"),
    positions: known(it, "open_positions"),
    orders: known(it, "open_orders"),
    fills: known(it, "fills"),
    drawdown: maybe(it.drawdown, (value) => {
      const down = object(value);
      return {
        current: known(down, "current"),
        maximum: known(down, "maximum"),
        under: number(down.under_water),
        longest: number(down.longest_under_water),
      };
    }),
    returns: known(ratios, "returns"),
    annualization: known(ratios, "annualization"),
    sharpe: number(ratios.sharpe),
    sortino: number(ratios.sortino),
    calmar: number(ratios.calmar),
    cagr: number(ratios.cagr),
    trips: known(trips, "count"),
    wins: known(trips, "wins"),
    losses: known(trips, "losses"),
    even: known(trips, "even"),
    winRate: number(trips.win_rate),
    profitFactor: number(trips.profit_factor),
    expectancy: number(trips.expectancy),
    check: maybe(it.reconciliation, (value) => {
      const check = object(value);
      return {
        since: known(check, "since"),
        equity: known(check, "equity_change"),
        fills: known(check, "pnl_from_fills"),
        difference: known(check, "difference"),
      };
    }),
  };
}

function decodePosition(value: unknown): OpenPosition {
  const it = object(value);
  return {
    bot: text(it.bot),
    mode: text(it.mode),
    account: text(it.account),
    currency: text(it.currency),
    symbol: text(it.symbol),
    side: text(it.side),
    quantity: number(it.quantity) ?? 0,
    entry: number(it.entry_price),
    mark: number(it.mark_price),
    value: number(it.value),
    unrealized: number(it.unrealized_pnl),
    openedAt: number(it.opened_at) ?? 0,
    source: text(it.source),
  };
}

function decodeOrder(value: unknown): OpenOrder {
  const it = object(value);
  return {
    id: text(it.order_id),
    symbol: text(it.symbol),
    side: text(it.side),
    status: text(it.status),
    kind: text(it.order_type),
    quantity: number(it.quantity),
    filled: number(it.filled) ?? 0,
    price: number(it.price),
    since: number(it.since) ?? 0,
  };
}

function fillRow(id: string, time: number, it: Json): FillRow {
  return {
    id,
    time,
    symbol: text(it.symbol),
    side: text(it.side),
    quantity: Math.abs(number(it.quantity) ?? 0),
    price: number(it.price) ?? 0,
    fee: number(it.fee),
    feeCurrency: text(it.fee_currency),
  };
}

/** A fill as the stream brings it: an event of the kind trade. */
export function fillOfEvent(event: LogEvent): FillRow {
  return fillRow(event.id, event.time, event.data);
}

export function decodeTrading(value: unknown): Trading {
  const it = object(value);
  return {
    complete: it.complete !== false,
    figures: list(it.figures).map(decodeFigures),
    positions: list(it.positions).map(decodePosition),
    orders: list(it.orders).map(decodeOrder),
    fills: list(it.fills).map((one) => {
      const fill = object(one);
      return fillRow(text(fill.id), number(fill.time) ?? 0, fill);
    }),
  };
}

/** The figures of a `FiguresAnswer`, and the positions of a `PositionsAnswer`. */
export const decodeAllFigures = (value: unknown) => list(object(value).figures).map(decodeFigures);
export const decodePositions = (value: unknown) => list(object(value).positions).map(decodePosition);
