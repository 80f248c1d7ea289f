/** How the bot is and why, and the facts about it. */

import type { ComponentChildren } from "preact";
import type { Bot, BotDetail } from "../api/documents";
import { bytes, bytesOf, money, NOTHING, percent, signed } from "../format/numbers";
import { longDuration, moment } from "../format/times";
import { authorName, healthWord, reasonWords, shellWord, syncWord } from "../format/words";
import { now } from "../state/clock";
import { errorsOf, revisionsOf } from "../state/router";
import { RevisionLink } from "./fleet_row";
import { lazyPart } from "./lazy";
import { Age, Glow, isStale } from "./live";
import { ModeWord, pnlClass } from "./money";
import { HealthShape } from "./shape";

export function BotHeader({
  bot,
  detail,
  removed,
}: {
  bot: Bot;
  detail: BotDetail | null;
  removed: boolean;
}) {
  const stale = isStale(bot.lastDataAt, bot.type);
  const suspendedItself = detail?.suspended?.scope === `bot=${bot.name}` && !detail.suspended.kill;
  return (
    <header class={`bot-header${stale ? " stale" : ""}`}>
      <div class="bot-title">
        <h1>{bot.name}</h1>
        <span class="state" data-testid={`health-${bot.name}`} data-health={removed ? "Removed" : bot.health}>
          <HealthShape health={removed ? "Suspended" : bot.health} />
          <span class={removed ? "is-Suspended" : `is-${bot.health}`}>
            {removed ? "removed" : healthWord(bot.health)}
          </span>
          <span class="muted">
            <Age at={removed ? (detail?.removed?.at ?? null) : bot.since} />
          </span>
        </span>
        {bot.program === "" ? null : (
          <span class="muted">
            <ModeWord mode={bot.mode} />, {bot.type} {bot.program} {bot.version}
            {bot.environment === "" ? "" : `, ${bot.environment}`}
          </span>
        )}
        <span class="spacer" />
        {removed ? null : <operations.Page bot={bot} suspended={suspendedItself} />}
      </div>
      {removed ? <removal.Page detail={detail} /> : null}
      {removed ? null : suspendedItself ? (
        <suspension.Page suspended={detail?.suspended ?? {}} />
      ) : (
        <Why bot={bot} />
      )}
      {removed ? null : <lives.Page bot={bot} />}
      {removed ? null : <Facts bot={bot} detail={detail} stale={stale} />}
    </header>
  );
}

const late = () => import("./bot_operations");
const operations = lazyPart(
  async () => (await late()).Operations,
  () => null,
);
const removal = lazyPart(
  async () => (await late()).Removal,
  () => null,
);
const lives = lazyPart(
  async () => (await late()).LivesLine,
  () => null,
);
const suspension = lazyPart(
  async () => (await late()).Suspension,
  () => null,
);

/** A problem is followed by its reason, and by the next command to type. */
function Why({ bot }: { bot: Bot }) {
  const fine = bot.health === "Healthy" && bot.sync === "Synced";
  if (fine && bot.message === "") return null;
  const reason = reasonWords(bot.reason);
  const named = bot.message.toLowerCase().includes(reason);
  return (
    <p class="why" data-testid="reason">
      {named ? null : <strong>{reason}</strong>}
      {bot.message === "" ? "" : `${named ? "" : ": "}${bot.message}`}
      {fine ? null : <code>herdsman status {shellWord(bot.name)}</code>}
    </p>
  );
}

function Facts({ bot, detail, stale }: { bot: Bot; detail: BotDetail | null; stale: boolean }) {
  const { resources } = bot;
  const revision = detail?.revision ?? null;
  const current = revision !== null && revision.id === bot.appliedRevision;
  return (
    <dl class="facts">
      {bot.pnlToday === null ? null : (
        <Fact name="P&L today">
          <Glow text={signed(bot.pnlToday)} class={`value ${pnlClass(bot.pnlToday)}`} testId="pnl" />{" "}
          {bot.currency}
        </Fact>
      )}
      {bot.equity === null ? null : (
        <Fact name="Equity">
          <Glow text={money(bot.equity)} class="value" testId="equity" /> {bot.currency}
        </Fact>
      )}
      <Fact name="CPU">
        <Glow text={resources.cpuPercent === null ? NOTHING : percent(resources.cpuPercent)} class="value" />
        {resources.cpuLimitPercent === null ? "" : ` of ${percent(resources.cpuLimitPercent)}`}
      </Fact>
      <Fact name="Memory">
        <Glow class="value" text={memoryText(resources.memoryBytes, resources.memoryLimitBytes)} />
      </Fact>
      <Fact name="Up">{bot.startedAt === null ? NOTHING : <Uptime since={bot.startedAt} />}</Fact>
      <Fact name="Restarts">{String(bot.restarts)}</Fact>
      {bot.schedule === "" ? null : (
        <Fact name="Schedule" wide>
          {bot.schedule} {bot.timezone}
          {bot.nextRun === null ? null : <span class="muted">, next {moment(bot.nextRun)}</span>}
        </Fact>
      )}
      {bot.node === "" ? null : <Fact name="Node">{bot.node}</Fact>}
      <Fact name="Last data">
        {bot.lastDataAt === null ? (
          "none yet"
        ) : stale ? (
          `none since ${moment(bot.lastDataAt)}`
        ) : (
          <Age at={bot.lastDataAt} suffix=" ago" />
        )}
      </Fact>
      <Fact name="Sync">
        <span data-testid={`sync-${bot.name}`}>{syncWord(bot.sync)}</span>
      </Fact>
      <Fact name="Revision" wide>
        <span data-testid={`revision-${bot.name}`}>
          <RevisionLink id={bot.appliedRevision} />
        </span>{" "}
        {current && revision !== null ? (
          <span title={revision.message}>
            {revision.message.split("\n", 1)[0]}
            <span class="muted">
              {" "}
              by {authorName(revision.author)}, <Age at={revision.committedAt} suffix=" ago" />
            </span>
          </span>
        ) : null}{" "}
        <a href={revisionsOf(bot.name)} data-page class="muted plain-link" data-testid="revisions-of">
          all its revisions
        </a>{" "}
        <a href={errorsOf(bot.name)} data-page class="muted plain-link" data-testid="errors-of">
          its errors
        </a>
      </Fact>
    </dl>
  );
}

function memoryText(used: number | null, limit: number | null): string {
  if (used === null) return limit === null ? NOTHING : `${NOTHING}/${bytes(limit)}`;
  return limit === null ? bytes(used) : bytesOf(used, limit);
}

function Uptime({ since }: { since: number }) {
  return <time title={`since ${moment(since)}`}>{longDuration(now.value - since)}</time>;
}

function Fact({
  name,
  wide = false,
  children,
}: {
  name: string;
  wide?: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class={wide ? "fact fact-wide" : "fact"}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
