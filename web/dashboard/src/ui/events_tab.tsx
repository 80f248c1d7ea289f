/** What the bot did: orders, fills, positions, alerts and its own life, newest first. */

import { useState } from "preact/hooks";
import type { LogEvent } from "../api/documents";
import { plain } from "../format/numbers";
import { clock, day, moment } from "../format/times";
import { type EventList, severity } from "../state/logs";
import { ProblemLine, Skeleton } from "./notes";

export function EventsTab({ list }: { list: EventList }) {
  const [kind, setKind] = useState("");
  const [open, setOpen] = useState("");
  if (!list.loaded.value) return <Skeleton page="lines" />;
  const events = list.events.value;
  const kinds = [...new Set(events.map((event) => event.kind))].sort();
  const shown = events.filter((event) => kind === "" || event.kind === kind).reverse();
  return (
    <>
      <div class="toolbar">
        {["", ...kinds].map((name) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={kind === name}
            onClick={() => setKind(name)}
          >
            {name === "" ? "all" : name}
          </button>
        ))}
      </div>
      <ProblemLine problem={list.problem.value} />
      <div class="scroll" data-testid="events">
        {shown.length === 0 ? (
          <p class="muted nothing-found">No events yet. Orders, fills, alerts and restarts show here.</p>
        ) : null}
        {shown.map((event) => (
          <EventRow
            key={event.id}
            event={event}
            open={open === event.id}
            toggle={() => setOpen(open === event.id ? "" : event.id)}
          />
        ))}
        {list.older.value === "" ? null : (
          <button type="button" class="link" onClick={() => void list.loadOlder()}>
            older events
          </button>
        )}
      </div>
    </>
  );
}

function EventRow({ event, open, toggle }: { event: LogEvent; open: boolean; toggle: () => void }) {
  const bad = severity(event.level) >= 3;
  return (
    <>
      <button type="button" class="event" aria-expanded={open} onClick={toggle}>
        <time title={moment(event.time)}>
          {day(event.time)} {clock(event.time)}
        </time>
        <span class={`event-kind${bad ? " is-Missing" : ""}`}>{event.kind}</span>
        <span class="event-text">{eventText(event)}</span>
      </button>
      {open ? <pre class="event-data">{JSON.stringify(event.data, null, 2)}</pre> : null}
    </>
  );
}

/** Fields in the order in which a trader says them. */
const SAID = ["status", "side", "quantity", "symbol", "price", "order_type", "reason", "fee", "realized_pnl"];

/** `filled buy 0.5 BTC-USDT at 64,210.5`, from the event's own fields; its message where it has none. */
export function eventText(event: LogEvent): string {
  const parts: string[] = [];
  for (const key of SAID) {
    const value = event.data[key];
    if (typeof value === "number") parts.push(`${WORDS[key] ?? ""}${plain(value)}`);
    else if (typeof value === "string" && value !== "") parts.push(value);
  }
  if (event.kind === "lifecycle" || parts.length < 2) return event.message || parts.join(" ");
  return parts.join(" ");
}

const WORDS: Record<string, string> = { price: "at ", fee: "fee ", realized_pnl: "P&L " };
