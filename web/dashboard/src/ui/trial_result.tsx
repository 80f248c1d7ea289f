/** What came of a trial: the alerts that would have been, when, why, and what could not be judged. */

import { useState } from "preact/hooks";
import type { Episode, Trial, Tried } from "../api/trials";
import { count } from "../format/numbers";
import { longDuration, moment } from "../format/times";
import { botUrl } from "../state/router";
import { type Outcome, OutcomeMark } from "./shape";

const SEVERITY: Record<string, Outcome> = { critical: "bad", info: "off" };
const DONE: Record<string, string> = {
  suspend: "the bot would have been suspended",
  stop: "the bot would have been stopped for some time",
  kill: "its kill switch would have been turned on",
};
const SHOWN = 8;
/** Percent of the range that an alert is drawn wide at least. */
const LEAST = 0.3;
const NAMED = 5;

export function TrialResult({ found }: { found: Trial }) {
  const fired = found.rules.filter((one) => one.alerts > 0);
  const alerts = fired.reduce((sum, one) => sum + one.alerts, 0);
  const bots = new Set(fired.map((one) => one.bot)).size;
  return (
    <div data-testid="trial-result">
      <p class="trial-sum" role="status">
        <strong>
          {alerts === 0
            ? "Nothing would have fired."
            : `${count(alerts, "alert")} of ${count(bots, "bot")} would have fired.`}
        </strong>{" "}
        <span class="muted">
          {found.bots} of {count(found.of, "bot")} tried, {moment(found.start)} to {moment(found.end)},{" "}
          {found.step === 0 ? "every value" : `values ${found.step} s apart`}
        </span>
      </p>
      {found.notes.map((note) => (
        <p key={note} class="trial-note is-Degraded">
          {note}
        </p>
      ))}
      {fired.length === 0 ? null : (
        <ul class="alert-list">
          {fired.map((one) => (
            <Fired key={`${one.bot} ${one.rule}`} one={one} found={found} />
          ))}
        </ul>
      )}
      {together(found.rules).map(([rule, lacks, names]) => (
        <p key={`${rule} ${lacks}`} class="trial-note muted">
          Could not be judged: {rule} of {some(names)}: {lacks}
        </p>
      ))}
    </div>
  );
}

function Fired({ one, found }: { one: Tried; found: Trial }) {
  const [all, showAll] = useState(false);
  const shown = all ? one.episodes : one.episodes.slice(0, SHOWN);
  return (
    <li class="alert-entry" data-testid={`tried-${one.bot}-${one.rule}`}>
      <OutcomeMark outcome={SEVERITY[one.severity] ?? "warn"} text={one.severity} />
      <span class="alert-name">
        <a href={botUrl(one.bot)} data-page>
          {one.bot}
        </a>
        <strong>{one.rule}</strong>
        <span class="muted">
          {count(one.alerts, "alert")}, {longDuration(one.firing)} in all, {count(one.messages, "message")}
        </span>
      </span>
      {DONE[one.does] === undefined ? null : <p class="alert-why is-Degraded">{DONE[one.does]}</p>}
      <Strip one={one} found={found} />
      <ol class="alert-why trial-episodes">
        {shown.map((episode) => (
          <li key={episode.began}>
            <time>{moment(episode.began)}</time>
            <span class="muted">{lasted(episode)}</span>
            <span>
              {episode.text}
              {episode.muted ? <span class="muted"> (muted)</span> : null}
            </span>
          </li>
        ))}
      </ol>
      {one.alerts <= shown.length ? null : (
        <p class="alert-why muted">
          {one.alerts - shown.length} more{" "}
          {all || one.episodes.length <= SHOWN ? null : (
            <button type="button" class="link" onClick={() => showAll(true)}>
              show {one.episodes.length - SHOWN}
            </button>
          )}
        </p>
      )}
    </li>
  );
}

/** When it would have fired, along the range that was tried. */
function Strip({ one, found }: { one: Tried; found: Trial }) {
  const share = (at: number) => (100 * (at - found.start)) / Math.max(found.end - found.start, 1);
  return (
    <svg
      class="alert-why trial-strip"
      viewBox="0 0 100 8"
      preserveAspectRatio="none"
      role="img"
      aria-label={`fired for ${longDuration(one.firing)}`}
    >
      {one.episodes.map((episode) => (
        <rect
          key={episode.began}
          x={Math.min(share(episode.began), 100 - LEAST)}
          y="0"
          height="8"
          width={Math.max(share(episode.ended ?? found.end) - share(episode.began), LEAST)}
        />
      ))}
    </svg>
  );
}

function lasted({ began, ended }: Episode): string {
  return ended === null ? "to the end" : `over after ${longDuration(ended - began)}`;
}

/** What conditions had nothing to go by: rule, why, and the bots of which that is so. */
function together(rules: readonly Tried[]): [string, string, string[]][] {
  const found = new Map<string, [string, string, string[]]>();
  for (const { rule, lacks, bot } of rules) {
    if (lacks === "") continue;
    const key = `${rule} ${lacks}`;
    const known = found.get(key) ?? [rule, lacks, []];
    known[2].push(bot);
    found.set(key, known);
  }
  return [...found.values()];
}

function some(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return names.slice(0, NAMED).join(", ") + more;
}
