/** Ticks of the shared time axis: whole minutes, hours or days in the reader's zone, as many as have room. */

import { clock, day, shortClock } from "../format/times";
import type { Window } from "../state/range";
import { zone } from "../state/settings";

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
  604_800, 1_209_600, 2_592_000,
];

/** Pixels that a label needs. */
const ROOM = 88;

export interface Tick {
  time: number;
  label: string;
}

export function timeTicks(window: Window, width: number): Tick[] {
  const span = window.to - window.from;
  const most = Math.max(2, Math.floor(width / ROOM));
  const step = STEPS.find((candidate) => span / candidate <= most) ?? span;
  // Steps are counted from local midnight, so that six-hour ticks stand at 06:00 and not at 05:00.
  const shift = zone.value === "UTC" ? 0 : -new Date(window.from * 1000).getTimezoneOffset() * 60;
  const ticks: Tick[] = [];
  const first = Math.ceil((window.from + shift) / step) * step - shift;
  for (let time = first; time <= window.to && ticks.length < 100; time += step) {
    ticks.push({ time, label: labelOf(time, step, shift) });
  }
  return ticks;
}

function labelOf(time: number, step: number, shift: number): string {
  if ((time + shift) % 86_400 === 0 && step >= 60) return day(time);
  return step < 60 ? clock(time) : shortClock(time);
}
