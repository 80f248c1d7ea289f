/** Each state has its own shape as well as its own colour. */

import type { Health } from "../api/documents";

const PATHS: Record<Health, string> = {
  Healthy: "M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z",
  Progressing: "M6 1.5a4.5 4.5 0 1 0 0 9zM6 1.5v1.2a3.3 3.3 0 0 1 0 6.6v1.2a4.5 4.5 0 0 0 0-9z",
  Degraded: "M6 1L11.2 10.5H.8z",
  Missing: "M2.7 1.3L6 4.6L9.3 1.3L10.7 2.7L7.4 6L10.7 9.3L9.3 10.7L6 7.4L2.7 10.7L1.3 9.3L4.6 6L1.3 2.7z",
  Suspended: "M2 2h8v8h-8z",
  Unknown: "M6 .8L11.2 6L6 11.2L.8 6zM6 2.8L2.8 6L6 9.2L9.2 6z",
};

export function HealthShape({ health }: { health: Health }) {
  return (
    <svg class={`shape is-${health}`} viewBox="0 0 12 12" aria-hidden="true">
      <path d={PATHS[health]} fill-rule="evenodd" />
    </svg>
  );
}

export type Outcome = "good" | "busy" | "warn" | "bad" | "off";

const AS_HEALTH: Record<Outcome, Health> = {
  good: "Healthy",
  busy: "Progressing",
  warn: "Degraded",
  bad: "Missing",
  off: "Suspended",
};

/** The same shapes for outcomes of runs, changes and conditions. */
export function OutcomeMark({ outcome, text }: { outcome: Outcome; text: string }) {
  const health = AS_HEALTH[outcome];
  return (
    <span class="state">
      <HealthShape health={health} />
      <span class={`is-${health}`}>{text}</span>
    </span>
  );
}
