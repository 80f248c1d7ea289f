/** What fires and why, what was done about it, and what happened before. */

import "../styles/errors.css";
import { useMemo } from "preact/hooks";
import type { Alert } from "../api/alerts";
import { moment } from "../format/times";
import { AlertsState } from "../state/alerts";
import { botUrl, place, setQuery } from "../state/router";
import { lazyPart } from "./lazy";
import { Age } from "./live";
import { Operate } from "./operate";
import { type Outcome, OutcomeMark } from "./shape";
import { Shell, useFeed } from "./shell";

const SEVERITY: Record<string, Outcome> = { critical: "bad", info: "off" };
const PAST: Record<string, Outcome> = {
  failed: "bad",
  recovered: "good",
  acted: "warn",
  acknowledged: "busy",
};

const tryRule = lazyPart(
  async () => (await import("./try_rule")).TryRule,
  () => null,
);

/** All alerts, or those of the bot that the address names. */
export function AlertsPage() {
  const bot = place.value.query.get("bot") ?? "";
  return <Alerts key={bot} bot={bot} />;
}

function Alerts({ bot }: { bot: string }) {
  const state = useMemo(() => new AlertsState(bot), []);
  const feed = useFeed({
    topics: ["fleet", "alerts"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const { alerts, mutes, rules } = state.standing.value;
  const tries = place.value.query.has("try");
  return (
    <Shell feed={feed} fleet={state.fleet.value} title={bot === "" ? "Alerts" : `Alerts of ${bot}`}>
      <main class="alerts-page" data-testid="alerts-page">
        <div class="page-head">
          <h1>Alerts</h1>
          {bot === "" ? null : (
            <span>
              of{" "}
              <a href={botUrl(bot)} data-page>
                {bot}
              </a>
              ,{" "}
              <a class="muted plain-link" href="/alerts" data-page>
                those of all bots
              </a>
            </span>
          )}
          <button
            type="button"
            aria-expanded={tries}
            onClick={() => setQuery({ try: tries ? null : "" })}
            data-testid="try-a-rule"
          >
            Try a rule
          </button>
        </div>
        {tries ? <tryRule.Page /> : null}
        {alerts.length === 0 ? (
          <p class="nothing-found muted">
            Nothing fires; {rules} rules are ok. Rules stand in git: <code>alerts:</code> and{" "}
            <code>risk:</code> of herdsman.yaml and of bots.
          </p>
        ) : (
          <ul class="alert-list">
            {alerts.map((one) => (
              <Entry key={`${one.bot} ${one.rule}`} alert={one} />
            ))}
          </ul>
        )}
        {mutes.map((one) => (
          <p key={one.id} class="muted alert-mute">
            Muted until {moment(one.until)}: {one.bot || "every bot"} {one.rule} by {one.by}
            {one.reason === "" ? "" : `: ${one.reason}`} <code>herdsman alerts unmute {one.id}</code>
          </p>
        ))}
        <h2>What happened</h2>
        {state.past.value.length === 0 ? (
          <p class="nothing-found muted">No alert has fired yet.</p>
        ) : (
          <ul class="alert-list" data-testid="alert-history">
            {state.past.value.map((one) => (
              <Past key={`${one.bot} ${one.rule} ${one.at} ${one.what}`} alert={one} />
            ))}
          </ul>
        )}
      </main>
    </Shell>
  );
}

function outcomeOf(alert: Alert): Outcome {
  return alert.state === "firing" ? (SEVERITY[alert.severity] ?? "warn") : "busy";
}

/** Of what fired, how bad it is; of the rest, how it went. */
function pastOutcome({ what, severity }: Alert): Outcome {
  return what === "fired" ? (SEVERITY[severity] ?? "warn") : (PAST[what] ?? "off");
}

function Entry({ alert }: { alert: Alert }) {
  return (
    <li class="alert-entry" data-testid={`alert-${alert.bot}-${alert.rule}`}>
      <OutcomeMark
        outcome={outcomeOf(alert)}
        text={alert.state === "firing" ? alert.severity : alert.state}
      />
      <span class="alert-name">
        <Named alert={alert} /> <Age at={alert.since} suffix=" ago" />
        {alert.muted ? <span class="muted">muted</span> : null}
      </span>
      <p class="alert-why">
        {alert.message === "" ? "" : `${alert.message}: `}
        {alert.text}
      </p>
      {alert.does === "" && alert.ackedBy === "" ? null : (
        <p class="alert-facts muted">
          {alert.does === "" ? null : (
            <span>
              {alert.does}: {alert.action} {alert.actionText}
            </span>
          )}
          {alert.ackedBy === "" ? null : <span>looked after by {alert.ackedBy}</span>}
        </p>
      )}
      {alert.ackedBy !== "" || alert.state !== "firing" ? null : (
        <div class="alert-do">
          <Operate
            text="look after it"
            effect="Nobody is told of it again until it is over."
            path="/api/v1/alerts/ack"
            body={(reason) => ({ bot: alert.bot, rule: alert.rule, reason })}
            asksReason
            scope="operate"
            testId={`ack-${alert.rule}`}
          />
        </div>
      )}
    </li>
  );
}

function Past({ alert }: { alert: Alert }) {
  return (
    <li class="alert-entry">
      <OutcomeMark outcome={pastOutcome(alert)} text={alert.what} />
      <span class="alert-name">
        <Named alert={alert} /> <span class="muted">{moment(alert.at)}</span>
      </span>
      <p class="alert-why">{alert.text}</p>
    </li>
  );
}

function Named({ alert }: { alert: Alert }) {
  return (
    <>
      <a href={botUrl(alert.bot)} data-page>
        {alert.bot}
      </a>{" "}
      <strong>{alert.rule}</strong>
    </>
  );
}
