/** The timeline of revisions: who brought what, what it changed, and what came of it. */

import "../styles/revisions.css";
import { useMemo } from "preact/hooks";
import type { Revision } from "../api/revisions";
import { day } from "../format/times";
import { RevisionsState } from "../state/revisions";
import { botUrl, navigate, revisionsOf, revisionUrl } from "../state/router";
import { Age } from "./live";
import { Command, Note, ProblemLine } from "./notes";
import { Operate, WhyNot } from "./operate";
import { actionsText, actionWord, Progress, ResultMark, RevisionMark, whoText } from "./revision_words";
import { Shell, useFeed } from "./shell";

/** Changes named in one entry of the timeline; the rest is counted. */
const NAMED = 3;

export function RevisionsPage({ bot }: { bot: string }) {
  const state = useMemo(() => new RevisionsState(bot), [bot]);
  const feed = useFeed({
    topics: ["fleet", "revisions"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const revisions = state.revisions.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={bot === "" ? "Revisions" : `Revisions of ${bot}`}>
      {revisions.length === 0 && bot === "" ? (
        <NoRevisions />
      ) : (
        <main class="revisions">
          <Head bot={bot} />
          {revisions.length === 0 ? (
            <p class="nothing-found muted">
              No revision that is kept changed a bot of this name. <a href="/revisions">All revisions</a>
            </p>
          ) : null}
          <Timeline revisions={revisions} bot={bot} />
          <ProblemLine problem={state.problem.value} />
          {state.more.value ? (
            <p class="older">
              <button type="button" disabled={state.loadingMore.value} onClick={() => void state.loadMore()}>
                Older revisions
              </button>
            </p>
          ) : revisions.length > 0 ? (
            <p class="older muted">These are all that are kept.</p>
          ) : null}
        </main>
      )}
    </Shell>
  );
}

function Head({ bot }: { bot: string }) {
  const choose = (event: SubmitEvent) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get("bot") ?? "").trim();
    navigate(name === "" ? "/revisions" : revisionsOf(name));
  };
  return (
    <div class="page-head">
      <h1>
        Revisions
        {bot === "" ? null : (
          <>
            {" of "}
            <a href={botUrl(bot)} data-page>
              {bot}
            </a>
          </>
        )}
      </h1>
      <form class="filter" onSubmit={choose}>
        <input
          type="search"
          name="bot"
          placeholder="Of one bot"
          aria-label="Of one bot"
          defaultValue={bot}
          autocomplete="off"
          data-search
          data-testid="bot-filter"
        />
        {bot === "" ? null : (
          <a href="/revisions" data-page>
            all bots
          </a>
        )}
      </form>
      <a class="muted" href="/compare" data-page>
        Compare
      </a>
      <span class="spacer" />
      <WhyNot />
      <Operate
        text="Sync now"
        effect="herdsman looks at the source and at every bot now, and puts right what differs."
        path="/api/v1/sync"
        body={() => ({})}
        testId="sync"
      />
    </div>
  );
}

function NoRevisions() {
  return (
    <Note title="No revisions yet">
      <p>Every push of the fleet repository becomes one. In its folder:</p>
      <Command>git push herdsman main</Command>
      <p class="muted">
        No repository yet? <code>herdsman init my-fleet</code> makes one with a first bot, and connects it.
      </p>
    </Note>
  );
}

function Timeline({ revisions, bot }: { revisions: readonly Revision[]; bot: string }) {
  let before = "";
  return (
    <ol class="timeline">
      {revisions.map((revision) => {
        const date = day(revision.receivedAt ?? revision.committedAt ?? 0);
        const first = date !== before;
        before = date;
        return <Entry key={revision.id} revision={revision} bot={bot} heading={first ? date : ""} />;
      })}
    </ol>
  );
}

function Entry({ revision, bot, heading }: { revision: Revision; bot: string; heading: string }) {
  const short = revision.id.slice(0, 7);
  const { errors, held } = revision;
  return (
    <li class="entry" data-testid={`revision-row-${short}`}>
      {heading === "" ? null : <h2 class="muted entry-day">{heading}</h2>}
      <RevisionMark state={revision.state} />
      <div class="entry-text">
        <p class="entry-title">
          <a href={revisionUrl(revision.id)} data-page class="rev">
            {short}
          </a>{" "}
          <span class="message">{revision.message.split("\n", 1)[0]}</span>
        </p>
        <p class="muted">
          {actionsText(revision.actions)}; {whoText(revision)}
        </p>
        {held === "" || revision.state !== "pending" ? null : <p class="is-Degraded">{held}</p>}
        {revision.rewritten === "" ? null : <p class="is-Degraded">history was rewritten</p>}
        {errors.length === 0 ? null : (
          <p class="is-Missing">
            {errors[0]?.file}
            {errors[0]?.line ? `:${errors[0].line}` : ""} {errors[0]?.message}
            {errors.length > 1 ? ` and ${errors.length - 1} more` : ""}
          </p>
        )}
        <Named revision={revision} bot={bot} />
      </div>
      <Progress revision={revision} />
      <span class="muted num entry-age">
        <Age at={revision.receivedAt ?? revision.committedAt} suffix=" ago" />
      </span>
    </li>
  );
}

/** The changes that matter most: what failed, what is on its way; then the others as far as there is room. */
function Named({ revision, bot }: { revision: Revision; bot: string }) {
  const shown = revision.changes.slice(0, NAMED);
  const all = Object.values(revision.actions).reduce((sum, bots) => sum + bots, 0);
  const rest = bot === "" ? all - shown.length : 0;
  if (shown.length === 0) return null;
  return (
    <ul class="named">
      {shown.map((change) => (
        <li key={change.bot}>
          <a href={botUrl(change.bot)} data-page>
            {change.bot}
          </a>
          <span class="muted">{actionWord(change.action)}</span>
          <span>{change.summary === actionWord(change.action) ? null : change.summary}</span>
          <ResultMark change={change} />
          <span class="muted" title={change.message}>
            {change.message.split("\n", 1)[0]}
          </span>
        </li>
      ))}
      {rest > 0 ? (
        <li>
          <a href={revisionUrl(revision.id)} data-page class="muted more">
            and {rest.toLocaleString("en-US")} more
          </a>
        </li>
      ) : null}
    </ul>
  );
}
