/** What only a tab that is read late shows of a bot: kept out of what the page needs at first. */

import type { BotDetail } from "./documents";
import { list, number, object, text } from "./json";

export interface Attempt {
  revision: string;
  startedAt: number | null;
  endedAt: number | null;
  ok: boolean | null;
  message: string;
}

export function attemptsOf(detail: BotDetail): Attempt[] {
  return list(detail.raw.attempts).map((value) => {
    const it = object(value);
    return {
      revision: text(it.revision),
      startedAt: number(it.started_at),
      endedAt: number(it.ended_at),
      ok: typeof it.ok === "boolean" ? it.ok : null,
      message: text(it.message),
    };
  });
}

/** Where its secrets come from; never what they are. */
export function secretsOf(detail: BotDetail): Record<string, unknown>[] {
  return list(detail.raw.secrets).map(object);
}
