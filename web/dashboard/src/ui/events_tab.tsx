/** What the bot did: orders, fills, positions, alerts and its own life, newest first. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { LogEvent } from "../api/documents";
import { address, asProblem, getJson } from "../api/http";
import { list as entries, object, text } from "../api/json";
import { plain } from "../format/numbers";
import { clock, day, moment } from "../format/times";
import { EventList, severity } from "../state/logs";
import { ProblemLine, Skeleton } from "./notes";

export function EventsTab({ bot, list: all }: { bot: string; list: EventList }) {
  const [kind, setKind] = useState("");
  const [open, setOpen] = useState("");
  const kept = useKinds(bot);
  const list = useOfKind(bot, kind, all);
  if (!all.loaded.value) return <Skeleton page="lines" />;
  const kinds = [...new Set([...kept, ...all.events.value.map((event) => event.kind)])].sort();
  const shown = [...list.events.value].reverse();
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
        {shown.length === 0 && list.loaded.value ? (
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

/** The kinds of events that are kept of a bot, beside those on the page. */
function useKinds(bot: string): string[] {
  const [kinds, setKinds] = useState<string[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    const path = address("/api/v1/logs/counts", { bot, kind: "all", without: QUIET, top: 50 });
    getJson(path, decodeKinds, abort.signal).then(setKinds, () => undefined); // those on the page are there all the same
    return () => abort.abort();
  }, [bot]);
  return kinds;
}

const decodeKinds = (value: unknown): string[] =>
  entries(object(object(object(value).facets).kind).values).map((pair) => text(entries(pair)[0]));

/** Lines, and what is a number in time: charts and the logs show them. */
const QUIET = "log,heartbeat,equity,balance,price";

/** The events of one kind, read from the store and followed with the bot's own; all of them for no kind. */
function useOfKind(bot: string, kind: string, all: EventList): EventList {
  const list = useMemo(
    () => (kind === "" ? all : new EventList("/api/v1/events", { bot, kind })),
    [bot, kind, all],
  );
  useEffect(() => {
    if (list === all) return;
    let stop = () => {};
    const abort = new AbortController();
    const follow = () => {
      const newest = list.events.peek().at(-1)?.time ?? 0;
      stop = all.events.subscribe((events) => {
        for (const event of events) if (event.kind === kind && event.time > newest) list.add(event);
      });
    };
    list.load(abort.signal).then(follow, (error) => {
      if (!abort.signal.aborted) list.problem.value = asProblem(error);
    });
    return () => {
      abort.abort();
      stop();
    };
  }, [list, kind, all]);
  return list;
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
