/** The revisions that the controller has seen, newest first, a page at a time; or one of them, whole. */

import { batch, type Signal, signal } from "@preact/signals";
import { decodeFleet, type Fleet } from "../api/documents";
import { type ApiProblem, address, asProblem, getJson } from "../api/http";
import { type Change, decodeMoved, decodeRevision, decodeRevisions, type Revision } from "../api/revisions";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";

export const PAGE = 50;
/** Changes of one revision that a list holds. */
const LISTED = 100;

const URGENT: Record<string, number> = { failed: 0, waiting: 1 };

/** What failed first, then what is waited for, then by name: as the server sorts. */
export function byUrgency(left: Change, right: Change): number {
  const first = (URGENT[left.state] ?? 2) - (URGENT[right.state] ?? 2);
  return first !== 0 ? first : left.bot < right.bot ? -1 : 1;
}

/** The revision as the stream tells of it, with the changes known so far and those that moved. */
function moved(known: readonly Change[], revision: Revision, changes: readonly Change[]): Revision {
  const all = new Map(known.map((change) => [change.bot, change]));
  for (const change of changes) all.set(change.bot, change);
  return { ...revision, changes: [...all.values()].sort(byUrgency) };
}

export class RevisionsState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly revisions: Signal<readonly Revision[]> = signal([]);
  /** There may be older ones. */
  readonly more = signal(false);
  readonly loadingMore = signal(false);
  readonly problem: Signal<ApiProblem | null> = signal(null);

  /** `bot`: only the revisions that changed it, each with its change alone; "" for all. */
  constructor(readonly bot = "") {}

  async load(abort: AbortSignal): Promise<void> {
    const shown = Math.min(1000, Math.max(PAGE, this.revisions.peek().length));
    const [fleet, revisions] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(this.url(shown), decodeRevisions, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.revisions.value = revisions;
      this.more.value = revisions.length === shown;
    });
  }

  /** Read the page after the oldest one shown. */
  async loadMore(): Promise<void> {
    const last = this.revisions.peek().at(-1);
    if (last === undefined || this.loadingMore.peek()) return;
    this.loadingMore.value = true;
    try {
      const older = await getJson(this.url(PAGE, last.id), decodeRevisions);
      batch(() => {
        this.revisions.value = [...this.revisions.peek(), ...older];
        this.more.value = older.length === PAGE;
        this.problem.value = null;
      });
    } catch (error) {
      this.problem.value = asProblem(error);
    }
    this.loadingMore.value = false;
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event === "revision") this.move(data);
  }

  private url(limit: number, before = ""): string {
    return address("/api/v1/revisions", { limit, before, bot: this.bot });
  }

  private move(data: unknown): void {
    const { revision, changes } = decodeMoved(data);
    const mine = this.bot === "" ? changes : changes.filter((change) => change.bot === this.bot);
    const known = this.revisions.value;
    const at = known.findIndex((other) => other.id === revision.id);
    if (at < 0 && this.bot !== "" && mine.length === 0) return;
    const next = moved(known[at]?.changes ?? [], revision, mine);
    const cut = { ...next, changes: next.changes.slice(0, LISTED) };
    this.revisions.value = at < 0 ? [cut, ...known] : known.with(at, cut);
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}

/** What a held revision would remove once it is confirmed, and the codes of exactly these removals. */
export interface Removals {
  bots: readonly string[];
  codes: readonly string[];
}

export const NO_REMOVALS: Removals = { bots: [], codes: [] };

export function decodeRemovals(value: unknown): Removals {
  const { actions, prune } = (value ?? {}) as { actions?: unknown; prune?: unknown };
  if (!Array.isArray(actions)) return NO_REMOVALS;
  return {
    bots: actions
      .filter((one: { action?: unknown }) => one.action === "remove")
      .map((one: { bot?: unknown }) => String(one.bot)),
    codes: Array.isArray(prune) ? prune.map(String) : [],
  };
}

export class RevisionState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  readonly revision: Signal<Revision | null> = signal(null);
  readonly removals: Signal<Removals> = signal(NO_REMOVALS);

  /** `id`: the whole id, or the first digits of it. */
  constructor(private readonly id: string) {}

  async load(abort: AbortSignal): Promise<void> {
    const [fleet, revision] = await Promise.all([
      getJson("/api/v1/fleet", decodeFleet, abort),
      getJson(`/api/v1/revisions/${encodeURIComponent(this.id)}`, decodeRevision, abort),
    ]);
    batch(() => {
      this.showFleet(fleet);
      this.revision.value = revision;
    });
    await this.loadRemovals();
  }

  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event !== "revision") return;
    const { revision, changes } = decodeMoved(data);
    const known = this.revision.value;
    if (known === null || known.id !== revision.id) return;
    this.revision.value = moved(known.changes, revision, changes);
    if (known.held !== revision.held) void this.loadRemovals();
  }

  /** Which bots wait for a word is in the plan, not in the revision. */
  private async loadRemovals(): Promise<void> {
    if (this.revision.peek()?.held) {
      try {
        this.removals.value = await getJson("/api/v1/plan", decodeRemovals);
      } catch {
        // The reason and the command stand there without the names.
      }
    } else this.removals.value = NO_REMOVALS;
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }
}
