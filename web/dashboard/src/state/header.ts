/** The fleet's header alone, for pages whose own content is asked for and not told. */

import { type Signal, signal } from "@preact/signals";
import { decodeFleet, type Fleet } from "../api/documents";
import { getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";

export class HeaderState {
  readonly fleet: Signal<Fleet | null> = signal(null);

  async load(abort: AbortSignal): Promise<void> {
    this.show(await getJson("/api/v1/fleet", decodeFleet, abort));
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.show(decodeFleet(data));
  }

  private show(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
