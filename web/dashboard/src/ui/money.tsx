/** How money is marked: by its sign, and by whether it is real. */

export function pnlClass(value: number): string {
  return value > 0 ? "gain" : value < 0 ? "loss" : "";
}

/** Live money is written in full ink, dry-run in grey: never a colour, which would mean a state. */
export function ModeWord({ mode }: { mode: string }) {
  return <span class={mode === "live" ? "mode-live" : "mode-dry"}>{mode}</span>;
}
