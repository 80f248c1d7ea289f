/** The choice of the span of time; it stands in the address, so that a link shows the same. */

import { moment } from "../format/times";
import { type Range, rangeQuery, SPANS } from "../state/range";
import { setQuery } from "../state/router";

export function RangeBar({ range }: { range: Range }) {
  return (
    <fieldset class="range-bar" aria-label="Range">
      {SPANS.map(({ name, seconds }) => (
        <button
          key={name}
          type="button"
          class="chip"
          aria-pressed={range.kind === "last" && range.name === name}
          onClick={() => setQuery(rangeQuery({ kind: "last", name, seconds }), true)}
        >
          {name}
        </button>
      ))}
      {range.kind === "between" ? (
        <span class="muted" data-testid="range">
          {moment(range.from)} to {moment(range.to)}
          <button type="button" class="link" onClick={() => setQuery({ from: null, to: null }, true)}>
            back to live
          </button>
        </span>
      ) : (
        <span class="muted wide-only" data-testid="range">
          live; drag over a chart to look closer
        </span>
      )}
    </fieldset>
  );
}
