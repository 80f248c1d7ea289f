/** Values that change in place: numbers that glow once, and ages that tick. */

import { useRef } from "preact/hooks";
import { duration, moment } from "../format/times";
import { now } from "../state/clock";

/** Text that glows for a moment when it changes; the style sheet keeps it still where motion is unwanted. */
export function Glow({ text, class: name = "", testId }: { text: string; class?: string; testId?: string }) {
  const seen = useRef({ text, times: 0 });
  if (seen.current.text !== text) seen.current = { text, times: seen.current.times + 1 };
  const { times } = seen.current;
  // Two names for the same animation: changing from one to the other starts it again.
  const glow = times === 0 ? "" : times % 2 === 1 ? "glow-a" : "glow-b";
  return (
    <span class={`${name} ${glow}`} data-testid={testId}>
      {text}
    </span>
  );
}

/** How long ago a moment is, with the moment itself in the title. */
export function Age({ at, suffix = "" }: { at: number | null; suffix?: string }) {
  if (at === null || at === 0) return <span class="muted">{"\u2013"}</span>;
  return (
    <time title={moment(at)} dateTime={new Date(at * 1000).toISOString()}>
      {duration(now.value - at)}
      {suffix}
    </time>
  );
}

/** Seconds without data after which a running bot's values are shown as stale. */
export const STALE_AFTER = 60;

export function isStale(lastDataAt: number | null, type: string): boolean {
  return type === "realtime" && lastDataAt !== null && now.value - lastDataAt > STALE_AFTER;
}
