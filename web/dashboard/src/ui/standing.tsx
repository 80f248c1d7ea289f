/** What is being done about the bot, what was done to it behind our back, and what we own of it. */

import type { BotDetail } from "../api/documents";
import { number, object, text } from "../api/json";
import { took } from "../format/times";
import { reasonWords } from "../format/words";
import { Age } from "./live";
import { type Outcome, OutcomeMark } from "./shape";

const OPERATIONS: Record<string, Outcome> = { Idle: "good", Waiting: "warn", Running: "busy", Failed: "bad" };
const OWNED = ["job_version", "digest", "tree", "code", "dependencies", "revision", "halted"];

export function Standing({ detail }: { detail: BotDetail }) {
  const bot = object(detail.raw.bot);
  const operation = text(bot.operation);
  const message = text(detail.raw.operation_message);
  const asked = number(bot.generation) ?? 0;
  const behind = (number(bot.observed_generation) ?? 0) < asked;
  const owned = Object.entries(object(detail.raw.inventory)).filter(([name]) => OWNED.includes(name));
  return (
    <>
      {operation === "" ? null : (
        <section data-testid="operation">
          <h3>Operation</h3>
          <table class="list">
            <tbody>
              <tr>
                <td>
                  <OutcomeMark outcome={OPERATIONS[operation] ?? "off"} text={reasonWords(operation)} />
                </td>
                <td class="fill">{`generation ${asked}${behind ? ", not tried yet" : ""}`}</td>
              </tr>
              <Line text={message} />
            </tbody>
          </table>
        </section>
      )}
      <DriftSection drift={object(bot.drift)} />
      {owned.every(([, value]) => text(value) === "") ? null : (
        <section data-testid="inventory">
          <h3>Inventory</h3>
          <table class="list">
            <tbody>
              {owned.map(([name, value]) =>
                text(value) === "" ? null : (
                  <tr key={name}>
                    <td>{name.replace("_", " ")}</td>
                    <td class="fill code">{text(value).slice(0, 16)}</td>
                  </tr>
                ),
              )}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}

/** What was done to the bot behind our back, since when, and what became of it. */
function DriftSection({ drift }: { drift: Record<string, unknown> }) {
  const since = number(drift.since);
  if (since === null) return null;
  const corrected = number(drift.corrected_at);
  const times = number(drift.times) ?? 1;
  const how = corrected === null ? "not put right yet" : `over after ${took(Math.max(0, corrected - since))}`;
  return (
    <section data-testid="drift">
      <h3>Drift</h3>
      <table class="list">
        <tbody>
          <tr>
            <td>
              <OutcomeMark
                outcome={corrected === null ? "bad" : "good"}
                text={reasonWords(text(drift.kind))}
              />
            </td>
            <td class="fill">{times > 1 ? `${how}, ${times} times in a row` : how}</td>
            <td class="num muted">
              <Age at={since} suffix=" ago" />
            </td>
          </tr>
          <Line text={text(drift.text)} />
          <Line text={text(drift.correction)} />
        </tbody>
      </table>
    </section>
  );
}

function Line({ text: said }: { text: string }) {
  return said === "" ? null : (
    <tr>
      <td class="said" colSpan={3}>
        {said}
      </td>
    </tr>
  );
}
