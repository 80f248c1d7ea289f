/** When the lines were printed: a bar for each bucket, its levels one on the other; drag to look closer. */

import { useRef, useState } from "preact/hooks";
import type { Counts } from "../api/logs";
import { plain } from "../format/numbers";
import { clock, longDuration, moment } from "../format/times";
import { LEVELS } from "../state/logs";
import { rangeQuery } from "../state/range";
import { setQuery } from "../state/router";

const HEIGHT = 56;
/** Drags shorter than this, in px, are clicks. */
const SLOP = 4;

export function Histogram({ counts }: { counts: Counts | null }) {
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  if (counts === null) return <div class="histogram" style={{ height: `${HEIGHT + 20}px` }} />;
  const from = Math.floor(counts.start / counts.width) * counts.width;
  const span = Math.max(counts.end - from, counts.width);
  const most = Math.max(1, ...counts.buckets.map((one) => sum(one.levels)));
  const at = (event: PointerEvent): number => {
    const rect = (box.current as HTMLElement).getBoundingClientRect();
    return Math.min(Math.max((event.clientX - rect.left) / Math.max(rect.width, 1), 0), 1);
  };
  const end = () => {
    const width = box.current?.clientWidth ?? 0;
    if (drag !== null && Math.abs(drag[1] - drag[0]) * width > SLOP) {
      const [low, high] = [Math.min(...drag), Math.max(...drag)];
      const range = { kind: "between", from: from + low * span, to: from + high * span + 1 } as const;
      setQuery(rangeQuery(range), true);
    }
    setDrag(null);
  };
  return (
    <div class="histogram" data-testid="histogram">
      <div
        ref={box}
        class="histogram-bars"
        style={{ height: `${HEIGHT}px` }}
        role="img"
        aria-label={`${plain(counts.total)} lines from ${moment(counts.start)} to ${moment(counts.end)}`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture?.(event.pointerId);
          setDrag([at(event), at(event)]);
        }}
        onPointerMove={(event) => drag && setDrag([drag[0], at(event)])}
        onPointerUp={end}
        onPointerCancel={() => setDrag(null)}
      >
        {counts.buckets.map((one) => (
          <span
            key={one.at}
            class="bar-stack"
            style={{
              left: `${(100 * (one.at - from)) / span}%`,
              width: `${(100 * counts.width) / span}%`,
              height: `${(100 * sum(one.levels)) / most}%`,
            }}
            title={`${moment(one.at)}  ${words(one.levels)}`}
          >
            {[...LEVELS].reverse().map((level) => {
              const count = one.levels[level];
              return count ? <i key={level} class={`bar-${level}`} style={{ flexGrow: count }} /> : null;
            })}
          </span>
        ))}
        {drag === null ? null : (
          <span
            class="brush"
            style={{ left: `${100 * Math.min(...drag)}%`, width: `${100 * Math.abs(drag[1] - drag[0])}%` }}
          />
        )}
      </div>
      <p class="histogram-ends muted">
        <span>{clock(counts.start)}</span>
        {counts.total === 0 ? null : (
          <span>
            up to {plain(most)} in {longDuration(counts.width)}
            <span class="wide-only">; drag to look closer</span>
          </span>
        )}
        <span>{clock(counts.end)}</span>
      </p>
    </div>
  );
}

const sum = (levels: Record<string, number>): number =>
  Object.values(levels).reduce((total, count) => total + count, 0);

const words = (levels: Record<string, number>): string =>
  Object.entries(levels)
    .map(([level, count]) => `${plain(count)} ${level}`)
    .join(", ");
