/** The revisions that a bot ran at, and two of them side by side: what is as it was is left out. */

import "../styles/comparison.css";
import { useEffect, useState } from "preact/hooks";
import {
  type Comparison,
  decodeComparison,
  decodeDeploys,
  type Numbers,
  type Period,
  type SeriesChange,
} from "../api/comparing";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import { measured } from "../format/measured";
import { bytes, NOTHING, quantity } from "../format/numbers";
import { longDuration, moment } from "../format/times";
import { authorName } from "../format/words";
import { errorUrl, place, setQuery } from "../state/router";
import { type ChangeRow, Changes } from "./changes_table";
import { RevisionLink } from "./fleet_row";

const QUIET = new Set(["same", "few"]);
const SECTIONS = ["metrics", "resources", "trading"];

/** `runs` changes when the bot starts anew: then a revision may have come. */
export function Deploys({ bot, runs }: { bot: string; runs: string }) {
  const [deploys, show] = useState<readonly Period[]>([]);
  const asked = place.value.query.get("compare") ?? "";
  const path = `/api/v1/bots/${encodeURIComponent(bot)}`;
  useEffect(() => {
    const abort = new AbortController();
    getJson(`${path}/deploys`, decodeDeploys, abort.signal).then(show, () => undefined);
    return () => abort.abort();
  }, [path, runs]);
  if (deploys.length === 0) return null;
  const chosen = asked === "" ? -1 : deploys.findIndex((one) => one.revision.startsWith(asked));
  const [after, before] = [deploys[chosen], deploys[chosen + 1]];
  return (
    <section aria-label="Revisions of this bot">
      <ul class="deploys" data-testid="deploys">
        {deploys.map((one, at) => (
          <li key={one.revision}>
            <RevisionLink id={one.revision} />{" "}
            <span title={moment(one.start)}>
              {moment(one.start)}, ran {longDuration(one.seconds)}
            </span>{" "}
            <span class="muted">
              {[one.by && `by ${authorName(one.by)}`, one.change || one.message].filter(Boolean).join(": ")}
            </span>{" "}
            <CompareButton before={deploys[at + 1]} after={one} />
          </li>
        ))}
      </ul>
      {after === undefined || before === undefined ? null : (
        <Compared path={path} before={before.revision} after={after.revision} />
      )}
    </section>
  );
}

interface ButtonProps {
  before: Period | undefined;
  after: Period;
}

/** The address says what is compared, so that it can be handed on. */
function CompareButton({ before, after }: ButtonProps) {
  if (before === undefined) return null;
  return (
    <button
      type="button"
      class="chip"
      onClick={() => setQuery({ compare: after.revision.slice(0, 12) })}
      data-testid={`compare-${after.revision.slice(0, 7)}`}
    >
      compare with {before.revision.slice(0, 7)}
    </button>
  );
}

function Compared({ path, before, after }: { path: string; before: string; after: string }) {
  const [found, show] = useState<Comparison | null>(null);
  const [problem, fail] = useState<ApiProblem | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    show(null);
    fail(null);
    getJson(address(`${path}/compare`, { before, after }), decodeComparison, abort.signal).then(
      show,
      (error) => abort.signal.aborted || fail(asProblem(error)),
    );
    return () => abort.abort();
  }, [path, before, after]);
  if (problem !== null) return <p class="is-Degraded">{problem.message}</p>;
  if (found === null) return <p class="muted">Comparing…</p>;
  return <ComparisonView found={found} />;
}

export function ComparisonView({ found }: { found: Comparison }) {
  const errors = found.errors.filter((one) => !QUIET.has(one.verdict));
  const lines = found.lines.filter((one) => !QUIET.has(one.verdict));
  return (
    <div class="comparison" data-testid="comparison">
      {found.cautions.map((caution) => (
        <p key={caution} class="is-Degraded">
          {caution}
        </p>
      ))}
      <Changes
        title="Errors"
        rows={errors.map((one) => ({
          key: one.id,
          text: one.message === "" ? one.type : `${one.type}: ${one.message}`,
          href: errorUrl(one.id),
          before: quantity(one.before),
          after: quantity(one.after),
          word: one.verdict,
        }))}
      />
      <Changes
        title="Log lines a minute"
        rows={lines.map((one) => ({
          key: one.template,
          text: one.template,
          before: quantity(one.before),
          after: quantity(one.after),
          word: one.verdict,
        }))}
      />
      {SECTIONS.map((section) => (
        <Changes
          key={section}
          title={`${section[0]?.toUpperCase()}${section.slice(1)}: median, or a minute`}
          rows={found.series
            .filter((one) => one.section === section && !QUIET.has(one.verdict))
            .map(seriesRow)}
        />
      ))}
      <p class="muted">
        Memory grows {growth(found.memoryBefore)} before, {growth(found.memoryAfter)} after.
      </p>
    </div>
  );
}

function seriesRow(one: SeriesChange): ChangeRow {
  const own = Object.entries(one.labels).map(([name, value]) => `${name}=${value}`);
  const text = own.length === 0 ? one.name : `${one.name} ${own.join(" ")}`;
  const word = one.verdict === "shown" ? "" : one.verdict;
  return { key: text, text, before: shown(one, one.before), after: shown(one, one.after), word };
}

function shown(one: SeriesChange, numbers: Numbers | null): string {
  return numbers === null ? NOTHING : measured(one.name, numbers.perMinute ?? numbers.median);
}

function growth(value: number | null): string {
  if (value === null) return "by what is not known";
  return `${value < 0 ? "-" : "+"}${bytes(Math.abs(value))} an hour`;
}
