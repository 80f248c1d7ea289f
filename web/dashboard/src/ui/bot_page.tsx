/** One bot: what it is and how it is, its metrics over one time axis, and under them what it said and did. */

import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { CHART_HEIGHT } from "../charts/measures";
import { watchTheme } from "../charts/theme";
import { TimeStrip } from "../charts/time_strip";
import { BotState } from "../state/bot";
import { parseRange, rangeQuery } from "../state/range";
import { place, setQuery } from "../state/router";
import { BotHeader } from "./bot_header";
import { chosenTab, Dock, NARROW_TABS, Output, Tabs } from "./dock";
import { lazyPart } from "./lazy";
import { narrow } from "./media";
import { RangeBar } from "./range_bar";
import { Shell, useFeed } from "./shell";

/** Drawing brings more code than all the rest: the page stands before it, and neither waits for the other. */
const chart = lazyPart(
  async () => (await import("../charts/chart")).Chart,
  () => <div class="panel" style={{ height: `${CHART_HEIGHT}px` }} />,
);
const noMetrics = lazyPart(
  async () => (await import("./bot_operations")).NoMetrics,
  () => null,
);
chart.load().catch(() => undefined); // it is told of where a chart is to be shown

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
  useRangeOfRemoved(state);
  const bot = state.bot.value;
  const select = (from: number, to: number) =>
    setQuery(rangeQuery({ kind: "between", from, to: Math.max(to, from + 1) }), true);
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={name}>
      {bot === null ? null : (
        <main class="bot">
          <BotHeader bot={bot} detail={state.detail.value} removed={state.removed.value} />
          {narrow.value ? <Tabs names={NARROW_TABS} /> : null}
          {narrow.value && chosenTab(NARROW_TABS) !== "charts" ? null : (
            <section class="charts" aria-label="Charts">
              <RangeBar range={range.value} />
              <TimeStrip range={range} earliest={state.earliest.value} marks={state.marks.value} />
              {state.panels.value.map((panel) => (
                <chart.Page key={panel.metric} state={state} panel={panel} range={range} select={select} />
              ))}
              {state.panels.value.length === 0 ? <noMetrics.Page /> : null}
            </section>
          )}
          {narrow.value ? <Output state={state} tab={chosenTab(NARROW_TABS)} /> : <Dock state={state} />}
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

/** Seconds before the end of a removed bot that its page shows at first. */
const LAST_OF_REMOVED = 900;

/** The last quarter of an hour says nothing of a bot that was removed last week: begin with its own last. */
function useRangeOfRemoved(state: BotState): void {
  const at = state.detail.value?.removed?.at ?? null;
  const asked = place.value.query;
  const free = !asked.has("range") && !asked.has("from");
  useEffect(() => {
    if (at !== null && free)
      setQuery(rangeQuery({ kind: "between", from: at - LAST_OF_REMOVED, to: at + 15 }));
  }, [at, free]);
}
