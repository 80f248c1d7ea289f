/** The revisions: what each changed, and what came of it. */

import { useMemo } from "preact/hooks";
import type { Change, Revision } from "../api/documents";
import { count } from "../format/numbers";
import { moment, took } from "../format/times";
import { authorName } from "../format/words";
import { RevisionsState } from "../state/revisions";
import { botUrl, revisionUrl } from "../state/router";
import { Age } from "./live";
import { Command, Note } from "./notes";
import { type Outcome, OutcomeMark } from "./shape";
import { Shell, useFeed } from "./shell";

function useRevisions() {
  const state = useMemo(() => new RevisionsState(), []);
  const feed = useFeed({
    topics: ["fleet"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  return { state, feed };
}

const STATES: Record<string, Outcome> = {
  pending: "busy",
  running: "busy",
  applied: "good",
  failed: "bad",
  refused: "bad",
  superseded: "off",
  waiting: "busy",
  healthy: "good",
  removed: "off",
};

function StateMark({ state }: { state: string }) {
  return <OutcomeMark outcome={STATES[state] ?? "off"} text={state} />;
}

export function RevisionsPage() {
  const { state, feed } = useRevisions();
  const revisions = state.revisions.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="Revisions">
      {revisions.length === 0 ? (
        <Note title="No revisions yet">
          <p>Every push of the fleet repository becomes one:</p>
          <Command>git push herdsman main</Command>
        </Note>
      ) : (
        <main class="revisions">
          <h1>Revisions</h1>
          <ol class="revision-list">
            {revisions.map((revision) => (
              <RevisionRow key={revision.id} revision={revision} />
            ))}
          </ol>
        </main>
      )}
    </Shell>
  );
}

function RevisionRow({ revision }: { revision: Revision }) {
  const at = revision.receivedAt ?? revision.committedAt;
  return (
    <li data-testid={`revision-row-${revision.id.slice(0, 7)}`}>
      <a href={revisionUrl(revision.id)} data-page class="rev">
        {revision.id.slice(0, 7)}
      </a>
      <StateMark state={revision.state} />
      <span class="message">{revision.message.split("\n", 1)[0]}</span>
      <span class="muted">{authorName(revision.author)}</span>
      <span class="muted num">{count(revision.changes.length, "bot")}</span>
      <span class="muted num">
        <Age at={at} suffix=" ago" />
      </span>
    </li>
  );
}

export function RevisionPage({ id }: { id: string }) {
  const { state, feed } = useRevisions();
  const revision = state.find(id);
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={`Revision ${id.slice(0, 7)}`}>
      {revision === null ? (
        <Note title={`Revision ${id.slice(0, 7)} is not known here`}>
          <p>
            herdsman keeps the newest ones. <a href="/revisions">All that there are</a>
          </p>
        </Note>
      ) : (
        <RevisionView revision={revision} />
      )}
    </Shell>
  );
}

function RevisionView({ revision }: { revision: Revision }) {
  const [subject = "", ...rest] = revision.message.split("\n");
  const body = rest.join("\n").trim();
  const { receivedAt, finishedAt } = revision;
  return (
    <main class="revision" data-testid="revision-page">
      <h1>
        <span class="rev">{revision.id.slice(0, 7)}</span> {subject}
      </h1>
      <p>
        <StateMark state={revision.state} />
        {receivedAt !== null && finishedAt !== null ? ` in ${took(finishedAt - receivedAt)}` : ""}
        <span class="muted">
          , {count(revision.changes.length, "bot")} changed, by {authorName(revision.author)}
          {receivedAt === null ? "" : `, ${moment(receivedAt)}`}
        </span>
      </p>
      {body === "" ? null : <pre class="commit-body">{body}</pre>}
      <p class="muted code">{revision.id}</p>
      <Errors revision={revision} />
      {revision.changes.length === 0 ? (
        <p class="muted">This revision changed no bot.</p>
      ) : (
        <div class="scroll">
          <table class="list changes">
            <thead>
              <tr>
                <th>Bot</th>
                <th>Change</th>
                <th class="fill">What</th>
                <th>Result</th>
                <th class="num">Took</th>
              </tr>
            </thead>
            <tbody>
              {revision.changes.map((change) => (
                <ChangeRow key={change.bot} change={change} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </main>
  );
}

function ChangeRow({ change }: { change: Change }) {
  return (
    <tr data-testid={`change-${change.bot}`}>
      <td>
        <a href={botUrl(change.bot)} data-page>
          {change.bot}
        </a>
      </td>
      <td>{change.action}</td>
      <td class="fill">
        {change.summary}
        {change.message === "" ? null : <span class="muted"> {change.message}</span>}
      </td>
      <td>
        <StateMark state={change.state} />
      </td>
      <td class="num">{change.seconds === null ? "" : took(change.seconds)}</td>
    </tr>
  );
}

function Errors({ revision }: { revision: Revision }) {
  if (revision.errors.length === 0) return null;
  return (
    <section>
      <h2>{count(revision.errors.length, "error")}</h2>
      <ul class="errors">
        {revision.errors.map((error) => (
          <li key={`${error.file} ${error.line} ${error.message}`}>
            <span class="code">
              {error.file}
              {error.line ? `:${error.line}` : ""}
            </span>{" "}
            {error.message}
            {error.suggestion === "" ? "" : ` (did you mean "${error.suggestion}"?)`}
          </li>
        ))}
      </ul>
    </section>
  );
}
