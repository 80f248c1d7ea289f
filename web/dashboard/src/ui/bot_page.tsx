/** One bot: what it is and how it is, its metrics over one time axis, and under them what it said and did. */

import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Chart } from "../charts/chart";
import { watchTheme } from "../charts/theme";
import { TimeStrip } from "../charts/time_strip";
import { BotState } from "../state/bot";
import { parseRange, rangeQuery } from "../state/range";
import { place, setQuery } from "../state/router";
import { BotHeader } from "./bot_header";
import { Dock } from "./dock";
import { RangeBar } from "./range_bar";
import { Shell, useFeed } from "./shell";

export function BotPage({ name }: { name: string }) {
  const range = useComputed(() => parseRange(place.value.query));
  const state = useMemo(() => new BotState(name, range), [name, range]);
  const feed = useFeed({
    topics: ["fleet", `bot:${name}`],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  useEffect(() => () => state.close(), [state]);
  useEffect(watchTheme, []);
  useReloadOnRange(state, JSON.stringify(range.value));
  const bot = state.bot.value;
  const select = (from: number, to: number) =>
    setQuery(rangeQuery({ kind: "between", from, to: Math.max(to, from + 1) }), true);
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={name}>
      {bot === null ? null : (
        <main class="bot">
          <BotHeader bot={bot} detail={state.detail.value} removed={state.removed.value} />
          <section class="charts" aria-label="Charts">
            <RangeBar range={range.value} />
            <TimeStrip range={range} earliest={state.earliest.value} marks={state.marks.value} />
            {state.panels.value.map((panel) => (
              <Chart key={panel.metric} state={state} panel={panel} range={range} select={select} />
            ))}
            {state.panels.value.length === 0 ? <NoMetrics /> : null}
          </section>
          <Dock state={state} />
        </main>
      )}
    </Shell>
  );
}

/** The first range is read with the page itself; later ones as they are chosen. */
function useReloadOnRange(state: BotState, range: string): void {
  const read = useRef(range);
  useEffect(() => {
    if (read.current === range) return;
    read.current = range;
    state.reloadHistory();
  }, [state, range]);
}

function NoMetrics() {
  return (
    <p class="nothing-found muted">
      No metric yet. A line such as{" "}
      <code>{'{"_metric": "equity", "equity": 1000.0, "timestamp": 1767225600000}'}</code> on the bot's output
      draws the first chart.
    </p>
  );
}
