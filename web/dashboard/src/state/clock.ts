/** The time as the server has it, ticking once a second: only for ages and moving windows, never to fetch. */

import { signal } from "@preact/signals";

/** Seconds that the server's clock is ahead of this machine's. */
let ahead = 0;

export function serverNow(): number {
  return Date.now() / 1000 + ahead;
}

/** Unix seconds, once a second. */
export const now = signal(serverNow());

/** Take over the server's clock from a document that carries its time. */
export function followServer(time: number | null): void {
  if (time !== null) ahead = time - Date.now() / 1000;
}

/** Start ticking; returns what stops it. */
export function startClock(): () => void {
  const timer = setInterval(() => {
    now.value = serverNow();
  }, 1000);
  return () => clearInterval(timer);
}
