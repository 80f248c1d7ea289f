/** Under the charts: logs, events, runs and status, in a pane whose height the reader sets. */

import { useRef } from "preact/hooks";
import type { BotState } from "../state/bot";
import { place, setQuery } from "../state/router";
import { dockHeight } from "../state/settings";
import { lazyPart } from "./lazy";
import { Skeleton } from "./notes";

export const TABS = ["logs", "trading", "vitals", "events", "runs", "status"] as const;
/** On a phone the charts are one of the tabs, so that the output is not far below them. */
export const NARROW_TABS = ["charts", ...TABS] as const;
export type Tab = (typeof NARROW_TABS)[number];

/** Read with the page, and after what stands above it. */
const logsTab = lazyPart(
  async () => (await import("./logs_tab")).LogsTab,
  () => <Skeleton page="lines" />,
);
logsTab.load().catch(() => undefined); // it is told of where the tab is to be shown

const tradingTab = lazyPart(
  async () => (await import("./trading_tab")).TradingTab,
  () => <Skeleton page="lines" />,
);

const moreTabs = lazyPart(
  async () => (await import("./more_tabs")).MoreTabs,
  () => <Skeleton page="lines" />,
);

const SMALLEST = 120;
/** What of the window stays for the charts, in px. */
const REST = 240;
const STEP = 24;

/** The tab that the address names, the first one where it names none of these. */
export function chosenTab(names: readonly Tab[]): Tab {
  const asked = place.value.query.get("tab");
  return names.find((name) => name === asked) ?? (names[0] as Tab);
}

export function Dock({ state }: { state: BotState }) {
  return (
    <section class="dock" style={{ height: `${bounded(dockHeight.value)}px` }} aria-label="Output">
      <Handle />
      <Tabs names={TABS} />
      <Output state={state} tab={chosenTab(TABS)} />
    </section>
  );
}

/** Arrow keys walk along the tabs, as everywhere. */
export function Tabs({ names }: { names: readonly Tab[] }) {
  const tab = chosenTab(names);
  const choose = (name: Tab) => setQuery({ tab: name === names[0] ? null : name });
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = names[(names.indexOf(tab) + step + names.length) % names.length] as Tab;
    choose(next);
    const list = event.currentTarget as HTMLElement;
    list.querySelector<HTMLElement>(`[data-testid="tab-${next}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" onKeyDown={walk}>
      {names.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          aria-selected={tab === name}
          tabIndex={tab === name ? 0 : -1}
          onClick={() => choose(name)}
          data-testid={`tab-${name}`}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

export function Output({ state, tab }: { state: BotState; tab: Tab }) {
  if (tab === "logs") return <logsTab.Page list={state.logs} />;
  if (tab === "trading") return <tradingTab.Page state={state} />;
  return tab === "charts" ? null : <moreTabs.Page state={state} tab={tab} />;
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
