/** The fleet as the page holds it: one signal a row, and an order that rests while somebody reads it. */

import { batch, type Signal, signal } from "@preact/signals";
import { type Bot, decodeBot, decodeFleet, type Fleet, type Health } from "../api/documents";
import type { StreamEvent } from "../api/stream";
import { followServer } from "./clock";
import { Pacer, type PacerClock } from "./pacer";
import { badness, matcher, ranked, type Sort, type Totals, totalsOf, WORST_FIRST } from "./ranking";

/** Painted with the rows, but under a key that no bot can have. */
const SUMMARY = " summary";

export class FleetState {
  readonly fleet: Signal<Fleet | null> = signal(null);
  /** The names shown, in order; each is a key of `rows`. */
  readonly order: Signal<readonly string[]> = signal([]);
  readonly totals: Signal<Totals> = signal(totalsOf([]));
  readonly query = signal("");
  readonly health: Signal<Health | null> = signal(null);
  readonly sort: Signal<Sort> = signal(WORST_FIRST);
  /** True while the order on the page is not the order that it would have if nobody were reading. */
  readonly orderWaits = signal(false);

  private readonly rows = new Map<string, Signal<Bot>>();
  private readonly newest = new Map<string, Bot>();
  private readonly pacer: Pacer<string>;
  private held = false;
  private disordered = false;

  constructor(clock?: PacerClock) {
    this.pacer = new Pacer((keys) => this.paint(keys), clock);
  }

  row(name: string): Signal<Bot> | undefined {
    return this.rows.get(name);
  }

  get size(): number {
    return this.newest.size;
  }

  /** Show a whole snapshot at once; bots that it lacks are gone. */
  replace(bots: readonly Bot[], fleet: Fleet): void {
    const there = new Set(bots.map((bot) => bot.name));
    batch(() => {
      for (const name of [...this.newest.keys()]) if (!there.has(name)) this.drop(name);
      for (const bot of bots) this.put(bot);
      this.showFleet(fleet);
      this.summarise();
      this.reorder();
    });
  }

  /** Take one message of the stream. */
  apply(event: StreamEvent, data: unknown): void {
    if (event === "fleet") this.showFleet(decodeFleet(data));
    if (event !== "status") return;
    const removed = (data as { removed?: unknown } | null)?.removed === true;
    const bot = decodeBot(data);
    if (bot.name === "") return;
    if (removed) this.remove(bot.name);
    else this.update(bot);
  }

  /** Hold the order while rows are pointed at or walked through; letting go sorts what has waited. */
  hold(held: boolean): void {
    this.held = held;
    if (!held && this.disordered) batch(() => this.reorder());
  }

  search(query: string): void {
    this.query.value = query;
    this.reorder();
  }

  /** Show one health only; the same again shows all. */
  toggleHealth(health: Health): void {
    this.health.value = this.health.value === health ? null : health;
    this.reorder();
  }

  /** Sort by a column; the same again turns it around, a third time returns to the worst first. */
  sortBy(key: Sort["key"]): void {
    const { key: current, reversed } = this.sort.value;
    if (key !== current) this.sort.value = { key, reversed: false };
    else this.sort.value = reversed ? WORST_FIRST : { key, reversed: true };
    this.reorder();
  }

  private update(bot: Bot): void {
    const before = this.newest.get(bot.name);
    this.newest.set(bot.name, bot);
    if (before === undefined || this.sort.value.key !== "worst" || badness(before) !== badness(bot)) {
      this.disordered = true;
    }
    this.pacer.touch(bot.name);
    this.pacer.touch(SUMMARY);
  }

  private remove(name: string): void {
    if (!this.newest.has(name)) return;
    this.drop(name);
    this.disordered = true;
    this.pacer.touch(SUMMARY);
  }

  private put(bot: Bot): void {
    this.newest.set(bot.name, bot);
    const row = this.rows.get(bot.name);
    if (row === undefined) this.rows.set(bot.name, signal(bot));
    else row.value = bot;
  }

  private drop(name: string): void {
    this.newest.delete(name);
    this.rows.delete(name);
    this.pacer.forget(name);
  }

  private showFleet(fleet: Fleet): void {
    followServer(fleet.time);
    this.fleet.value = fleet;
  }

  private paint(keys: string[]): void {
    batch(() => {
      for (const key of keys) {
        const bot = this.newest.get(key);
        if (bot !== undefined) this.put(bot);
      }
      if (keys.includes(SUMMARY)) this.summarise();
    });
  }

  private summarise(): void {
    this.totals.value = totalsOf(this.newest.values());
    if (!this.disordered) return;
    if (this.held) this.orderWaits.value = true;
    else this.reorder();
  }

  private reorder(): void {
    const wanted = matcher(this.query.value, this.health.value);
    const shown: Bot[] = [];
    for (const bot of this.newest.values()) {
      if (!wanted(bot)) continue;
      if (!this.rows.has(bot.name)) this.rows.set(bot.name, signal(bot));
      shown.push(bot);
    }
    this.order.value = ranked(shown, this.sort.value);
    this.disordered = false;
    this.orderWaits.value = false;
  }
}
