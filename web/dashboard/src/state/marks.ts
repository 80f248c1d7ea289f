/** What happened along the time axis: deploys, errors and fills, as the charts mark them. */

import type { LogEvent, Run } from "../api/documents";
import { severity } from "./logs";

export interface Mark {
  time: number;
  kind: "deploy" | "start" | "error";
  text: string;
}

export interface Fill {
  time: number;
  side: "buy" | "sell";
  price: number;
}

/** A run of another revision than the one before it is a deploy, any other a start. `runs`: newest first. */
export function marksOfRuns(runs: readonly Run[]): Mark[] {
  const marks: Mark[] = [];
  runs.forEach((run, index) => {
    if (run.startedAt === null) return;
    const earlier = runs[index + 1];
    const deployed = earlier !== undefined && earlier.revision !== run.revision;
    marks.push({
      time: run.startedAt,
      kind: deployed ? "deploy" : "start",
      text: deployed ? `deployed ${run.revision.slice(0, 7)} ${run.deploy}` : "started",
    });
  });
  return marks;
}

export function markOfEvent(event: LogEvent): Mark | null {
  if (severity(event.level) < severity("error")) return null;
  return { time: event.time, kind: "error", text: event.message.split("\n", 1)[0] ?? "" };
}

export function fillOf(event: LogEvent): Fill | null {
  if (event.kind !== "trade") return null;
  const price = event.data.price;
  if (typeof price !== "number") return null;
  return { time: event.time, side: event.data.side === "sell" ? "sell" : "buy", price };
}
