/** One metric: its name and newest value beside its course over the shared time axis. */

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ReadonlySignal } from "@preact/signals";
import type { BotState, MetricView } from "../state/bot";
import { now } from "../state/clock";
import type { Panel } from "../state/panels";
import { type Range, shownWindow } from "../state/range";
import { type Line, labelText } from "../state/series";
import { zone } from "../state/settings";
import { Glow } from "../ui/live";
import { ProblemLine } from "../ui/notes";
import { columnsOf, drawnLines } from "./data";
import { AXIS_WIDTH, CHART_HEIGHT, RIGHT_PADDING, TALL_CHART_HEIGHT } from "./measures";
import { makePlot, type PlotContext } from "./plot";
import { pointedTime } from "./pointer";
import { lineStyle, readTheme, themeVersion } from "./theme";
import { timeTicks } from "./ticks";

interface ChartProps {
  state: BotState;
  panel: Panel;
  range: ReadonlySignal<Range>;
  select(from: number, to: number): void;
}

export function Chart({ state, panel, range, select }: ChartProps) {
  const view = state.metric(panel.metric);
  const root = useRef<HTMLDivElement>(null);
  const inView = useInView(root);
  const pointed = useSignal<number | null>(null);
  useHistory(state, panel, view, inView);
  usePlot({ state, panel, range, select }, view, root, inView, pointed);
  const height = panel.tall ? TALL_CHART_HEIGHT : CHART_HEIGHT;
  return (
    <section class="panel" data-testid={`chart-${panel.metric}`} aria-label={panel.title}>
      <Reading panel={panel} view={view} pointed={pointed.value} />
      <div class="plot" ref={root} style={{ height: `${height}px` }}>
        {view.state.value !== "ready" ? <div class="plot-loading" /> : null}
        {view.state.value === "ready" && drawnLines(view.metric.lines.values()).length === 0 ? (
          <p class="plot-empty muted">no data in this range</p>
        ) : null}
      </div>
      <ProblemLine problem={view.problem.value} />
    </section>
  );
}

/** True from when the chart first comes near the view, and only while it is there. */
function useInView(root: { current: HTMLElement | null }) {
  const inView = useSignal(false);
  useEffect(() => {
    if (root.current === null) return;
    const watcher = new IntersectionObserver(
      (entries) => {
        inView.value = entries.at(-1)?.isIntersecting ?? false;
      },
      { rootMargin: "200px" },
    );
    watcher.observe(root.current);
    return () => watcher.disconnect();
  }, [root, inView]);
  return inView;
}

function useHistory(state: BotState, panel: Panel, view: MetricView, inView: ReadonlySignal<boolean>): void {
  useSignalEffect(() => {
    if (inView.value && view.state.peek() === "idle") void state.loadMetric(panel.metric);
  });
}

