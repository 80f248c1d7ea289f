/** The style sheet's colours, for the canvas. */

import { signal } from "@preact/signals";

export interface Theme {
  text: string;
  muted: string;
  grid: string;
  lines: string[];
  error: string;
  font: string;
}

export function readTheme(root: Element = document.documentElement): Theme {
  const style = getComputedStyle(root);
  const colour = (name: string) => style.getPropertyValue(name).trim() || "#888";
  return {
    text: colour("--text"),
    muted: colour("--muted"),
    grid: colour("--grid"),
    lines: [colour("--line-1"), colour("--line-2"), colour("--line-3")],
    error: colour("--down"),
    font: "11px system-ui, sans-serif",
  };
}

/** Grows when the system changes between dark and light, so that charts take their colours anew. */
export const themeVersion = signal(0);

export function watchTheme(): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const changed = () => {
    themeVersion.value += 1;
  };
  query.addEventListener("change", changed);
  return () => query.removeEventListener("change", changed);
}

const DASHES: number[][] = [[], [6, 3], [2, 3], [9, 3, 2, 3]];

/** Colour means state, so lines differ by tint and dash. */
export function lineStyle(theme: Theme, index: number): { stroke: string; dash: number[] } {
  return {
    stroke: theme.lines[index % theme.lines.length] ?? theme.text,
    dash: DASHES[index % DASHES.length] ?? [],
  };
}
