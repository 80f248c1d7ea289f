/** uPlot as we use it: one chart on the shared time axis, with limit, marks and fills drawn over it. */

import uPlot from "uplot";
import { MINUS } from "../format/numbers";
import type { Fill, Mark } from "../state/marks";
import type { Panel } from "../state/panels";
import type { Window } from "../state/range";
import { type Columns, yRange } from "./data";
import { AXIS_WIDTH, RIGHT_PADDING } from "./measures";
import { lineStyle, type Theme } from "./theme";

/** What a chart asks for while it draws; all of it may change between two drawings. */
export interface PlotContext {
  panel: Panel;
  theme: Theme;
  window(): Window;
  ticks(): number[];
  limit(): number | null;
  marks(): readonly Mark[];
  fills(): readonly Fill[];
  /** The reader dragged over a span of time. */
  selected(from: number, to: number): void;
  /** The crosshair moved: a time, and the nearest column of the data; null when it left. */
  pointed(time: number | null, index: number | null): void;
}

export interface PlotSize {
  width: number;
  height: number;
}

const SYNC = "herdsman";
const SMALLEST_DRAG = 6;

export function plotOptions(context: PlotContext, lines: number, size: PlotSize): uPlot.Options {
  return {
    ...size,
    legend: { show: false },
    padding: [6, RIGHT_PADDING, 8, 0],
    cursor: cursor(),
    scales: {
      x: {
        time: true,
        range: () => {
          const { from, to } = context.window();
          return [from, to];
        },
      },
      y: {
        range: (_plot, least, most) =>
          yRange(least, most, [context.panel.fromZero ? 0 : null, context.limit()]),
      },
    },
    axes: [timeAxis(context), valueAxis(context)],
    series: [{}, ...Array.from({ length: lines }, (_, index) => series(context, index))],
    hooks: {
      drawAxes: [(plot) => drawMarks(plot, context)],
      draw: [(plot) => drawLimit(plot, context), (plot) => drawFills(plot, context)],
      setSelect: [(plot) => takeSelection(plot, context)],
      setCursor: [(plot) => tellPointer(plot, context)],
    },
  };
}

function cursor(): uPlot.Cursor {
  return {
    y: false,
    drag: { x: true, y: false, setScale: false },
    points: { size: 5 },
    sync: {
      key: SYNC,
      // A drag is taken by the chart that it happens on alone.
      filters: { pub: (type) => type === "mousemove" || type === "mouseleave", sub: () => true },
    },
  } as uPlot.Cursor;
}

function timeAxis({ theme, ticks }: PlotContext): uPlot.Axis {
  return {
    size: 0,
    splits: () => ticks(),
    values: (_plot, splits) => splits.map(() => ""),
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
  };
}

function valueAxis({ theme, panel }: PlotContext): uPlot.Axis {
  return {
    size: AXIS_WIDTH,
    space: 28,
    ...(panel.unit.startsWith("bytes") ? { incrs: BINARY_STEPS } : {}),
    gap: 6,
    stroke: theme.muted,
    font: theme.font,
    values: (_plot, splits) => splits.map((value) => axisLabel(value, splits, panel)),
    grid: { stroke: theme.grid, width: 1 },
    ticks: { show: false },
  };
}

/** Distances between the ticks of a scale in bytes: whole KiB, MiB and so on. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** A label with the digits that its distance to the next one needs. */
export function axisLabel(value: number, splits: readonly number[], panel: Panel): string {
  if (panel.unit.startsWith("bytes") || panel.unit === "%" || panel.unit === "s") return panel.format(value);
  const [first = 0, second = first + 1] = splits;
  const distance = Math.abs(second - first) || 1;
  const size = Math.max(Math.abs(value), distance);
  if (size >= 1e6) return compact(value);
  const digits = digitsOf(distance);
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const text = Math.abs(value).toLocaleString("en-US", options);
  return value < 0 ? MINUS + text : text;
}

