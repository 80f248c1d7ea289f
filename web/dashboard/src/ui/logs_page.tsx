/** Lines and events of all bots: a search, when and what they are, and the lines themselves, the newest first. */

import "../styles/logs.css";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { browserStream } from "../api/environment";
import { Feed } from "../api/feed";
import { plain } from "../format/numbers";
import { place, setQuery } from "../state/router";
import { FACETS, type Filter, LogSearch, searchOf, toggled, topicsOf, valuesOf } from "../state/search";
import { FoundLines } from "./found_lines";
import { Histogram } from "./histogram";
import { LevelSelect, WordsBox } from "./line_filters";
import { narrow } from "./media";
import { ProblemLine } from "./notes";
import { RangeBar } from "./range_bar";
import { Shell } from "./shell";

/** How often the counts of a search that goes on are read anew. */
const COUNT_MS = 10_000;

export function LogsPage() {
  const query = place.value.query.toString();
  const state = useMemo(() => new LogSearch(searchOf(new URLSearchParams(query))), [query]);
  const feed = useFeedOf(state);
  useEffect(() => {
    if (state.search.range.kind === "between") return;
    const timer = setInterval(() => {
      if (!state.list.paused.peek() && !document.hidden) void state.count();
    }, COUNT_MS);
    return () => clearInterval(timer);
  }, [state]);
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="Logs">
      <main class="logs-page" data-testid="logs-page">
        <h1 class="hidden-title">Logs</h1>
        <Toolbar state={state} />
        <Chosen state={state} />
        <ProblemLine problem={state.problem.value ?? feed.problem.value ?? state.list.problem.value} />
        <Histogram counts={state.counts.value} />
        <div class="logs-found">
          <Facets state={state} />
          <FoundLines list={state.list} live={state.search.range.kind === "last"} />
        </div>
      </main>
    </Shell>
  );
}

/** A feed for each search; the page stays as it is while the next one is read. */
function useFeedOf(state: LogSearch): Feed {
  const stands = useRef(false);
  const feed = useMemo(() => {
    const source = {
      topics: ["fleet", ...topicsOf(state.search)],
      load: (abort: AbortSignal) => state.load(abort),
      apply: (event: Parameters<LogSearch["apply"]>[0], data: unknown) => state.apply(event, data),
    };
    const made = new Feed(source, browserStream);
    made.loaded.value = stands.current;
    stands.current = true;
    return made;
  }, [state]);
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  return feed;
}

function Toolbar({ state }: { state: LogSearch }) {
  const { filters, range } = state.search;
  return (
    <div class="toolbar">
      <WordsBox
        text={filters.text ?? ""}
        placeholder="Search the lines of all bots  /"
        search={(text) => setQuery({ text: text || null })}
        testId="logs-search"
      />
      <LevelSelect level={filters.level ?? ""} choose={(level) => setQuery({ level: level || null }, true)} />
      <select
        aria-label="Lines or events"
        value={filters.kind === "all" ? "all" : ""}
        onChange={(event) => setQuery({ kind: event.currentTarget.value || null }, true)}
      >
        <option value="">lines</option>
        <option value="all">lines and events</option>
      </select>
      <RangeBar range={range} />
      <span class="spacer" />
      <a class="muted" href={state.fileUrl("csv")} download>
        CSV
      </a>
      <a class="muted" href={state.fileUrl("jsonl")} download>
        JSON lines
      </a>
      {range.kind === "last" ? <LiveButton state={state} /> : null}
    </div>
  );
}

function LiveButton({ state: { list } }: { state: LogSearch }) {
  const paused = list.paused.value;
  const unseen = list.unseen.value;
  return (
    <button
      type="button"
      class="chip"
      aria-pressed={!paused}
      onClick={() => list.pause(!paused)}
      data-testid="logs-live"
    >
      {paused ? `go on${unseen > 0 ? ` (${plain(unseen)} new)` : ""}` : "live"}
    </button>
  );
}

/** What narrows the search beside its words, each to be taken out. */
function Chosen({ state: { search } }: { state: LogSearch }) {
  const shown = (Object.keys(search.filters) as Filter[]).filter(
    (name) => name !== "text" && name !== "level" && !(name === "kind" && search.filters.kind === "all"),
  );
  if (shown.length === 0) return null;
  return (
    <div class="logs-chosen" data-testid="logs-chosen">
      {shown.flatMap((name) =>
        valuesOf(search, name).map((value) => (
          <button
            key={`${name} ${value}`}
            type="button"
            class="chip"
            title="Take it out"
            onClick={() => setQuery({ [name]: toggled(search, name, value) }, true)}
          >
            {name}: {short(name, value)} {"\u00d7"}
          </button>
        )),
      )}
    </div>
  );
}

function Facets({ state }: { state: LogSearch }) {
  const counts = state.counts.value;
  if (counts === null) return <aside class="facets" />;
  return (
    <aside class="facets" aria-label="What they are" data-testid="facets">
      <p class="muted" data-testid="logs-total">
        {counts.complete ? "" : "at least "}
        {plain(counts.total)} {counts.total === 1 ? "line" : "lines"}
      </p>
      {FACETS.map(([name, filter]) => {
        const facet = counts.facets[name];
        if (facet === undefined || facet.values.length === 0) return null;
        const chosen = valuesOf(state.search, filter);
        return (
          <details key={name} open={name !== "revision" && !narrow.value}>
            <summary>{name}</summary>
            {facet.values.map(([value, count]) => (
              <button
                key={value}
                type="button"
                class="facet"
                aria-pressed={chosen.includes(value)}
                title={value}
                onClick={() => setQuery({ [filter]: toggled(state.search, filter, value) }, true)}
              >
                <span>{short(name, value)}</span>
                <span class="value">{plain(count)}</span>
              </button>
            ))}
            {facet.more > 0 ? <p class="muted">and {plain(facet.more)} more</p> : null}
          </details>
        );
      })}
    </aside>
  );
}

const short = (name: string, value: string): string => (name === "revision" ? value.slice(0, 7) : value);
