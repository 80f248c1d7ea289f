/** One error: what it means, where it is in the source, its trace, and what came before it. */

import "../styles/errors.css";
import { useMemo, useState } from "preact/hooks";
import type { LogEvent } from "../api/documents";
import type { Code, ErrorDetail, Explanation, Thrown } from "../api/errors";
import { bytes, percent, plain } from "../format/numbers";
import { clock, moment } from "../format/times";
import { ErrorState } from "../state/errors";
import { botUrl, errorsOf, revisionUrl } from "../state/router";
import { viewer, whyNot } from "../state/viewer";
import { ErrorMark, errorName, Since } from "./errors_page";
import { Age, Glow } from "./live";
import { Operate } from "./operate";
import { Shell, useFeed } from "./shell";
import { withCode } from "./with_code";

export function ErrorPage({ id }: { id: string }) {
  const state = useMemo(() => new ErrorState(id), []);
  const feed = useFeed({
    topics: ["fleet", "errors"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const detail = state.detail.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="Error">
      {detail === null ? null : <View state={state} detail={detail} />}
    </Shell>
  );
}

function View({ state, detail }: { state: ErrorState; detail: ErrorDetail }) {
  return (
    <main class="errors-page error-page" data-testid="error-page">
      <Head state={state} detail={detail} />
      <Meaning state={state} explanation={state.explanation.value} />
      {state.code.value === null ? null : <Source code={state.code.value} />}
      <Trace detail={detail} />
      <Before detail={detail} />
      <Revisions detail={detail} />
    </main>
  );
}

function Head({ state, detail }: { state: ErrorState; detail: ErrorDetail }) {
  const { error } = detail;
  const over = error.state === "resolved";
  return (
    <>
      <div class="page-head">
        <h1>{errorName(error)}</h1>
      </div>
      <p class="error-facts">
        <ErrorMark state={error.state} />
        <Since error={error} />
        <span>
          <a href={botUrl(error.bot)} data-page>
            {error.bot}
          </a>{" "}
          {error.program} {error.version}
        </span>
        <Glow
          text={`${plain(error.count)} ${error.count === 1 ? "time" : "times"}`}
          class="value"
          testId="error-count"
        />
        <span class="muted">
          last <Age at={error.lastSeen} suffix=" ago" />, first <Age at={error.firstSeen} suffix=" ago" />
        </span>
        {detail.resolvedBy === "" ? null : <span class="muted">resolved by {detail.resolvedBy}</span>}
        {detail.bots.length === 0 ? null : <span>the same in {detail.bots.join(", ")}</span>}
        <Operate
          key={over ? "reopen" : "resolve"}
          text={over ? "Reopen" : "Resolve"}
          effect={
            over
              ? "The error is open again."
              : "The error leaves the list; it has regressed if it comes back at a revision that did not have it."
          }
          path={`${state.path}/${over ? "reopen" : "resolve"}`}
          body={(reason) => ({ reason })}
          asksReason
          testId="resolve"
        />
        <a class="muted" href={errorsOf(error.bot)} data-page>
          all errors of {error.bot}
        </a>
      </p>
    </>
  );
}

function Meaning({ state, explanation }: { state: ErrorState; explanation: Explanation | null }) {
  const [asked, ask] = useState(false);
  const why = whyNot(viewer.value);
  if (explanation === null) return <p class="muted">{state.problem.value?.detail ?? "looking it up"}</p>;
  const said = explanation.model;
  return (
    <section class="meaning" data-testid="explanation">
      <h2>{explanation.title}</h2>
      <p>{withCode(explanation.cause)}</p>
      <p>
        <strong>What to do:</strong> {withCode(explanation.fix)}
      </p>
      {explanation.others.length === 0 ? null : (
        <p class="muted">It may also be: {explanation.others.join("; ")}</p>
      )}
      {said === null ? null : (
        <blockquote data-testid="model">
          <p class="muted">The language model {said.name} says (it may be wrong):</p>
          <p>{said.text || said.problem}</p>
        </blockquote>
      )}
      {explanation.modelAvailable && said === null ? (
        <button
          type="button"
          disabled={asked || why !== ""}
          title={why}
          onClick={() => {
            ask(true);
            void state.explain(true).finally(() => ask(false));
          }}
        >
          {asked ? "Asking the language model" : "Ask the language model"}
        </button>
      ) : null}
    </section>
  );
}

function Source({ code }: { code: Code }) {
  return (
    <section data-testid="source">
      <h2>
        {code.url === "" ? (
          code.path
        ) : (
          <a href={code.url} rel="noreferrer" target="_blank">
            {code.path}
          </a>
        )}{" "}
        <span class="muted">at {code.commit.slice(0, 7)}</span>
      </h2>
      <div class="source">
        {code.lines.map((line) => (
          <div
            key={line.number}
            class={line.number === code.line ? "source-line here" : "source-line"}
            title={line.commit === "" ? "" : `${line.commit.slice(0, 7)} ${line.author}: ${line.summary}`}
          >
            <span class="muted wide-only">
              {line.commit.slice(0, 7)} {line.author}
            </span>
            <span class="muted num">{line.number}</span>
            <code>{line.text}</code>
          </div>
        ))}
      </div>
    </section>
  );
}

function Trace({ detail }: { detail: ErrorDetail }) {
  if (detail.trace.length === 0)
    return detail.message === "" ? null : (
      <section>
        <h2>What was printed</h2>
        <pre class="printed">{detail.message}</pre>
      </section>
    );
  return (
    <section data-testid="trace">
      <h2>The trace</h2>
      {detail.trace.map((one, index) => (
        <Exception key={index} thrown={one} word={index === 0 ? "" : one.part ? "with" : "caused by"} />
      ))}
    </section>
  );
}

function Exception({ thrown, word }: { thrown: Thrown; word: string }) {
  return (
    <div class="thrown">
      <p>
        {word === "" ? null : <span class="muted">{word} </span>}
        <strong>{thrown.type}</strong>
        {thrown.message === "" ? "" : `: ${thrown.message}`}
      </p>
      <ol class="frames">
        {[...thrown.frames].reverse().map((frame, index) => (
          <li key={index} class={frame.own ? "" : "muted"}>
            {frame.function || "(top)"}{" "}
            <span class="muted">
              {frame.file}
              {frame.line === 0 ? "" : `:${frame.line}`}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const WORDS: Record<string, [string, (value: number) => string]> = {
  bot_cpu_percent: ["CPU", percent],
  bot_cpu_limit_percent: ["of at most", percent],
  bot_memory_bytes: ["memory", bytes],
  bot_memory_limit_bytes: ["of at most", bytes],
  bot_processes: ["processes", plain],
  bot_equity: ["equity", plain],
};

function Before({ detail }: { detail: ErrorDetail }) {
  const known = Object.entries(detail.resources).flatMap(([name, value]) => {
    const word = WORDS[name];
    return word === undefined ? [] : [`${word[0]} ${word[1](value)}`];
  });
  return (
    <section data-testid="before">
      <h2>
        Before it <span class="muted">{moment(detail.at)}</span>
      </h2>
      {known.length === 0 ? null : <p class="muted">{known.join(", ")}</p>}
      <Events events={detail.trades.slice(0, 10)} />
      <Events events={detail.lines.slice(0, 15)} />
    </section>
  );
}

function Events({ events }: { events: readonly LogEvent[] }) {
  return (
    <div class="before-lines">
      {[...events].reverse().map((event) => (
        <div key={event.id} class="before-line">
          <time class="muted">{clock(event.time)}</time>
          <span class="text">{event.message.split("\n", 1)[0]}</span>
        </div>
      ))}
    </div>
  );
}

function Revisions({ detail }: { detail: ErrorDetail }) {
  return (
    <section>
      <h2>Revisions that had it</h2>
      <ul class="error-revisions">
        {detail.revisions.map((one) => (
          <li key={one.revision}>
            <a href={revisionUrl(one.revision)} data-page>
              {one.revision.slice(0, 7) || "unknown"}
            </a>{" "}
            {one.version}, {plain(one.count)} {one.count === 1 ? "time" : "times"}, last{" "}
            <Age at={one.lastSeen} suffix=" ago" />
          </li>
        ))}
      </ul>
    </section>
  );
}
