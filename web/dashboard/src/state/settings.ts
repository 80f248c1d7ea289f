/** What the reader can set, kept in this browser: the colours of profit and loss, the time zone, the dock. */

import { effect, type Signal, signal } from "@preact/signals";

export const PNL_COLOURS = ["green-red", "blue-orange", "red-green"] as const;
export type PnlColours = (typeof PNL_COLOURS)[number];

export const ZONES = ["UTC", "local"] as const;
export type Zone = (typeof ZONES)[number];

function stored<T extends string>(key: string, allowed: readonly T[], fallback: T): Signal<T> {
  const found = localStorage.getItem(`herdsman.${key}`);
  return signal(allowed.includes(found as T) ? (found as T) : fallback);
}

export const pnlColours = stored("pnl", PNL_COLOURS, "green-red");
export const zone = stored("zone", ZONES, "UTC");
/** Height of the dock under the charts, in px. */
export const dockHeight = signal(Number(localStorage.getItem("herdsman.dock")) || 272);

/** Keep the settings and put those on the document that the style sheet reads. */
export function applySettings(root: HTMLElement): () => void {
  return effect(() => {
    root.dataset.pnl = pnlColours.value;
    localStorage.setItem("herdsman.pnl", pnlColours.value);
    localStorage.setItem("herdsman.zone", zone.value);
    localStorage.setItem("herdsman.dock", String(dockHeight.value));
  });
}

/** The IANA name that dates are formatted with; undefined is the browser's own. */
export function zoneName(): string | undefined {
  return zone.value === "UTC" ? "UTC" : undefined;
}
