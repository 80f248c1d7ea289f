/** What the bot printed: newest at the bottom, followed until the reader scrolls up. Text only, never HTML. */

import { useLayoutEffect, useRef } from "preact/hooks";
import type { LogEvent } from "../api/documents";
import { clock, day, moment } from "../format/times";
import { type EventList, severity } from "../state/logs";
import { LevelSelect, WordsBox } from "./line_filters";
import { ProblemLine, Skeleton } from "./notes";

/** Pixels from an edge that still count as being at it. */
const EDGE = 24;

export function LogsTab({ list }: { list: EventList }) {
  return (
    <>
      <LogsToolbar list={list} />
      <ProblemLine problem={list.problem.value} />
      <LogLines list={list} />
    </>
  );
}

function LogsToolbar({ list }: { list: EventList }) {
  const filter = list.filter.value;
  return (
    <div class="toolbar">
      <WordsBox
        text={filter.text}
        placeholder="Search lines  /"
        search={(text) => void list.search({ ...list.filter.value, text })}
        testId="log-search"
      />
      <LevelSelect
        level={filter.level}
        choose={(level) => void list.search({ ...list.filter.value, level })}
      />
      <span class="spacer" />
      <button
        type="button"
        class="chip"
        aria-pressed={list.paused.value}
        onClick={() => list.pause(!list.paused.value)}
        data-testid="log-pause"
      >
        {list.paused.value ? `follow${list.unseen.value > 0 ? ` (${list.unseen.value} new)` : ""}` : "pause"}
      </button>
    </div>
  );
}

function LogLines({ list }: { list: EventList }) {
  const box = useRef<HTMLDivElement>(null);
  const events = list.events.value;
  const first = events[0]?.id;
  const before = useRef({ first, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (!list.paused.peek()) element.scrollTop = element.scrollHeight;
    // Older lines were put before the first: keep those being read where they are.
    else if (before.current.first !== first)
      element.scrollTop += element.scrollHeight - before.current.height;
    before.current = { first, height: element.scrollHeight };
  }, [events, first, list]);
  const onScroll = (event: Event) => {
    const element = event.currentTarget as HTMLElement;
    const below = element.scrollHeight - element.clientHeight - element.scrollTop;
    if (list.paused.value !== below > EDGE) list.pause(below > EDGE);
    if (element.scrollTop < EDGE && below > EDGE) void list.loadOlder();
  };
  if (!list.loaded.value) return <Skeleton page="lines" />;
  return (
    <div class="log-lines" ref={box} onScroll={onScroll} data-testid="log-lines" role="log">
      {list.older.value === "" ? null : (
        <button type="button" class="link" onClick={() => void list.loadOlder()}>
          older lines
        </button>
      )}
      {events.length === 0 ? <p class="muted nothing-found">{nothingText(list)}</p> : null}
      {events.map((event, index) => (
        <LogLine key={event.id} event={event} newDay={startsDay(events[index - 1], event)} />
      ))}
    </div>
  );
}

function nothingText(list: EventList): string {
  const { text, level } = list.filter.value;
  if (text !== "" || level !== "") return "No line matches. New ones that do will show here.";
  return "This bot has printed nothing yet. Its lines show here as they come.";
}

/** The first line of a day, or of the list, has the day above it. */
function startsDay(before: LogEvent | undefined, event: LogEvent): boolean {
  return before === undefined || day(before.time) !== day(event.time);
}

function LogLine({ event, newDay }: { event: LogEvent; newDay: boolean }) {
  const level = severity(event.level);
  const tone = level >= 3 ? "is-Missing" : level === 2 ? "is-Degraded" : "muted";
  return (
    <>
      {newDay ? <div class="line-day muted">{day(event.time)}</div> : null}
      <div class="line">
        <time title={moment(event.time)}>{clock(event.time)}</time>
        <span class={`level ${tone}`}>{event.level}</span>
        <span class="text">{event.message}</span>
      </div>
    </>
  );
}
