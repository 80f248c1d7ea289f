/** Every execution of the bot, newest first, with how it ended. */

import type { Run } from "../api/documents";
import { longDuration, moment, took } from "../format/times";
import { now } from "../state/clock";
import { RevisionLink } from "./fleet_row";
import { type Outcome, OutcomeMark } from "./shape";

const OUTCOMES: Record<string, Outcome> = {
  success: "good",
  stopped: "off",
  skipped: "off",
  error: "warn",
  timed_out: "bad",
  crashed: "bad",
  killed: "bad",
  missed: "warn",
};

export function RunsTab({ runs }: { runs: readonly Run[] }) {
  if (runs.length === 0) return <p class="muted nothing-found">This bot has not run yet.</p>;
  return (
    <div class="scroll">
      <table class="list" data-testid="runs">
        <thead>
          <tr>
            <th>Started</th>
            <th class="num">Ran</th>
            <th>Outcome</th>
            <th class="num">Exit</th>
            <th>Revision</th>
            <th>Node</th>
            <th class="fill">Message</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run }: { run: Run }) {
  const { startedAt, endedAt, outcome } = run;
  return (
    <tr data-testid={`run-${run.id}`}>
      <td>{startedAt === null ? "\u2013" : moment(startedAt)}</td>
      <td class="num">{startedAt === null ? "\u2013" : ran(startedAt, endedAt)}</td>
      <td>
        {outcome === null ? (
          <OutcomeMark outcome="busy" text="running" />
        ) : (
          <OutcomeMark outcome={OUTCOMES[outcome] ?? "off"} text={outcome.replaceAll("_", " ")} />
        )}
      </td>
      <td class="num">{exitText(run)}</td>
      <td>
        <RevisionLink id={run.revision} />
      </td>
      <td>{run.node}</td>
      <td class="fill">{run.message}</td>
    </tr>
  );
}

/** Tenths of a second for what has ended, whole ones for what goes on. */
function ran(startedAt: number, endedAt: number | null): string {
  const ended = endedAt !== null && endedAt - startedAt < 10;
  return ended ? took(endedAt - startedAt) : longDuration((endedAt ?? now.value) - startedAt);
}

function exitText({ exitCode, signal }: Run): string {
  if (signal !== null) return `signal ${signal}`;
  return exitCode === null ? "" : String(exitCode);
}
