/** Keys of every page: `g` and a letter, `/`, `?` and Escape. Nothing happens while somebody types. */

import { signal } from "@preact/signals";
import { navigate } from "../state/router";

export const helpOpen = signal(false);

/** `g` waits this long for the key after it. */
const SEQUENCE_MS = 1000;

const GOTO: Record<string, string> = {
  f: "/",
  r: "/revisions",
  a: "/alerts",
  e: "/errors",
  l: "/logs",
  s: "/system",
  t: "/trading",
};

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as Element | null;
  return target?.closest?.("input, textarea, select, [contenteditable]") != null;
}

export function hasModifier(event: KeyboardEvent): boolean {
  return event.metaKey || event.ctrlKey || event.altKey;
}

export function startKeys(): () => void {
  let pressedG = Number.NEGATIVE_INFINITY;
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      helpOpen.value = false;
      if (isTyping(event)) (event.target as HTMLElement).blur();
      return;
    }
    if (isTyping(event) || hasModifier(event)) return;
    const goto = GOTO[event.key];
    if (goto !== undefined && event.timeStamp - pressedG < SEQUENCE_MS) {
      event.preventDefault();
      navigate(goto);
    } else if (event.key === "/") {
      const search = document.querySelector<HTMLInputElement>("[data-search]");
      if (search === null) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      helpOpen.value = !helpOpen.value;
    }
    pressedG = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
