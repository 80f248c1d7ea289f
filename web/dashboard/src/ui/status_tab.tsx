/** What the controller thinks of the bot, what it last tried, and with which parameters the bot runs. */

import type { Attempt, BotDetail, Condition } from "../api/documents";
import { moment, took } from "../format/times";
import { reasonWords } from "../format/words";
import { RevisionLink } from "./fleet_row";
import { Age } from "./live";
import { type Outcome, OutcomeMark } from "./shape";

export function StatusTab({ detail }: { detail: BotDetail | null }) {
  if (detail === null) return null;
  return (
    <div class="scroll status" data-testid="status">
      <section>
        <h3>Conditions</h3>
        {detail.conditions.length === 0 ? <p class="muted">none yet</p> : null}
        <table class="list">
          <tbody>
            {detail.conditions.map((condition) => (
              <tr key={condition.type}>
                <td>{condition.type}</td>
                <td>
                  <OutcomeMark outcome={conditionOutcome(condition)} text={condition.status} />
                </td>
                <td>{reasonWords(condition.reason)}</td>
                <td class="fill">{condition.message}</td>
                <td class="num muted">
                  <Age at={condition.since} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section>
        <h3>Last applies</h3>
        {detail.attempts.length === 0 ? <p class="muted">none yet</p> : null}
        <table class="list">
          <tbody>
            {detail.attempts.map((attempt) => (
              <AttemptRow key={`${attempt.revision} ${attempt.startedAt}`} attempt={attempt} />
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
    </div>
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
      <td class="fill">{attempt.message}</td>
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
