/** One bot's trading: key figures, open positions and orders, and its newest fills, live. */

import "../styles/trading.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type ApiProblem, asProblem, getJson } from "../api/http";
import { decodeTrading, type FillRow, fillOfEvent, type OpenOrder, type Trading } from "../api/trading";
import { MINUS, NOTHING, quantity } from "../format/numbers";
import { clock, day, moment } from "../format/times";
import type { BotState } from "../state/bot";
import { FiguresOf, Positions } from "./figures";
import { Age } from "./live";
import { ProblemLine, Skeleton } from "./notes";

const FILLS = 50;

export function TradingTab({ state }: { state: BotState }) {
  const [read, setRead] = useState<Trading | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  useEffect(() => {
    const reading = new AbortController();
    const path = `/api/v1/bots/${encodeURIComponent(state.name)}/trading?fills=${FILLS}`;
    getJson(path, decodeTrading, reading.signal).then(setRead, (error: unknown) => {
      if (!reading.signal.aborted) setProblem(asProblem(error));
    });
    return () => reading.abort();
  }, [state]);
  const told = state.told.value.trading;
  const live = useMemo(() => (told === undefined ? null : decodeTrading(told)), [told]);
  const trading = live ?? read;
  if (trading === null)
    return problem === null ? <Skeleton page="lines" /> : <ProblemLine problem={problem} />;
  const fills = newestFills(read?.fills ?? [], state);
  if (trading.figures.length === 0) return <Nothing />;
  return (
    <div class="scroll trading" data-testid="trading">
      {trading.complete ? null : (
        <p class="muted">The past is still being read: this is not all of it yet.</p>
      )}
      {trading.figures.map((one) => (
        <FiguresOf key={`${one.mode} ${one.account} ${one.currency}`} of={one} />
      ))}
      <h3>Open positions</h3>
      <Positions of={trading.positions} />
      <h3>Open orders</h3>
      <Orders of={trading.orders} />
      <h3>Newest fills</h3>
      <Fills of={fills} />
    </div>
  );
}

/** What was read, and what the stream brought since: newest first, each once. */
function newestFills(read: readonly FillRow[], state: BotState): FillRow[] {
  const found = new Map(read.map((one) => [one.id, one]));
  for (const event of state.events.events.value) {
    if (event.kind === "trade") found.set(event.id, fillOfEvent(event));
  }
  return [...found.values()].sort((a, b) => b.time - a.time).slice(0, FILLS);
}

function Nothing() {
  return (
    <p class="muted nothing-found">
      No trading yet. A line such as{" "}
      <code>
        {'{"_metric": "trade", "symbol": "BTC/USDT", "side": "buy", "quantity": 1, "price": 64000}'}
      </code>{" "}
      shows here.
    </p>
  );
}

function Orders({ of }: { of: readonly OpenOrder[] }) {
  if (of.length === 0) return <p class="muted nothing-found">No open order.</p>;
  return (
    <div class="wide-table">
      <table class="list" data-testid="orders">
        <thead>
          <tr>
            <th>Order</th>
            <th class="num">Quantity</th>
            <th class="num">Filled</th>
            <th class="num">Price</th>
            <th>State</th>
            <th>Since</th>
            <th class="fill">Id</th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={one.id}>
              <td>
                {one.side} {one.symbol} {one.kind}
              </td>
              <td class="num">{one.quantity === null ? NOTHING : quantity(one.quantity)}</td>
              <td class="num">{quantity(one.filled)}</td>
              <td class="num">{one.price === null ? NOTHING : quantity(one.price)}</td>
              <td>{one.status.replaceAll("_", " ")}</td>
              <td>
                <Age at={one.since} />
              </td>
              <td class="fill muted">{one.id}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Fills({ of }: { of: readonly FillRow[] }) {
  if (of.length === 0) return <p class="muted nothing-found">No fill yet.</p>;
  return (
    <div class="wide-table">
      <table class="list" data-testid="fills">
        <thead>
          <tr>
            <th>Time</th>
            <th>Fill</th>
            <th class="num">Quantity</th>
            <th class="num">Price</th>
            <th class="num">Fee</th>
            <th class="fill" />
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={one.id}>
              <td title={moment(one.time)}>
                {day(one.time)} {clock(one.time)}
              </td>
              <td>
                {one.side} {one.symbol}
              </td>
              <td class="num">
                {one.side === "sell" ? MINUS : "+"}
                {quantity(one.quantity)}
              </td>
              <td class="num">{quantity(one.price)}</td>
              <td class="num">{one.fee === null ? NOTHING : `${quantity(one.fee)} ${one.feeCurrency}`}</td>
              <td class="fill" />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
