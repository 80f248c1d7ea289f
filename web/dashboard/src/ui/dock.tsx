/** Under the charts: logs, events, runs and status, in a pane whose height the reader sets. */

import { useRef } from "preact/hooks";
import type { BotState } from "../state/bot";
import { place, setQuery } from "../state/router";
import { dockHeight } from "../state/settings";
import { EventsTab } from "./events_tab";
import { LogsTab } from "./logs_tab";
import { narrow } from "./media";
import { RunsTab } from "./runs_tab";
import { StatusTab } from "./status_tab";

const TABS = ["logs", "events", "runs", "status"] as const;
type Tab = (typeof TABS)[number];

const SMALLEST = 120;
/** What of the window stays for the charts, in px. */
const REST = 240;
const STEP = 24;

export function Dock({ state }: { state: BotState }) {
  const asked = place.value.query.get("tab");
  const tab: Tab = TABS.find((name) => name === asked) ?? "logs";
  const style = narrow.value ? {} : { height: `${bounded(dockHeight.value)}px` };
  return (
    <section class="dock" id="dock" style={style} aria-label="Output">
      <Handle />
      <div class="tabs" role="tablist">
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={tab === name}
            onClick={() => setQuery({ tab: name === "logs" ? null : name })}
            data-testid={`tab-${name}`}
          >
            {name}
          </button>
        ))}
      </div>
      {tab === "logs" ? <LogsTab list={state.logs} /> : null}
      {tab === "events" ? <EventsTab list={state.events} /> : null}
      {tab === "runs" ? <RunsTab runs={state.runs.value} /> : null}
      {tab === "status" ? <StatusTab detail={state.detail.value} /> : null}
    </section>
  );
}

export function bounded(height: number): number {
  return Math.max(SMALLEST, Math.min(height, innerHeight - REST));
}

/** The edge between charts and dock: dragged, or moved with the arrow keys. */
function Handle() {
  const grip = useRef<{ y: number; height: number } | null>(null);
  return (
    <hr
      class="handle"
      tabIndex={0}
      aria-orientation="horizontal"
      aria-label="Height of the output"
      aria-valuenow={bounded(dockHeight.value)}
      onPointerDown={(event) => {
        grip.current = { y: event.clientY, height: bounded(dockHeight.value) };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (grip.current === null) return;
        dockHeight.value = bounded(grip.current.height + grip.current.y - event.clientY);
      }}
      onPointerUp={() => {
        grip.current = null;
      }}
      onKeyDown={(event) => {
        if (event.key === "ArrowUp") dockHeight.value = bounded(dockHeight.value + STEP);
        if (event.key === "ArrowDown") dockHeight.value = bounded(dockHeight.value - STEP);
      }}
    />
  );
}
