/** The trading of all bots: figures by account and currency, then every open position, the largest first. */

import "../styles/trading.css";
import { useEffect, useMemo } from "preact/hooks";
import { count } from "../format/numbers";
import { TradingState } from "../state/trading";
import { FiguresOf, Positions } from "./figures";
import { Shell, useFeed } from "./shell";

export function TradingPage() {
  const state = useMemo(() => new TradingState(), []);
  useEffect(() => () => state.close(), [state]);
  const feed = useFeed({
    topics: ["fleet", "trading"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const figures = state.figures.value;
  const positions = useMemo(
    () => [...state.positions.value].sort((a, b) => Math.abs(b.value ?? 0) - Math.abs(a.value ?? 0)),
    [state.positions.value],
  );
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="Trading">
      <main class="trading" data-testid="trading-page">
        <div class="page-head">
          <h1>Trading</h1>
          <span class="muted">by account; live and dry, and different currencies, are never summed</span>
        </div>
        {figures.length === 0 ? (
          <p class="muted nothing-found">
            No bot has printed a fill, a position or its equity yet. See <code>docs/trading.md</code>.
          </p>
        ) : null}
        {figures.map((one) => (
          <FiguresOf
            key={`${one.mode} ${one.account} ${one.currency}`}
            of={one}
            title={`${count(one.bots, "bot")},`}
          />
        ))}
        <h3>Open positions</h3>
        <Positions of={positions} bots />
      </main>
    </Shell>
  );
}
