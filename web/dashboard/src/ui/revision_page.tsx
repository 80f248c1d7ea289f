/** One revision: who brought it, each bot's change with what differs in its manifest, and the result. */

import "../styles/revisions.css";
import { useMemo, useState } from "preact/hooks";
import { type Change, changed, type FieldChange, type Revision } from "../api/revisions";
import { count, shownOf } from "../format/numbers";
import { moment, took } from "../format/times";
import { authorName } from "../format/words";
import { type Removals, RevisionState } from "../state/revisions";
import { botUrl, revisionsOf } from "../state/router";
import { rolloutLine } from "./lazy_asides";
import { Command } from "./notes";
import { Operate, WhyNot } from "./operate";
import { actionsText, actionWord, GONE_WRONG, Progress, ResultMark, RevisionMark } from "./revision_words";
import { Shell, useFeed } from "./shell";

/** Changes shown at once; a revision may hold ten thousand. */
const SHOWN = 200;
/** From so many on there is a search. */
const MANY = 12;

export function RevisionPage({ id }: { id: string }) {
  const state = useMemo(() => new RevisionState(id), [id]);
  const feed = useFeed({
    topics: ["fleet", "revisions"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const revision = state.revision.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={`Revision ${id.slice(0, 7)}`}>
      {revision === null ? null : (
        <RevisionView
          revision={revision}
          removals={state.removals.value}
          told={state.fleet.value?.problems ?? []}
        />
      )}
    </Shell>
  );
}

interface ViewProps {
  revision: Revision;
  removals: Removals;
  /** What the banners over the page say already. */
  told: readonly string[];
}

function RevisionView({ revision, removals, told }: ViewProps) {
  const [subject = "", ...rest] = revision.message.split("\n");
  const body = rest.join("\n").trim();
  return (
    <main class="revision" data-testid="revision-page">
      <h1>
        <span class="rev">{revision.id.slice(0, 7)}</span> {subject}
      </h1>
      <p class="revision-state">
        <RevisionMark state={revision.state} />
        <span class="muted">
          {changed(revision) === 0
            ? "no bot changed"
            : `${count(changed(revision), "bot")}: ${actionsText(revision.actions)}`}
        </span>
        {(revision.actions.update ?? 0) < 2 ? null : (
          <a class="muted" href={`/compare?of=all&after=${revision.id.slice(0, 12)}`} data-page>
            compare before and after
          </a>
        )}
        <Progress revision={revision} />
      </p>
      <rolloutLine.Page rollout={revision.rollout} />
      {body === "" ? null : <pre class="commit-body">{body}</pre>}
      <Facts revision={revision} />
      {revision.rewritten === "" ? null : (
        <p class="is-Degraded" data-testid="rewritten">
          History was rewritten: this revision replaces {revision.rewritten.slice(0, 7)} without following it.
        </p>
      )}
      <Held revision={revision} removals={removals} told={told} />
      <GoBack revision={revision} />
      <Errors revision={revision} />
      <Changes revision={revision} held={revision.state === "pending"} />
    </main>
  );
}

const TRIGGERS: Record<string, string> = {
  push: "a push",
  webhook: "a webhook",
  poll: "a look at the source",
  watch: "a change in the watched folder",
  operator: "an operator",
  start: "herdsman's start",
  timer: "a timer",
  scheduler: "the scheduler",
};

const SIGNATURES: Record<string, string> = {
  none: "nobody",
  unknown: "a key that the trust policy does not know",
  bad: "a broken or revoked signature",
  expired: "an expired signature or key",
  revoked: "a revoked key",
  unchecked: "a signature that cannot be checked here",
};

function signatureWords({ signature, signer }: Revision): string {
  return signature === "good" ? signer : (SIGNATURES[signature] ?? "");
}

function Facts({ revision }: { revision: Revision }) {
  const { receivedAt, finishedAt } = revision;
  const facts: [string, string][] = [
    ["Brought by", revision.by],
    ["By way of", TRIGGERS[revision.trigger] ?? (revision.trigger || "not known")],
    ["Written by", authorName(revision.author) || "not known"],
    ["Signed by", signatureWords(revision)],
    ["Received", receivedAt === null ? "" : moment(receivedAt)],
    ["Took", receivedAt === null || finishedAt === null ? "" : took(finishedAt - receivedAt)],
    ["Committed", revision.committedAt === null ? "" : moment(revision.committedAt)],
    ["Branch", revision.branch],
    ["Source", revision.source],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== "")
        .map(([name, value]) => (
          <div key={name} class="fact">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      <div class="fact fact-wide">
        <dt>Commit</dt>
        <dd class="code">{revision.id}</dd>
      </div>
    </dl>
  );
}

/** Removals that wait for a word: which, and how to give it. */
function Held({ revision, removals: { bots, codes }, told }: ViewProps) {
  if (revision.held === "" || revision.state !== "pending") return null;
  if (revision.held.includes("pinned to"))
    return (
      <p class="is-Degraded" data-testid="held">
        Kept, and not applied: {revision.held}
      </p>
    );
  return (
    <section class="held" data-testid="held">
      <h2 class="is-Degraded">Held until it is confirmed</h2>
      {told.includes(revision.held) ? null : <p>{revision.held}</p>}
      {bots.length === 0 ? null : (
        <p>
          To be removed: {bots.slice(0, 20).join(", ")}
          {bots.length > 20 ? ` and ${bots.length - 20} more` : ""}
        </p>
      )}
      <p>Meant so? Confirm it here, or in a terminal. Not meant? Push a revision that holds them again.</p>
      <Command>{`herdsman sync --confirm-prune ${codes[0] ?? ""}`.trim()}</Command>
      <p class="buttons">
        <Operate
          text="Remove these bots"
          effect={`${count(bots.length, "bot")} of this fleet will be stopped and removed: ${bots
            .slice(0, 20)
            .join(", ")}.`}
          path="/api/v1/sync"
          body={() => ({ prune: codes })}
          testId="confirm-prune"
        />
        <WhyNot />
      </p>
    </section>
  );
}

const APPLIED = new Set(["applied", "failed", "superseded"]);

/** All bots go back to this revision. */
function GoBack({ revision }: { revision: Revision }) {
  if (!APPLIED.has(revision.state)) return null;
  const short = revision.id.slice(0, 7);
  return (
    <p class="buttons">
      <Operate
        text="Roll the fleet back to this"
        effect={`All bots become what they were at ${short} and stay so, whatever is pushed, until the fleet is unpinned. What was added since is removed, what was removed since comes back; where that removes many bots, it waits to be confirmed.`}
        path="/api/v1/rollback"
        body={(reason) => ({ to: revision.id, reason })}
        asksReason
        testId="roll-back-fleet"
      />
      <WhyNot />
    </p>
  );
}

function Changes({ revision, held }: { revision: Revision; held: boolean }) {
  const changes: readonly Change[] = revision.changes;
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();
  const found =
    wanted === "" ? changes : changes.filter((change) => change.bot.toLowerCase().includes(wanted));
  const shown = found.slice(0, SHOWN);
  if (changes.length === 0)
    return <p class="muted">{held ? "It has changed no bot yet." : "This revision changed no bot."}</p>;
  return (
    <section aria-label="Changes">
      {changes.length < MANY ? null : (
        <div class="toolbar">
          <input
            type="search"
            placeholder="Search bots"
            aria-label="Search bots"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
            data-search
          />
          <span class="muted">{shownOf(shown.length, changes.length, "bot")}</span>
        </div>
      )}
      <ul class="changes">
        {shown.map((change) => (
          <ChangeEntry key={change.bot} change={change} open={changes.length <= 3} id={revision.id} />
        ))}
      </ul>
      {found.length > shown.length ? (
        <p class="muted nothing-found">
          and {(found.length - shown.length).toLocaleString("en-US")} more: search for a name
        </p>
      ) : null}
    </section>
  );
}

function ChangeEntry({ change, open, id }: { change: Change; open: boolean; id: string }) {
  return (
    <li class="change" data-testid={`change-${change.bot}`}>
      <a href={botUrl(change.bot)} data-page class="change-bot">
        {change.bot}
      </a>
      <span class="change-action">{actionWord(change.action)}</span>
      <span class="change-what">
        {change.summary === actionWord(change.action) ? null : change.summary}
        {change.message === "" ? null : (
          <span class={GONE_WRONG.has(change.state) ? "is-Missing" : "muted"}> {change.message}</span>
        )}
      </span>
      <span class="change-result">
        <ResultMark change={change} />
        {change.action !== "update" ? null : (
          <a class="muted" href={`${botUrl(change.bot)}?tab=runs&compare=${id}`} data-page>
            {" "}
            compare
          </a>
        )}
      </span>
      {change.fields.length === 0 ? null : <Fields change={change} open={open} />}
    </li>
  );
}

function Fields({ change, open }: { change: Change; open: boolean }) {
  const differ = change.action === "create" ? "what it is" : "before and after";
  return (
    <details class="fields" open={open && change.action !== "create"}>
      <summary>
        {count(change.fields.length, "field")}, {differ}
      </summary>
      <table>
        <tbody>
          {change.fields.map((field) => (
            <FieldRow key={field.name} field={field} isNew={change.action === "create"} />
          ))}
        </tbody>
      </table>
      <p class="muted">
        <a href={revisionsOf(change.bot)} data-page>
          Every revision that changed {change.bot}
        </a>
      </p>
    </details>
  );
}

function FieldRow({ field, isNew }: { field: FieldChange; isNew: boolean }) {
  return (
    <tr>
      <th scope="row">{field.name}</th>
      {isNew ? null : (
        <td class="before">{field.before === null ? "not there" : <s class="code">{field.before}</s>}</td>
      )}
      <td class="after">
        {field.after === null ? (
          <span class="muted">{isNew ? "" : "not there any more"}</span>
        ) : (
          <span class="code">{field.after}</span>
        )}
      </td>
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
