/** The three answers over the table. Sums of a whole fleet always move, so they change without a glow. */

import { HEALTHS } from "../api/documents";
import { changed, type Revision } from "../api/revisions";
import { count, money, signed } from "../format/numbers";
import { authorName, healthWord } from "../format/words";
import type { FleetState } from "../state/fleet";
import type { Purse } from "../state/ranking";
import { revisionUrl } from "../state/router";
import { rolloutLine } from "./lazy_asides";
import { Age } from "./live";
import { ModeWord, pnlClass } from "./money";
import { HealthShape } from "./shape";

export function FleetSummary({ state }: { state: FleetState }) {
  return (
    <section class="summary" aria-label="Summary">
      <Healths state={state} />
      <Money purses={state.totals.value.purses} />
      <LastChange revision={state.fleet.value?.revision ?? null} />
    </section>
  );
}

/** Bots by state, worst first; each is a filter of the table. States that no bot is in are left out. */
function Healths({ state }: { state: FleetState }) {
  const { counts, outOfSync } = state.totals.value;
  const chosen = state.health.value;
  return (
    <div class="answer" data-testid="healths">
      <h2>Bots</h2>
      <p class="chips">
        {HEALTHS.filter((health) => counts[health] > 0 || health === chosen).map((health) => (
          <button
            key={health}
            type="button"
            class="chip"
            aria-pressed={chosen === health}
            onClick={() => state.toggleHealth(health)}
            data-testid={`count-${health}`}
          >
            <HealthShape health={health} />
            <span class={`figure is-${health}`}>{counts[health].toLocaleString("en-US")}</span>{" "}
            {healthWord(health)}
          </button>
        ))}
        {outOfSync > 0 ? <span class="muted">{outOfSync} out of sync</span> : null}
      </p>
    </div>
  );
}

/** Profit and loss since midnight UTC and equity, apart for each currency and for live and dry. */
function Money({ purses }: { purses: readonly Purse[] }) {
  return (
    <div class="answer">
      <h2>P&L today</h2>
      {purses.length === 0 ? <p class="muted">no bot reports equity</p> : null}
      <div class="purses">
        {purses.map((purse) => (
          <p key={`${purse.mode} ${purse.currency}`} data-testid={`equity-${purse.mode}-${purse.currency}`}>
            <ModeWord mode={purse.mode} />{" "}
            {purse.pnlToday === null ? (
              <span class="figure muted">{"\u2013"}</span>
            ) : (
              <span class={`figure ${pnlClass(purse.pnlToday)}`}>{signed(purse.pnlToday)}</span>
            )}{" "}
            {purse.currency} <span class="muted">equity {money(purse.equity)}</span>
          </p>
        ))}
      </div>
    </div>
  );
}

function LastChange({ revision }: { revision: Revision | null }) {
  if (revision === null) {
    return (
      <div class="answer">
        <h2>Last change</h2>
        <p class="muted">none yet</p>
      </div>
    );
  }
  const at = revision.finishedAt ?? revision.receivedAt ?? revision.committedAt;
  return (
    <div class="answer last-change" data-testid="revision">
      <h2>Last change</h2>
      <p>
        <a href={revisionUrl(revision.id)} data-page class="rev">
          {revision.id.slice(0, 7)}
        </a>{" "}
        <span class="message">{revision.message.split("\n", 1)[0]}</span>
      </p>
      <p class="muted">
        <span class={/fail|refus|halt/.test(revision.state) ? "is-Missing" : ""}>{revision.state}</span>,{" "}
        {count(changed(revision), "bot")} changed, by {authorName(revision.author)},{" "}
        <Age at={at} suffix=" ago" />
      </p>
      <rolloutLine.Page rollout={revision.rollout} />
    </div>
  );
}
