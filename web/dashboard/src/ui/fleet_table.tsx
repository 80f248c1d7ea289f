/** Every bot, one row each; only the rows in view are in the document. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { shownOf } from "../format/numbers";
import type { FleetState } from "../state/fleet";
import type { SortKey } from "../state/ranking";
import { botUrl, navigate } from "../state/router";
import { FleetRow } from "./fleet_row";
import { hasModifier, isTyping } from "./keys";
import { narrow } from "./media";
import { visibleSpan } from "./virtual";

interface Column {
  text: string;
  class: string;
  sort?: SortKey;
}

const COLUMNS: readonly Column[] = [
  { text: "Bot", class: "c-name", sort: "name" },
  { text: "Program", class: "c-program", sort: "program" },
  { text: "Mode", class: "c-mode", sort: "mode" },
  { text: "Health", class: "c-health", sort: "worst" },
  { text: "Since", class: "c-since num", sort: "since" },
  { text: "Sync", class: "c-sync", sort: "sync" },
  { text: "Revision", class: "c-rev", sort: "revision" },
  { text: "P&L today", class: "c-pnl num", sort: "pnl" },
  { text: "CPU", class: "c-cpu num", sort: "cpu" },
  { text: "Memory", class: "c-memory num", sort: "memory" },
  { text: "Last line", class: "c-log" },
  { text: "Data", class: "c-age num", sort: "age" },
];

export const ROW_HEIGHT = 32;
export const NARROW_ROW_HEIGHT = 60;
/** A walk through the rows holds the order for this long after its last step. */
const READING_MS = 10_000;

export function FleetTable({ state }: { state: FleetState }) {
  const height = narrow.value ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 900 });
  const chosen = useSignal<string | null>(null);
  const order = state.order.value;
  useViewport(box, setView);
  const hold = useHold(state);
  useWalk(state, box, height, chosen, (name) => {
    chosen.value = name;
    hold.reading(name !== null);
  });
  const { first, last } = visibleSpan(view.top, view.height, height, order.length);
  const rows = order.slice(first, last);
  return (
    <section class="fleet-table" aria-label="Bots">
      <Toolbar state={state} />
      <div
        class="table"
        role="table"
        aria-rowcount={order.length + 1}
        ref={box}
        onPointerEnter={(event) => hold.pointing(event.pointerType === "mouse")}
        onPointerLeave={() => hold.pointing(false)}
      >
        <TableHead state={state} />
        <div class="table-body" role="rowgroup" style={{ height: `${order.length * height}px` }}>
          {rows.map((name, index) => (
            <FleetRow
              key={name}
              name={name}
              row={state.row(name)}
              top={(first + index) * height}
              index={first + index + 2}
              chosen={name === chosen.value}
              narrow={narrow.value}
            />
          ))}
        </div>
        {order.length === 0 ? (
          <p class="nothing-found">
            No bot matches.{" "}
            <button type="button" class="link" onClick={() => clearSearch(state)}>
              Show all
            </button>
          </p>
        ) : null}
      </div>
    </section>
  );
}

function clearSearch(state: FleetState): void {
  state.health.value = null;
  state.search("");
}

function Toolbar({ state }: { state: FleetState }) {
  return (
    <div class="toolbar">
      <input
        type="search"
        placeholder="Search bots  /"
        aria-label="Search bots"
        data-search
        data-testid="search"
        value={state.query.value}
        onInput={(event) => state.search(event.currentTarget.value)}
        spellcheck={false}
      />
      <span class="muted" data-testid="shown" role="status">
        {shownOf(state.order.value.length, state.totals.value.bots, "bot")}
      </span>
      <span class="spacer" />
      {state.orderWaits.value ? (
        <span class="muted" data-testid="order-waits">
          order rests while you read
        </span>
      ) : null}
    </div>
  );
}

function TableHead({ state }: { state: FleetState }) {
  const { key, reversed } = state.sort.value;
  return (
    <div class="table-head" role="row">
      {COLUMNS.map(({ text, class: name, sort }) => (
        <div
          key={text}
          role="columnheader"
          class={name}
          aria-sort={sort !== key || sort === undefined ? "none" : reversed ? "descending" : "ascending"}
        >
          {sort === undefined ? (
            text
          ) : (
            <button type="button" class="plain" onClick={() => state.sortBy(sort)}>
              {text}
              {sort === key ? <span aria-hidden="true">{reversed ? " \u2191" : " \u2193"}</span> : null}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

/** Follow the scroll position and the size of the box, one row at a time. */
function useViewport(
  box: { current: HTMLDivElement | null },
  show: (view: { top: number; height: number }) => void,
): void {
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const read = () => show({ top: element.scrollTop, height: element.clientHeight });
    const watcher = new ResizeObserver(read);
    watcher.observe(element);
    element.addEventListener("scroll", read, { passive: true });
    read();
    return () => {
      watcher.disconnect();
      element.removeEventListener("scroll", read);
    };
  }, [box, show]);
}

/** The order rests while the mouse is over the rows, and for a while after a step with the keys. */
function useHold(state: FleetState) {
  const [hold] = useState(() => {
    let pointed = false;
    let read = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tell = () => state.hold(pointed || read);
    return {
      pointing(inside: boolean) {
        pointed = inside;
        tell();
      },
      reading(is: boolean) {
        clearTimeout(timer);
        read = is;
        if (is) timer = setTimeout(() => this.reading(false), READING_MS);
        tell();
      },
      end: () => clearTimeout(timer),
    };
  });
  useEffect(() => hold.end, [hold]);
  return hold;
}

const STEPS: Record<string, number> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 15,
  PageUp: -15,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

/** Arrows walk, Enter opens, Escape lets go. From the search box the arrows walk as well. */
function useWalk(
  state: FleetState,
  box: { current: HTMLDivElement | null },
  height: number,
  chosen: Signal<string | null>,
  choose: (name: string | null) => void,
): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const inSearch = (event.target as Element | null)?.matches?.("[data-search]") === true;
      if ((isTyping(event) && !inSearch) || hasModifier(event)) return;
      const step = STEPS[event.key];
      if (event.key === "Escape") choose(null);
      else if (event.key === "Enter") open(event, inSearch);
      else if (step !== undefined && !(inSearch && Math.abs(step) !== 1)) walk(event, step);
    };
    const open = (event: KeyboardEvent, inSearch: boolean) => {
      const order = state.order.value;
      const held = chosen.peek();
      const shown = held !== null && order.includes(held) ? held : null;
      const name = shown ?? (inSearch ? (order[0] ?? null) : null);
      const onControl = (event.target as Element | null)?.closest?.("a, button") != null;
      if (name !== null && !onControl) navigate(botUrl(name));
    };
    const walk = (event: KeyboardEvent, step: number) => {
      event.preventDefault();
      const order = state.order.value;
      // Read at the key, not at the last paint: keys come faster than that when one is held down.
      const held = chosen.peek();
      const at = held === null ? -1 : order.indexOf(held);
      const next = Math.max(0, Math.min(order.length - 1, at + step));
      const name = order[next];
      if (name === undefined) return;
      choose(name);
      if (box.current !== null) bringIntoView(box.current, next, height);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [state, box, height, chosen, choose]);
}

/** The head stays at the top of the box and covers the first row's height of it. */
function bringIntoView(element: HTMLElement, index: number, height: number): void {
  const top = index * height;
  const room = element.clientHeight - ROW_HEIGHT;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + height > element.scrollTop + room) element.scrollTop = top + height - room;
}
