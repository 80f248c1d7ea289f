/** The time axis that all charts share: ticks, the moments that matter, and the time under the crosshair. */

import type { ReadonlySignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, moment, zoneLabel } from "../format/times";
import { now } from "../state/clock";
import type { Mark } from "../state/marks";
import { type Range, shownWindow, type Window } from "../state/range";
import { AXIS_WIDTH, RIGHT_PADDING } from "./measures";
import { pointedTime } from "./pointer";
import { timeTicks } from "./ticks";

/** Flags drawn on the strip; of more, the newest. */
const FLAGS = 60;
/** Half of the widest label, in px: one that the edge would cut is left out. */
const HALF_LABEL = 30;

interface StripProps {
  range: ReadonlySignal<Range>;
  earliest: number | null;
  marks: readonly Mark[];
}

export function TimeStrip({ range, earliest, marks }: StripProps) {
  const strip = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(900);
  useEffect(() => {
    const element = strip.current;
    if (element === null) return;
    const watcher = new ResizeObserver(() => setWidth(element.clientWidth));
    watcher.observe(element);
    setWidth(element.clientWidth);
    return () => watcher.disconnect();
  }, []);
  const window = shownWindow(range.value, now.value, earliest);
  const inner = width - AXIS_WIDTH - RIGHT_PADDING;
  const place = (time: number) =>
    AXIS_WIDTH + (inner * (time - window.from)) / Math.max(1, window.to - window.from);
  const left = (time: number) => `${place(time)}px`;
  const ticks = timeTicks(window, inner).filter(({ time }) => place(time) + HALF_LABEL <= width);
  const at = pointedTime.value;
  return (
    <div class="strip">
      <span class="strip-zone muted">{zoneLabel(window.to)}</span>
      <div class="strip-axis" ref={strip} data-testid="time-axis">
        {ticks.map(({ time, label }) => (
          <span key={time} class="tick" style={{ left: left(time) }}>
            {label}
          </span>
        ))}
        {flagsIn(marks, window).map((mark) => (
          <span
            key={`${mark.kind} ${mark.time} ${mark.text}`}
            class={`flag flag-${mark.kind}`}
            style={{ left: left(mark.time) }}
            title={`${moment(mark.time)}  ${mark.text}`}
          >
            <svg viewBox="0 0 8 8" role="img" aria-label={mark.text}>
              <path d={mark.kind === "error" ? "M1 1L7 7M7 1L1 7" : "M4 7L.5 1H7.5z"} />
            </svg>
          </span>
        ))}
        {at === null ? null : (
          <span class="strip-pointer" style={{ left: left(at) }}>
            {clock(at)}
          </span>
        )}
      </div>
    </div>
  );
}

export function flagsIn(marks: readonly Mark[], { from, to }: Window): Mark[] {
  return marks.filter((mark) => mark.time >= from && mark.time <= to).slice(-FLAGS);
}
