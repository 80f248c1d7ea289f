/** The revisions that the controller has seen, newest first. */

import { type Signal, signal } from "@preact/signals";
import { decodeFleet, decodeRevisions, type Fleet, type Revision } from "../api/documents";
import { address, getJson } from "../api/http";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";

const SHOWN = 200;

export class RevisionsState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly revisions: Signal<readonly Revision[]> = signal([]);

  async load(abort: AbortSignal): Promise<void> {
    const [fleet, revisions] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(address("/api/v1/revisions", { limit: SHOWN }), decodeRevisions, abort),
    ]);
    this.revisions.value = revisions;
    this.show(fleet);
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.show(decodeFleet(data));
  }

  /** The revision whose id begins with `id`. */
  find(id: string): Revision | null {
    return this.revisions.value.find((revision) => revision.id.startsWith(id)) ?? null;
  }

  /** The fleet's document carries the newest revision whole: put it in its place. */
  private show(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
    const revision = fleet.revision;
    if (revision === null) return;
    const known = this.revisions.value;
    const at = known.findIndex((other) => other.id === revision.id);
    this.revisions.value = at < 0 ? [revision, ...known] : known.with(at, revision);
  }
}
