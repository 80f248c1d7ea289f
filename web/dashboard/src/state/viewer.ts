/** Who looks at the page, and what they may do. */

import { type Signal, signal } from "@preact/signals";
import { getJson } from "../api/http";
import { object, text } from "../api/json";

export interface Viewer {
  name: string;
  scope: string;
}

/** null until it is known: then buttons are offered, and the server decides. */
export const viewer: Signal<Viewer | null> = signal(null);

let asked = false;

function decodeViewer(value: unknown): Viewer {
  const it = object(value);
  return { name: text(it.name), scope: text(it.scope) };
}

/** Ask once; `again` after a sign-in. */
export async function learnViewer(again = false): Promise<void> {
  if (asked && !again) return;
  asked = true;
  try {
    viewer.value = await getJson("/api/v1/whoami", decodeViewer);
  } catch {
    asked = false; // asked again by the next page
  }
}

/** Why the viewer may not change anything, "" where they may. */
export function whyNot(one: Viewer | null, scope = "operate"): string {
  if (one === null || one.scope === scope || one.scope === "admin") return "";
  return `This takes the scope ${scope}; the token \u201c${one.name}\u201d has ${one.scope}.`;
}
