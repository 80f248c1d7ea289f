/** One bot's row: dense cells on a wide screen, two lines on a narrow one. */

import type { Signal } from "@preact/signals";
import type { Bot } from "../api/documents";
import { bytes, bytesOf, NOTHING, percent, quantity, signed } from "../format/numbers";
import { moment } from "../format/times";
import { healthWord, shortReason, syncWord } from "../format/words";
import { severity } from "../state/logs";
import { botUrl, navigate, revisionUrl } from "../state/router";
import { Age, Glow, isStale } from "./live";
import { memo } from "./memo";
import { ModeWord, pnlClass } from "./money";
import { HealthShape } from "./shape";

interface RowProps {
  name: string;
  row: Signal<Bot> | undefined;
  top: number;
  index: number;
  chosen: boolean;
  narrow: boolean;
}

export const FleetRow = memo(function FleetRow({ name, row, top, index, chosen, narrow }: RowProps) {
  const bot = row?.value;
  const place = { transform: `translateY(${top}px)` };
  if (bot === undefined) {
    return (
      <div class="row gone" role="row" style={place} aria-rowindex={index}>
        <span class="c-name">{name}</span>
        <span class="muted">removed</span>
      </div>
    );
  }
  const stale = isStale(bot.lastDataAt, bot.type);
  const open = (event: MouseEvent) => {
    if (!(event.target as Element).closest("a") && getSelection()?.isCollapsed !== false)
      navigate(botUrl(name));
  };
  return (
    <div
      class={`row${chosen ? " chosen" : ""}${stale ? " stale" : ""}`}
      role="row"
      aria-rowindex={index}
      aria-selected={chosen}
      style={place}
      onClick={open}
      data-testid={`bot-row-${name}`}
      {...(stale && bot.lastDataAt !== null ? { title: `no data since ${moment(bot.lastDataAt)}` } : {})}
    >
      {narrow ? <NarrowCells bot={bot} /> : <WideCells bot={bot} />}
    </div>
  );
});

function WideCells({ bot }: { bot: Bot }) {
  const { name } = bot;
  return (
    <>
      <NameCell name={name} />
      <span class="c-program" role="cell" data-testid={`program-${name}`}>
        {bot.program} <span class="muted">{bot.version}</span>
      </span>
      <span class="c-mode" role="cell" data-testid={`mode-${name}`}>
        <ModeWord mode={bot.mode} />
      </span>
      <HealthCell bot={bot} />
      <span class="c-since num muted" role="cell">
        <Age at={bot.since} />
      </span>
      <span class={`c-sync${bot.sync === "Synced" ? " muted" : ""}`} role="cell" data-testid={`sync-${name}`}>
        {syncWord(bot.sync)}
      </span>
      <span class="c-rev" role="cell" data-testid={`revision-${name}`}>
        <RevisionLink id={bot.appliedRevision} />
      </span>
      <MetricCell bot={bot} />
      <span class="c-cpu num value" role="cell" data-testid={`cpu-${name}`}>
        <Glow text={bot.resources.cpuPercent === null ? NOTHING : percent(bot.resources.cpuPercent)} />
      </span>
      <MemoryCell bot={bot} />
      <LogCell bot={bot} />
      <span class="c-age num muted" role="cell" data-testid={`age-${name}`}>
        <Age at={bot.lastDataAt} />
      </span>
    </>
  );
}

function NarrowCells({ bot }: { bot: Bot }) {
  return (
    <>
      <NameCell name={bot.name} />
      <MetricCell bot={bot} />
      <HealthCell bot={bot} />
      <span class="c-age num muted" role="cell" data-testid={`age-${bot.name}`}>
        <ModeWord mode={bot.mode} /> · <Age at={bot.lastDataAt} suffix=" ago" />
      </span>
    </>
  );
}

function NameCell({ name }: { name: string }) {
  return (
    <span class="c-name" role="cell">
      <a href={botUrl(name)} data-page tabIndex={-1}>
        {name}
      </a>
    </span>
  );
}

function HealthCell({ bot }: { bot: Bot }) {
  const reason = shortReason(bot);
  const full = [bot.reason, bot.message].filter(Boolean).join(": ");
  return (
    <span
      class="c-health"
      role="cell"
      data-testid={`health-${bot.name}`}
      data-health={bot.health}
      title={full}
    >
      <HealthShape health={bot.health} />
      <span class={`is-${bot.health}`}>{healthWord(bot.health)}</span>
      {reason === "" ? null : <span class={`${bot.lives ? "is-Degraded" : "muted"} reason`}>{reason}</span>}
    </span>
  );
}

export function RevisionLink({ id }: { id: string }) {
  if (id === "") return <span class="muted">{NOTHING}</span>;
  return (
    <a href={revisionUrl(id)} data-page class="rev" tabIndex={-1}>
      {id.slice(0, 7)}
    </a>
  );
}

/** Profit and loss of the day; of a bot that has no equity nothing, and its newest metric for a pointer. */
function MetricCell({ bot }: { bot: Bot }) {
  const { pnlToday, lastMetric } = bot;
  const instead =
    pnlToday !== null || lastMetric === null
      ? {}
      : {
          title: `no equity; ${lastMetric.name.replace(/^bot_/, "").replaceAll("_", " ")} ${quantity(lastMetric.value)}`,
        };
  return (
    <span class="c-pnl num value" role="cell" data-testid={`cell-metric-${bot.name}`} {...instead}>
      {pnlToday !== null ? (
        <>
          <Glow text={signed(pnlToday)} class={pnlClass(pnlToday)} /> <span class="unit">{bot.currency}</span>
        </>
      ) : (
        <span class="muted">{NOTHING}</span>
      )}
    </span>
  );
}

function MemoryCell({ bot }: { bot: Bot }) {
  const { memoryBytes: used, memoryLimitBytes: limit } = bot.resources;
  const text = used === null ? NOTHING : limit === null ? bytes(used) : bytesOf(used, limit);
  return (
    <span class="c-memory num value" role="cell" data-testid={`memory-${bot.name}`}>
      <Glow text={text} />
      {used !== null && limit !== null && limit > 0 ? (
        <span class="meter" aria-hidden="true">
          <span style={{ width: `${Math.min(100, (used / limit) * 100)}%` }} />
        </span>
      ) : null}
    </span>
  );
}

/** The first line of a message; of a stack trace the last, which says what happened, or `reason` where it is cut. */
export function tellingLine(message: string, reason = ""): string {
  const lines = message.trimEnd().split("\n");
  const first = lines[0] ?? "";
  if (!first.startsWith("Traceback")) return first;
  const last = lines.at(-1) ?? first;
  return last.startsWith(" ") ? reason || first : last;
}

function LogCell({ bot }: { bot: Bot }) {
  const line = bot.lastLog;
  if (line === null) return <span class="c-log" role="cell" />;
  const bad = severity(line.level) >= 3;
  return (
    <span class="c-log value" role="cell" data-testid={`last-log-${bot.name}`} title={line.message}>
      {bad ? <span class="is-Missing">{line.level} </span> : null}
      {tellingLine(line.message, bot.message)}
    </span>
  );
}
