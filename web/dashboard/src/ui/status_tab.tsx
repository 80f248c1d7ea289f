/** What the controller thinks of the bot, what it last tried, and with which parameters the bot runs. */

import { Fragment } from "preact";
import type { BotDetail, Condition } from "../api/documents";
import { type Attempt, attemptsOf, secretsOf } from "../api/late";
import { moment, took } from "../format/times";
import { reasonWords } from "../format/words";
import { RevisionLink } from "./fleet_row";
import { Age } from "./live";
import { type Outcome, OutcomeMark } from "./shape";
import { Standing } from "./standing";

export function StatusTab({ detail }: { detail: BotDetail | null }) {
  if (detail === null) return null;
  const attempts = attemptsOf(detail);
  const secrets = secretsOf(detail);
  return (
    <div class="scroll status" data-testid="status">
      <section>
        <h3>Conditions</h3>
        {detail.conditions.length === 0 ? <p class="muted">none yet</p> : null}
        <table class="list">
          <tbody>
            {detail.conditions.map((condition) => (
              <Fragment key={condition.type}>
                <tr>
                  <td>{condition.type}</td>
                  <td>
                    <OutcomeMark outcome={conditionOutcome(condition)} text={condition.status} />
                  </td>
                  <td class="fill">{reasonWords(condition.reason)}</td>
                  <td class="num muted">
                    <Age at={condition.since} />
                  </td>
                </tr>
                <Said text={condition.message} />
              </Fragment>
            ))}
          </tbody>
        </table>
      </section>
      <Standing detail={detail} />
      <section>
        <h3>Last applies</h3>
        {attempts.length === 0 ? <p class="muted">none yet</p> : null}
        <table class="list">
          <tbody>
            {attempts.map((attempt) => (
              <Fragment key={`${attempt.revision} ${attempt.startedAt}`}>
                <AttemptRow attempt={attempt} />
                <Said text={attempt.message} />
              </Fragment>
            ))}
          </tbody>
        </table>
      </section>
      <section>
        <h3>Parameters</h3>
        <p class="muted">{detail.path}</p>
        <table class="list">
          <tbody>
            {Object.entries(detail.parameters).map(([name, value]) => (
              <tr key={name}>
                <td>{name}</td>
                <td class="fill code">{typeof value === "string" ? value : JSON.stringify(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {secrets.length === 0 ? null : (
        <section>
          <h3>Secrets</h3>
          <table class="list">
            <tbody>
              {secrets.map(({ name, from, place, key }) => (
                <tr key={name}>
                  <td>{`${name}`}</td>
                  <td class="fill code">{`${from}: ${place} ${key}`}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}

/** What there is to say of the row above: over its whole width, and line by line. */
function Said({ text }: { text: string }) {
  return text === "" ? null : (
    <tr>
      <td class="said" colSpan={4}>
        {text}
      </td>
    </tr>
  );
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const { startedAt, endedAt, ok } = attempt;
  return (
    <tr>
      <td>
        <RevisionLink id={attempt.revision} />
      </td>
      <td>
        <OutcomeMark
          outcome={ok === null ? "busy" : ok ? "good" : "bad"}
          text={ok === null ? "running" : ok ? "applied" : "failed"}
        />
      </td>
      <td>{startedAt === null ? "" : moment(startedAt)}</td>
      <td class="num">{startedAt === null || endedAt === null ? "" : took(endedAt - startedAt)}</td>
    </tr>
  );
}

/** Ready should be true; Reconciling and Stalled are trouble or work when they are. */
export function conditionOutcome({ type, status }: Condition): Outcome {
  if (status !== "True" && status !== "False") return "off";
  const is = status === "True";
  if (type === "Ready") return is ? "good" : "warn";
  if (type === "Reconciling") return is ? "busy" : "good";
  return is ? "bad" : "good";
}
