/** Whole programs before and after a push, or two groups of bots side by side; the address says which. */

import "../styles/comparison.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import { decodeTogether, type Part, type RowChange, type Spread, type Together } from "../api/together";
import { measured } from "../format/measured";
import { NOTHING } from "../format/numbers";
import { HeaderState } from "../state/header";
import { place, setQuery } from "../state/router";
import { type ChangeRow, Changes } from "./changes_table";
import { Shell, useFeed } from "./shell";

const SECTIONS: [string, string][] = [
  ["errors", "Errors: bots that have them"],
  ["lines", "Log lines a minute"],
  ["metrics", "Metrics: median, or a minute"],
  ["resources", "Resources: median, or a minute"],
  ["trading", "Trading: median, or a minute"],
];
const ASKED = ["of", "with", "before", "after", "start"] as const;

export function ComparePage() {
  const state = useMemo(() => new HeaderState(), []);
  const feed = useFeed({
    topics: ["fleet"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const query = place.value.query;
  const asked = Object.fromEntries(ASKED.map((name) => [name, query.get(name) ?? ""]));
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="Compare">
      <main class="compare-page" data-testid="compare-page">
        <Asking asked={asked} />
        {asked.of === "" ? <Hint /> : <Found key={JSON.stringify(asked)} asked={asked} />}
      </main>
    </Shell>
  );
}

function Asking({ asked }: { asked: Record<string, string> }) {
  const choose = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string) => String(given.get(name) ?? "").trim() || null;
    const beside = value("with");
    const kept = beside === null ? { start: null } : { before: null, after: null };
    setQuery({ of: value("of"), with: beside, ...kept }, true);
  };
  return (
    <div class="page-head">
      <h1>Compare</h1>
      <form class="filter" onSubmit={choose} key={`${asked.of} ${asked.with}`}>
        <input
          type="search"
          name="of"
          placeholder="program=sma"
          aria-label="Which bots"
          defaultValue={asked.of ?? ""}
          data-search
          data-testid="compare-of"
        />
        <input
          type="search"
          name="with"
          placeholder="beside others, if any"
          aria-label="Beside which others"
          defaultValue={asked.with ?? ""}
          data-testid="compare-with"
        />
        <button type="submit">Compare</button>
      </form>
    </div>
  );
}

function Hint() {
  return (
    <p class="nothing-found muted">
      Which bots: <code>program=sma</code>, <code>label=desk=alpha</code>, <code>account=main</code>,{" "}
      <code>mode=dry</code> or <code>all</code>. Alone they are compared before and after the newest revision;
      with others beside them, over the last day.
    </p>
  );
}

function Found({ asked }: { asked: Record<string, string> }) {
  const [found, show] = useState<Together | null>(null);
  const [problem, fail] = useState<ApiProblem | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ""));
    getJson(address("/api/v1/compare", given), decodeTogether, abort.signal).then(
      show,
      (error) => abort.signal.aborted || fail(asProblem(error)),
    );
    return () => abort.abort();
  }, []);
  if (problem !== null) return <p class="nothing-found is-Degraded">{problem.message}</p>;
  if (found === null) return <p class="nothing-found muted">Comparing…</p>;
  return (
    <>
      {found.parts.map((part) => (
        <Mode key={part.mode} part={part} found={found} />
      ))}
    </>
  );
}

function Mode({ part, found }: { part: Part; found: Together }) {
  const bots = part.before === part.after ? `${part.after}` : `${part.before} and ${part.after}`;
  const sides = [found.before, found.after] as const;
  return (
    <section class="comparison" data-testid={`compared-${part.mode}`}>
      <h2>
        {part.mode}: {bots} {bots === "1" ? "bot" : "bots"}
      </h2>
      {part.cautions.map((caution) => (
        <p key={caution} class="is-Degraded">
          {caution}
        </p>
      ))}
      {SECTIONS.map(([section, title]) => (
        <Changes
          key={section}
          title={title}
          sides={sides}
          none={part.rows.some((row) => row.section === section) ? "no difference is told" : "none"}
          rows={part.rows
            .filter((row) => row.section === section && isTold(row))
            .map((row) => shownRow(row, part))}
        />
      ))}
    </section>
  );
}

/** Of a bot held against itself too little is nothing; of two groups the numbers stand side by side. */
function isTold(row: RowChange): boolean {
  return row.verdict !== "same" && (row.verdict !== "few" || Object.keys(row.moved).length === 0);
}

function shownRow(row: RowChange, part: Part): ChangeRow {
  const own = Object.entries(row.labels).map(([name, value]) => `${name}=${value}`);
  const text = [row.name, ...own].join(" ");
  return {
    key: text,
    text,
    before: side(row, row.before, part.before),
    after: side(row, row.after, part.after),
    word: words(row, part),
  };
}

/** The middle of the bots, and between which numbers the middle half of them lies. */
function side(row: RowChange, one: Spread | null, bots: number): string {
  if (row.section === "errors") return `${one?.bots ?? 0} of ${bots} bots`;
  if (one === null) return NOTHING;
  const series = row.section === "lines" ? "" : row.name; // the text of a line says nothing of how many come
  const [low, middle, high] = [one.low, one.median, one.high].map((value) => measured(series, value));
  const spread = low === high ? "" : ` (${low} to ${high})`;
  return `${middle}${spread}${one.bots < bots ? ` in ${one.bots} of ${bots}` : ""}`;
}

function words(row: RowChange, part: Part): string {
  if (row.verdict === "shown" || row.verdict === "few") return "";
  const told = Object.entries(row.moved).sort(([, one], [, other]) => other - one);
  if (told.length === 0) return row.verdict;
  if (row.verdict === "mixed") return told.map(([word, bots]) => `${word} in ${bots}`).join(", ");
  const judged = told.reduce((sum, [, bots]) => sum + bots, 0);
  const of = row.section === "errors" || row.section === "lines" ? part.after : judged;
  return `${row.verdict} in ${row.moved[row.verdict] ?? 0} of ${of}`;
}
