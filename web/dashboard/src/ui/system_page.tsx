/** herdsman itself: each part with how it is, its figures, and what to do; then its own newest warnings. */

import "../styles/system.css";
import { useMemo } from "preact/hooks";
import type { Cell, Fact, Part, PartTable, System, SystemNote } from "../api/system";
import { bytes, NOTHING, percent, plain } from "../format/numbers";
import { duration, longDuration, moment, took } from "../format/times";
import { now } from "../state/clock";
import { SystemState } from "../state/system";
import { AdoptionPanel } from "./adoption";
import { Age } from "./live";
import { type Outcome, OutcomeMark } from "./shape";
import { Shell, useFeed } from "./shell";
import { withCode } from "./with_code";

const OUTCOMES: Record<string, Outcome> = { ok: "good", warning: "warn", failing: "bad" };
const WHOLE: Record<string, string> = {
  ok: "every part is well",
  warning: "something wants a look",
  failing: "a part does not work",
};

export function SystemPage() {
  const state = useMemo(() => new SystemState(), []);
  const feed = useFeed({
    topics: ["fleet", "system"],
    load: (abort) => state.load(abort),
    apply: (event, data) => state.apply(event, data),
  });
  const system = state.system.value;
  return (
    <Shell feed={feed} fleet={state.fleet.value} title="System">
      {system === null ? null : <SystemView system={system} />}
    </Shell>
  );
}

function SystemView({ system }: { system: System }) {
  return (
    <main class="system" data-testid="system-page">
      <div class="page-head">
        <h1>System</h1>
        <OutcomeMark outcome={OUTCOMES[system.state] ?? "off"} text={WHOLE[system.state] ?? system.state} />
        <span class="muted">
          herdsman {system.version}, fleet {system.fleet}
        </span>
      </div>
      {system.parts.length === 0 ? (
        <p class="nothing-found muted">This process knows of no part: they run elsewhere, and are silent.</p>
      ) : null}
      <ul class="parts">
        {system.parts.map((part) => (
          <PartEntry key={part.name} part={part} />
        ))}
      </ul>
      <AdoptionPanel />
      <Notes notes={system.notes} />
    </main>
  );
}

function PartEntry({ part }: { part: Part }) {
  return (
    <li class="part" data-testid={`part-${part.name}`} data-state={part.state}>
      <h2>
        <OutcomeMark outcome={OUTCOMES[part.state] ?? "off"} text={part.name} />
      </h2>
      <div class="part-text">
        <p>{part.message}</p>
        {part.next === "" ? null : <p class="muted">{withCode(part.next)}</p>}
        <dl class="facts">
          {part.facts.map((fact) => (
            <div key={fact.name} class="fact" title={fact.hint}>
              <dt>{fact.name}</dt>
              <dd class="value" data-testid={`${part.name}-${fact.name}`}>
                <Figure value={fact.value} unit={fact.unit} />
              </dd>
            </div>
          ))}
        </dl>
        {part.table === null ? null : <Rows table={part.table} />}
      </div>
    </li>
  );
}

function Figure({ value, unit }: Pick<Fact, "value" | "unit">) {
  if (typeof value !== "number") return <>{value ?? NOTHING}</>;
  if (unit === "at" && value > now.value + 2) return <>in {duration(value - now.value)}</>;
  if (unit === "at") return <Age at={value} suffix=" ago" />;
  return <>{figureText(value, unit)}</>;
}

export function figureText(value: number, unit: string): string {
  if (unit === "s") return value < 0.1 ? `${plain(rounded(value * 1000))} ms` : elapsed(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "percent") return percent(value);
  if (unit === "per_second") return `${plain(rounded(value))}/s`;
  return plain(value);
}

/** One decimal below a hundred, none above. */
function rounded(value: number): number {
  return value < 100 ? Math.round(value * 10) / 10 : Math.round(value);
}

function elapsed(seconds: number): string {
  return seconds < 60 ? took(seconds) : longDuration(seconds);
}

function Rows({ table }: { table: PartTable }) {
  const isNumber = (column: number) => table.rows.some((row) => typeof row[column] === "number");
  return (
    <div class="scroll">
      <table class="list">
        <thead>
          <tr>
            {table.columns.map((name, column) => (
              <th key={name} class={isNumber(column) ? "num" : "fill"}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((cell: Cell, column) => (
                <td key={table.columns[column]} class={isNumber(column) ? "num" : "fill"}>
                  <Figure value={cell} unit={table.units[column] ?? ""} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Notes({ notes }: { notes: readonly SystemNote[] }) {
  return (
    <section class="notes" aria-label="Its own log">
      <h2>Its own warnings and errors</h2>
      {notes.length === 0 ? <p class="muted">None since its start.</p> : null}
      <ul>
        {notes.map((note) => (
          <li key={`${note.source} ${note.message}`} class="system-note">
            <time class="muted" title={moment(note.time)}>
              <Age at={note.time} suffix=" ago" />
            </time>
            <span class={note.level === "warning" ? "is-Degraded" : "is-Missing"}>{note.level}</span>
            <span class="text">
              {note.message}
              {note.times > 1 ? <span class="muted"> ({note.times} times)</span> : null}
              <span class="muted"> {note.source}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
