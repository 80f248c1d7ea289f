/** What states and reasons are called on the page. */

import type { Bot, Health } from "../api/documents";

const HEALTH_WORDS: Record<Health, string> = {
  Healthy: "healthy",
  Progressing: "progressing",
  Degraded: "degraded",
  Suspended: "suspended",
  Missing: "missing",
  Unknown: "unknown",
};

export function healthWord(health: Health): string {
  return HEALTH_WORDS[health];
}

/** `CrashLoop` as `crash loop`. */
export function reasonWords(reason: string): string {
  return reason.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

/** Reasons that repeat what the health already says. */
const SILENT = new Set(["", "Running", "Suspended", "Healthy"]);

/** Why the bot is what it is, in a few words; "" where the health says it all. */
export function shortReason(bot: Bot): string {
  return SILENT.has(bot.reason) ? bot.lives.replace("_", " ") : reasonWords(bot.reason);
}

const SYNC_WORDS: Record<string, string> = { Synced: "synced", OutOfSync: "out of sync", Unknown: "unknown" };

export function syncWord(sync: string): string {
  return SYNC_WORDS[sync] ?? reasonWords(sync);
}

/** `alice` of `alice <alice@example.org>`. */
export function authorName(author: string): string {
  return author.replace(/\s*<[^>]*>\s*$/, "") || author;
}

/** A bot's name for a shell: as it is, or quoted where the shell would read more into it. */
export function shellWord(name: string): string {
  return /^[\w.:/-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
