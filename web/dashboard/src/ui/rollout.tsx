/** A rollout under way: a bar for each of its waves, and in words how far the current one is. */

import "../styles/rollout.css";
import { type Json, list, number, object, text } from "../api/json";
import { clock, zoneLabel } from "../format/times";

export function RolloutLine({ rollout }: { rollout: Json }) {
  const halted = text(rollout.halted);
  const resumes = number(rollout.resumes_at);
  const waves = list(rollout.waves).map(object);
  if (waves.length === 0 || rollout.done === true) return null;
  return (
    <p class="rollout" role="status" data-testid="rollout">
      <span class="waves" aria-hidden="true">
        {waves.map((wave, index) => (
          <progress key={index} max={number(wave.bots) ?? 1} value={number(wave.healthy) ?? 0} />
        ))}
      </span>
      <span class="num">{text(rollout.text)}</span>
      {halted === "" && resumes !== null ? (
        <span class="muted">
          {" "}
          the next one at {clock(resumes)} {zoneLabel(resumes)}
        </span>
      ) : null}
      {halted === "" ? null : (
        <span class="is-Missing">
          {" "}
          halted by {halted}. The others stay as they are. To go on without it:{" "}
          <code>herdsman sync --continue</code>
        </span>
      )}
    </p>
  );
}
