/** How herdsman itself is: read once, then told by the stream every other second. */

import { batch, type Signal, signal } from "@preact/signals";
import { decodeFleet, type Fleet } from "../api/documents";
import { getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { decodeSystem, type System } from "../api/system";
import { followServer } from "./clock";

export class SystemState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly system: Signal<System | null> = signal(null);

  async load(abort: AbortSignal): Promise<void> {
    const [fleet, system] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson("/api/v1/system", decodeSystem, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.system.value = system;
    });
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event === "system") this.system.value = decodeSystem(data);
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
