/** The address is the state: pages, and the query of a page, live in it. */

import { signal } from "@preact/signals";

export type Page =
  | { name: "fleet" }
  | { name: "bot"; bot: string }
  | { name: "revisions" }
  | { name: "revision"; revision: string }
  | { name: "trading" }
  | { name: "alerts" }
  | { name: "errors" }
  | { name: "logs" }
  | { name: "error"; error: string }
  | { name: "compare" }
  | { name: "system" }
  | { name: "sign-in" }
  | { name: "nowhere"; path: string };

export interface Place {
  page: Page;
  query: URLSearchParams;
}

export function parsePlace(path: string, search: string): Place {
  return { page: parsePage(path), query: new URLSearchParams(search) };
}

function parsePage(path: string): Page {
  const [first = "", second = "", ...rest] = path.split("/").filter(Boolean).map(decode);
  if (rest.length > 0) return { name: "nowhere", path };
  if (first === "") return { name: "fleet" };
  if (first === "bots" && second === "") return { name: "fleet" };
  if (first === "bots") return { name: "bot", bot: second };
  if (first === "revisions" && second === "") return { name: "revisions" };
  if ((first === "revisions" || first === "r") && second !== "")
    return { name: "revision", revision: second };
  if (first === "trading" && second === "") return { name: "trading" };
  if (first === "alerts") return { name: "alerts" };
  if (first === "errors") return second === "" ? { name: "errors" } : { name: "error", error: second };
  if (first === "logs") return { name: "logs" };
  if (first === "compare" && second === "") return { name: "compare" };
  if (first === "system" && second === "") return { name: "system" };
  if (first === "sign-in") return { name: "sign-in" };
  return { name: "nowhere", path };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const place = signal<Place>(parsePlace(location.pathname, location.search));

function read(): void {
  place.value = parsePlace(location.pathname, location.search);
}

export function navigate(url: string): void {
  history.pushState(null, "", url);
  scrollTo(0, 0);
  read();
}

/** Change the query in place, without a new entry in the history unless `push`. */
export function setQuery(changes: Record<string, string | null>, push = false): void {
  const query = new URLSearchParams(place.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) query.delete(key);
    else query.set(key, value);
  }
  const text = query.toString();
  const url = `${location.pathname}${text === "" ? "" : `?${text}`}`;
  if (push) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  read();
}

/** Follow the browser's own back and forward, and links to our pages without loading the document anew. */
export function startRouter(): () => void {
  const onClick = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[data-page]");
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    navigate(link.getAttribute("href") ?? "/");
  };
  document.addEventListener("click", onClick);
  addEventListener("popstate", read);
  return () => {
    document.removeEventListener("click", onClick);
    removeEventListener("popstate", read);
  };
}

export const botUrl = (name: string): string => `/bots/${encodeURIComponent(name)}`;
export const revisionUrl = (id: string): string => `/revisions/${encodeURIComponent(id.slice(0, 12))}`;
export const errorUrl = (id: string): string => `/errors/${encodeURIComponent(id)}`;
export const errorsOf = (bot: string): string =>
  bot === "" ? "/errors" : `/errors?bot=${encodeURIComponent(bot)}`;
export const revisionsOf = (bot: string): string => `/revisions?bot=${encodeURIComponent(bot)}`;
