/** The tabs that are not open at first, read when one of them is chosen. */

import type { BotState } from "../state/bot";
import { Deploys } from "./comparison";
import { EventsTab } from "./events_tab";
import { RunsTab } from "./runs_tab";
import { StatusTab } from "./status_tab";
import { VitalsTab } from "./vitals_tab";

export function MoreTabs({ state, tab }: { state: BotState; tab: string }) {
  if (tab === "vitals") return <VitalsTab state={state} />;
  if (tab === "events") return <EventsTab bot={state.name} list={state.events} />;
  if (tab === "runs")
    return (
      <>
        <Deploys bot={state.name} runs={state.runs.value[0]?.id ?? ""} />
        <RunsTab runs={state.runs.value} />
      </>
    );
  return <StatusTab detail={state.detail.value} />;
}