/** Decimals without which two ticks of this distance would read alike or wrong: 0 for 5, 1 for 2.5. */
function digitsOf(distance: number): number {
  let digits = Math.max(0, Math.min(10, -Math.floor(Math.log10(distance) + 1e-9)));
  const left = () => Math.abs(distance * 10 ** digits - Math.round(distance * 10 ** digits));
  while (digits < 10 && left() > 1e-6) digits += 1;
  return digits;
}

const compactFormat = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });

function compact(value: number): string {
  return compactFormat.format(value);
}

function series({ panel, theme }: PlotContext, index: number): uPlot.Series {
  const { stroke, dash } = lineStyle(theme, index);
  const points = { show: true, size: 5, stroke, fill: stroke };
  if (panel.drawing === "points") return { stroke, paths: () => null, points };
  return {
    stroke,
    width: 1.25,
    dash,
    points: { show: loneliness, size: 4, stroke, fill: stroke },
  } as uPlot.Series;
}

/** A point between two gaps has no line: show it as a dot. */
function loneliness(plot: uPlot, seriesIndex: number): boolean {
  const column = plot.data[seriesIndex];
  return column === undefined || column.length <= 2;
}

function drawMarks(plot: uPlot, { marks, window, theme }: PlotContext): void {
  const { ctx, bbox } = plot;
  const { from, to } = window();
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const mark of marks()) {
    if (mark.time < from || mark.time > to || mark.kind === "start") continue;
    const x = Math.round(plot.valToPos(mark.time, "x", true));
    ctx.strokeStyle = mark.kind === "error" ? theme.error : theme.muted;
    ctx.globalAlpha = mark.kind === "error" ? 0.5 : 1;
    ctx.setLineDash(mark.kind === "error" ? [2 * devicePixelRatio, 3 * devicePixelRatio] : []);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function drawLimit(plot: uPlot, { limit, panel, theme }: PlotContext): void {
  const value = limit();
  if (value === null) return;
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(value, "y", true));
  ctx.save();
  ctx.strokeStyle = theme.text;
  ctx.fillStyle = theme.text;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.font = scaledFont(theme.font);
  ctx.textAlign = "right";
  ctx.textBaseline = "top";
  ctx.fillText(`limit ${panel.format(value)}`, bbox.left + bbox.width, y + 3 * devicePixelRatio);
  ctx.restore();
}

function scaledFont(font: string): string {
  return font.replace(/^(\d+)px/, (_, size: string) => `${Number(size) * devicePixelRatio}px`);
}

/** A filled triangle upwards for a buy, a hollow one downwards for a sell. */
function drawFills(plot: uPlot, { panel, fills, window, theme }: PlotContext): void {
  if (!panel.fills) return;
  const { ctx } = plot;
  const { from, to } = window();
  const size = 4.5 * devicePixelRatio;
  ctx.save();
  ctx.fillStyle = theme.text;
  ctx.strokeStyle = theme.text;
  ctx.lineWidth = 1.25 * devicePixelRatio;
  for (const fill of fills()) {
    if (fill.time < from || fill.time > to) continue;
    const x = plot.valToPos(fill.time, "x", true);
    const y = plot.valToPos(fill.price, "y", true);
    const tip = fill.side === "buy" ? -size : size;
    ctx.beginPath();
    ctx.moveTo(x, y + tip);
    ctx.lineTo(x - size, y - tip);
    ctx.lineTo(x + size, y - tip);
    ctx.closePath();
    if (fill.side === "buy") ctx.fill();
    else ctx.stroke();
  }
  ctx.restore();
}

function takeSelection(plot: uPlot, { selected }: PlotContext): void {
  const { left, width } = plot.select;
  if (width < SMALLEST_DRAG) return;
  const from = plot.posToVal(left, "x");
  const to = plot.posToVal(left + width, "x");
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  selected(from, to);
}

function tellPointer(plot: uPlot, { pointed }: PlotContext): void {
  const { left, idx } = plot.cursor;
  if (left === undefined || left === null || left < 0) pointed(null, null);
  else pointed(plot.posToVal(left, "x"), idx ?? null);
}

export function makePlot(context: PlotContext, columns: Columns, size: PlotSize, root: HTMLElement): uPlot {
  return new uPlot(plotOptions(context, columns.length - 1, size), columns as uPlot.AlignedData, root);
}
