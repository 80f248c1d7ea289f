/** How revisions and their changes are told, on the timeline and on a revision's own page. */

import { type Change, changed, type Revision, type Tally } from "../api/revisions";
import { count } from "../format/numbers";
import { took } from "../format/times";
import { authorName } from "../format/words";
import { type Outcome, OutcomeMark } from "./shape";

const STATES: Record<string, Outcome> = {
  pending: "warn",
  running: "busy",
  applied: "good",
  degraded: "warn",
  failed: "bad",
  refused: "bad",
  superseded: "off",
  waiting: "busy",
  held: "warn",
  halted: "bad",
  healthy: "good",
  removed: "off",
  rolled_back: "warn",
};

/** States of a change that come with a reason. */
export const GONE_WRONG = new Set(["failed", "degraded", "rolled_back"]);

const STATE_WORDS: Record<string, string> = { pending: "held", running: "under way" };

export function RevisionMark({ state }: { state: string }) {
  return <OutcomeMark outcome={STATES[state] ?? "off"} text={STATE_WORDS[state] ?? state} />;
}

const RESULT_WORDS: Record<string, string> = {
  waiting: "on its way",
  held: "waits",
  unchanged: "nothing to do",
  rolled_back: "rolled back",
};

/** `running in 0.3 s`, `failed`, `removed in 2.1 s`. */
export function ResultMark({ change }: { change: Change }) {
  const outcome = change.state === "running" ? "good" : (STATES[change.state] ?? "off");
  const took_ = change.seconds;
  const ended = took_ !== null && took_ >= 0.05 && change.state !== "waiting" && change.state !== "unchanged";
  const word = RESULT_WORDS[change.state] ?? change.state;
  const text = ended ? `${word} ${GONE_WRONG.has(change.state) ? "after" : "in"} ${took(took_)}` : word;
  return <OutcomeMark outcome={outcome} text={text} />;
}

const ACTION_WORDS: Record<string, string> = {
  create: "new",
  update: "changed",
  remove: "removed",
  stop: "stopped",
};

export function actionWord(action: string): string {
  return ACTION_WORDS[action] ?? action;
}

/** `2 new, 1 changed`, `no bot changed`. */
export function actionsText(actions: Tally): string {
  const parts = Object.keys(ACTION_WORDS)
    .filter((action) => (actions[action] ?? 0) > 0)
    .map((action) => `${(actions[action] ?? 0).toLocaleString("en-US")} ${actionWord(action)}`);
  return parts.length === 0 ? "no bot changed" : parts.join(", ");
}

/** Who brought it and who wrote it are two people, or one. */
export function whoText(revision: Revision): string {
  const author = authorName(revision.author);
  const by = revision.by === "" ? "" : ` by ${revision.by}`;
  const how: Record<string, string> = {
    push: `pushed${by}`,
    webhook: `announced by a webhook${by}`,
    poll: "found by polling",
    operator: `asked for${by}`,
    start: "found at the start",
  };
  const brought =
    how[revision.trigger] ?? (revision.trigger === "" ? "" : `found by the ${revision.trigger}`);
  return [author === "" ? "" : `written by ${author}`, brought].filter(Boolean).join(", ");
}

/** How far a revision under way has come: a bar, and the numbers it is made of. */
export function Progress({ revision }: { revision: Revision }) {
  const all = changed(revision);
  const waiting = revision.results.waiting ?? 0;
  if (revision.state !== "running" || all === 0) return null;
  const done = all - waiting;
  return (
    <span class="progress">
      <progress max={all} value={done} aria-label={`${done} of ${count(all, "bot")} done`} />
      <span class="muted num">
        {done.toLocaleString("en-US")} of {all.toLocaleString("en-US")}
      </span>
    </span>
  );
}
