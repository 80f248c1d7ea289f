/** The lines that a search found, the newest first; one opens to all that it says. Text only, never HTML. */

import { useState } from "preact/hooks";
import type { LogEvent } from "../api/documents";
import { clock, day, moment } from "../format/times";
import { type EventList, severity } from "../state/logs";
import { botUrl, errorsOf, revisionUrl, setQuery } from "../state/router";
import { Skeleton } from "./notes";

/** Pixels from the top that still count as being there: further down the lines stay where they are. */
const EDGE = 24;

export function FoundLines({ list, live }: { list: EventList; live: boolean }) {
  const [open, setOpen] = useState("");
  const [held, hold] = useState(false);
  if (!list.loaded.value) return <Skeleton page="lines" />;
  const events = [...list.events.value].reverse();
  const onScroll = (event: Event) => {
    const down = (event.currentTarget as HTMLElement).scrollTop > EDGE;
    if (down && !list.paused.value) {
      list.pause(true);
      hold(true);
    } else if (!down && held) {
      list.pause(false);
      hold(false);
    }
  };
  return (
    <div class="found-lines" data-testid="found-lines" role="log" aria-live="off" onScroll={onScroll}>
      {events.length === 0 ? (
        <p class="muted nothing-found">
          No line matches in this time.{live ? " New ones that do will show here." : ""}
        </p>
      ) : null}
      {events.map((event) => (
        <FoundLine
          key={event.id}
          event={event}
          open={open === event.id}
          toggle={() => setOpen(open === event.id ? "" : event.id)}
        />
      ))}
      {list.older.value === "" ? null : (
        <button type="button" class="link older" onClick={() => void list.loadOlder()}>
          older lines
        </button>
      )}
    </div>
  );
}

function FoundLine({ event, open, toggle }: { event: LogEvent; open: boolean; toggle: () => void }) {
  const level = severity(event.level);
  const tone = level >= 3 ? "is-Missing" : level === 2 ? "is-Degraded" : "muted";
  return (
    <>
      <button type="button" class="found-line" aria-expanded={open} onClick={toggle}>
        <time title={moment(event.time)}>{clock(event.time)}</time>
        <span class={`level ${tone}`}>{event.level}</span>
        <span class="found-bot">{event.bot}</span>
        <span class="text">
          {event.kind === "log" || event.message.startsWith(event.kind) ? "" : `${event.kind}: `}
          {event.message}
        </span>
      </button>
      {open ? <Fields event={event} /> : null}
    </>
  );
}

function Fields({ event }: { event: LogEvent }) {
  const rows = Object.entries(event.data);
  return (
    <div class="found-fields" data-testid="found-fields">
      <p>
        <span>
          {day(event.time)} {moment(event.time)}
        </span>
        <a href={botUrl(event.bot)} data-page>
          {event.bot}
        </a>
        {event.revision === "" ? null : (
          <a href={revisionUrl(event.revision)} data-page>
            revision {event.revision.slice(0, 7)}
          </a>
        )}
        {severity(event.level) >= 3 ? (
          <a href={errorsOf(event.bot)} data-page>
            its errors
          </a>
        ) : null}
        {event.run === "" ? null : (
          <button type="button" class="link" onClick={() => setQuery({ run: event.run }, true)}>
            this run alone
          </button>
        )}
      </p>
      <dl>
        {[["stream", event.stream] as const, ["run", event.run] as const, ...rows].map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
