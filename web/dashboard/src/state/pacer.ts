/**
 * Spreads repaints: a key that changed is painted at the next frame, and then not again for a while, so that
 * one value shows at once and a flood of them shows four times a second.
 */

export interface PacerClock {
  now(): number;
  /** Call back before the next paint of the screen. */
  frame(callback: () => void): void;
  later(callback: () => void, ms: number): void;
}

export const browserClock: PacerClock = {
  now: () => performance.now(),
  frame: (callback) => requestAnimationFrame(callback),
  later: (callback, ms) => setTimeout(callback, ms),
};

export const REPAINT_MS = 250;

export class Pacer<Key> {
  private readonly waiting = new Set<Key>();
  private readonly painted = new Map<Key, number>();
  private asked = false;

  constructor(
    private readonly paint: (keys: Key[]) => void,
    private readonly clock: PacerClock = browserClock,
    private readonly interval = REPAINT_MS,
  ) {}

  /** Say that `key` changed. */
  touch(key: Key): void {
    this.waiting.add(key);
    if (this.asked) return;
    this.asked = true;
    this.clock.frame(() => this.flush());
  }

  /** Forget a key, so that the pacer holds no more than what is there. */
  forget(key: Key): void {
    this.waiting.delete(key);
    this.painted.delete(key);
  }

  private flush(): void {
    this.asked = false;
    const now = this.clock.now();
    const due: Key[] = [];
    let soonest = Number.POSITIVE_INFINITY;
    for (const key of this.waiting) {
      const wait = (this.painted.get(key) ?? Number.NEGATIVE_INFINITY) + this.interval - now;
      if (wait <= 0) due.push(key);
      else soonest = Math.min(soonest, wait);
    }
    for (const key of due) {
      this.waiting.delete(key);
      this.painted.set(key, now);
    }
    if (due.length > 0) this.paint(due);
    if (soonest < Number.POSITIVE_INFINITY && !this.asked) this.wakeIn(soonest);
  }

  private wakeIn(ms: number): void {
    this.asked = true;
    this.clock.later(() => this.clock.frame(() => this.flush()), ms);
  }
}
