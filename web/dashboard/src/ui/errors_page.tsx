/** What went wrong: each error once, those seen last first; resolved ones where they are asked for. */

import "../styles/errors.css";
import { useMemo } from "preact/hooks";
import type { ErrorGroup } from "../api/errors";
import { plain } from "../format/numbers";
import { ErrorsState } from "../state/errors";
import { botUrl, errorsOf, errorUrl, revisionUrl, setQuery } from "../state/router";
import { Age, Glow } from "./live";
import { type Outcome, OutcomeMark } from "./shape";
import { Shell, useFeed } from "./shell";

const OUTCOMES: Record<string, Outcome> = { new: "bad", regressed: "bad", ongoing: "warn", resolved: "good" };

export function ErrorsPage({ bot, all }: { bot: string; all: boolean }) {
  const state = useMemo(() => new ErrorsState(bot, all), []);
  const feed = useFeed({
    topics: ["fleet", "errors"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const errors = state.errors.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={bot === "" ? "Errors" : `Errors of ${bot}`}>
      <main class="errors-page" data-testid="errors-page">
        <div class="page-head">
          <h1>Errors</h1>
          {bot === "" ? null : (
            <span>
              of{" "}
              <a href={botUrl(bot)} data-page>
                {bot}
              </a>{" "}
              <a class="muted" href={errorsOf("")} data-page>
                of all bots
              </a>
            </span>
          )}
          <button
            type="button"
            class="chip"
            aria-pressed={all}
            onClick={() => setQuery({ all: all ? null : "1" }, true)}
          >
            resolved as well
          </button>
        </div>
        {errors.length === 0 ? (
          <p class="nothing-found muted">
            No errors{all ? "" : " that are open"}. Traces, lines at the level of an error and crashes show
            here.
          </p>
        ) : (
          <ul class="error-list">
            {errors.map((one) => (
              <Entry key={one.id} error={one} />
            ))}
          </ul>
        )}
      </main>
    </Shell>
  );
}

function Entry({ error }: { error: ErrorGroup }) {
  return (
    <li class="error-entry" data-testid={`error-${error.id}`}>
      <ErrorMark state={error.state} />
      <a class="error-name" href={errorUrl(error.id)} data-page>
        {errorName(error)}
      </a>
      <span class="muted error-facts">
        <a href={botUrl(error.bot)} data-page>
          {error.bot}
        </a>
        {error.file === "" ? null : (
          <span>
            {error.file}:{error.line}
          </span>
        )}
        <Glow text={`${plain(error.count)} ${error.count === 1 ? "time" : "times"}`} class="value" />
        <Age at={error.lastSeen} suffix=" ago" />
        <Since error={error} />
      </span>
    </li>
  );
}

export function Since({ error }: { error: ErrorGroup }) {
  if (error.sinceRevision === "") return null;
  return (
    <span>
      since{" "}
      <a href={revisionUrl(error.sinceRevision)} data-page>
        {error.sinceRevision.slice(0, 7)}
      </a>
    </span>
  );
}

export function ErrorMark({ state }: { state: string }) {
  return <OutcomeMark outcome={OUTCOMES[state] ?? "off"} text={state} />;
}

/** Type and message on a line; a line without a trace is its message alone. */
export function errorName(error: ErrorGroup): string {
  const type = error.type.split(".").at(-1) ?? error.type;
  if (type === "error") return error.message;
  return error.message === "" ? type : `${type}: ${error.message}`;
}
