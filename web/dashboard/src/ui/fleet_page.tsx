/** The fleet: is anything wrong, are we making or losing money, what changed last; then every bot. */

import { useMemo } from "preact/hooks";
import { decodeBots, decodeFleet } from "../api/documents";
import { getJson } from "../api/http";
import { FleetState } from "../state/fleet";
import { FleetSummary } from "./fleet_summary";
import { FleetTable } from "./fleet_table";
import { Command, Note } from "./notes";
import { Shell, useFeed } from "./shell";

export function FleetPage() {
  const state = useMemo(() => new FleetState(), []);
  const feed = useFeed({
    topics: ["fleet"],
    load: async (abort) => {
      const [fleet, bots] = await Promise.all([
        getJson("/api/v1/fleet", decodeFleet, abort),
        getJson("/api/v1/bots", decodeBots, abort),
      ]);
      state.replace(bots, fleet);
    },
    apply: (event, data) => state.apply(event, data),
  });
  const fleet = state.fleet.value;
  return (
    <Shell feed={feed} fleet={fleet} title={titleOf(state)}>
      {state.totals.value.bots === 0 ? (
        <EmptyFleet />
      ) : (
        <main class="fleet">
          <FleetSummary state={state} />
          <FleetTable state={state} />
        </main>
      )}
    </Shell>
  );
}

/** The tab says it too when something is wrong. */
function titleOf(state: FleetState): string {
  const { counts } = state.totals.value;
  const wrong = counts.Missing + counts.Degraded;
  const name = state.fleet.value?.fleet || "fleet";
  return wrong === 0 ? name : `(${wrong}) ${name}`;
}

function EmptyFleet() {
  return (
    <Note title="No bots yet">
      <p>A first bot in two commands, in a terminal of this machine:</p>
      <Command>{"herdsman init my-fleet\ncd my-fleet && git push herdsman main"}</Command>
      <p>A fleet repository of your own, from anywhere that reaches this address:</p>
      <Command>{`git remote add herdsman ${location.origin}/git/fleet.git\ngit push herdsman main`}</Command>
      <p class="muted">
        Git asks for a user and a password: <code>herdsman</code>, and a token.{" "}
        <code>herdsman init --connect-only</code> sets both up. The bots show here as they start, without
        reloading.
      </p>
    </Note>
  );
}