function usePlot(
  { state, panel, range, select }: ChartProps,
  view: MetricView,
  root: { current: HTMLDivElement | null },
  inView: ReadonlySignal<boolean>,
  pointed: { value: number | null },
): void {
  const plot = useRef<{ it: uPlot; lines: number; theme: number; zone: string } | null>(null);
  const window = useComputed(() => shownWindow(range.value, now.value, state.earliest.value));
  useSignalEffect(() => {
    // Everything that the drawing depends on is read here, so that a change of it draws again.
    const drawing = { theme: themeVersion.value, zone: zone.value };
    const { marks, fills, bot } = {
      marks: state.marks.value,
      fills: state.fills.value,
      bot: state.bot.value,
    };
    void view.version.value;
    const shown = window.value;
    const element = root.current;
    if (!inView.value || element === null || view.state.value !== "ready") return;
    const lines = drawnLines(view.metric.lines.values());
    const columns = columnsOf(lines, view.spacing, panel.drawing === "line");
    const current = plot.current;
    if (
      current !== null &&
      current.lines === lines.length &&
      current.theme === drawing.theme &&
      current.zone === drawing.zone
    ) {
      live.current = { shown, marks, fills, bot };
      current.it.setData(columns as uPlot.AlignedData);
      return;
    }
    current?.it.destroy();
    live.current = { shown, marks, fills, bot };
    const context: PlotContext = {
      panel,
      theme: readTheme(),
      window: () => live.current.shown,
      ticks: () => timeTicks(live.current.shown, plotWidth(element)).map((tick) => tick.time),
      limit: () => (live.current.bot === null ? null : panel.limit(live.current.bot)),
      marks: () => live.current.marks,
      fills: () => live.current.fills,
      selected: select,
      pointed: (time, index) => {
        pointedTime.value = time;
        pointed.value = index;
      },
    };
    const size = { width: element.clientWidth, height: panel.tall ? TALL_CHART_HEIGHT : CHART_HEIGHT };
    plot.current = { it: makePlot(context, columns, size, element), lines: lines.length, ...drawing };
  });
  const live = useRef({
    shown: window.peek(),
    marks: state.marks.peek(),
    fills: state.fills.peek(),
    bot: state.bot.peek(),
  });
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    const watcher = new ResizeObserver(() => {
      const it = plot.current?.it;
      if (it !== undefined && it.width !== element.clientWidth) {
        it.setSize({ width: element.clientWidth, height: it.height });
      }
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.current?.it.destroy();
      plot.current = null;
    };
  }, [root]);
}

function plotWidth(element: HTMLElement): number {
  return element.clientWidth - AXIS_WIDTH - RIGHT_PADDING;
}

/** Lines named beside a chart; the rest are counted. */
const NAMED = 4;

/** What the chart says in words: the newest value, or those under the crosshair. */
function Reading({ panel, view, pointed }: { panel: Panel; view: MetricView; pointed: number | null }) {
  void view.version.value;
  const newest = view.metric.newest();
  const lines = drawnLines(view.metric.lines.values());
  const many = lines.length > 1;
  return (
    <div class="reading">
      <h3>
        {panel.title} <span class="unit">{panel.unit}</span>
      </h3>
      <p class="reading-value">
        <Glow
          text={newest === null ? "\u2013" : panel.format(newest.value)}
          class="value"
          testId={`last-value-${panel.metric}`}
        />
        {many || pointed === null || lines[0] === undefined ? null : (
          <span class="at-pointer">{valueAt(lines[0], pointedTime.value, panel)}</span>
        )}
      </p>
      {many ? <Legend lines={lines} panel={panel} /> : null}
    </div>
  );
}

function Legend({ lines, panel }: { lines: readonly Line[]; panel: Panel }) {
  const time = pointedTime.value;
  const room = panel.tall ? NAMED : NAMED - 1;
  return (
    <ul class="legend">
      {lines.slice(0, room).map((line, index) => (
        <li key={line.key}>
          <svg viewBox="0 0 18 4" aria-hidden="true" class={`stroke-${index % 3}`}>
            <path d="M0 2H18" stroke-dasharray={lineStyle(NO_THEME, index).dash.join(" ")} />
          </svg>
          <span class="legend-name">{labelText(line.labels) || "all"}</span>
          <span class="legend-value">{time === null ? lastOf(line, panel) : valueAt(line, time, panel)}</span>
        </li>
      ))}
      {lines.length > room ? <li class="muted">and {lines.length - room} more</li> : null}
    </ul>
  );
}

const NO_THEME = { text: "", muted: "", grid: "", lines: [], error: "", font: "" };

function lastOf(line: Line, panel: Panel): string {
  const value = line.values.at(-1);
  return value === undefined ? "" : panel.format(value);
}

/** The value at or before a time: what was known then. */
function valueAt(line: Line, time: number | null, panel: Panel): string {
  if (time === null) return "";
  let index = line.times.length - 1;
  while (index >= 0 && (line.times[index] ?? 0) > time) index -= 1;
  const value = line.values[index];
  return value === undefined ? "" : panel.format(value);
}
