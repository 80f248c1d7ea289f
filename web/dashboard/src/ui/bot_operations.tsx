/** What can be done with a bot, and what is said of one that is gone: read once its page stands. */

import type { Bot, BotDetail } from "../api/documents";
import { moment } from "../format/times";
import { RevisionLink } from "./fleet_row";
import { Operate, WhyNot } from "./operate";
import { Back } from "./roll_back";

export { LivesLine } from "./lives_line";

export function Operations({ bot, suspended }: { bot: Bot; suspended: boolean }) {
  const path = `/api/v1/bots/${encodeURIComponent(bot.name)}`;
  const body = (reason: string) => ({ reason });
  return (
    <span class="buttons">
      <WhyNot />
      {suspended ? (
        <Operate
          text="Resume"
          effect={`${bot.name} becomes again what git says.`}
          path={`${path}/resume`}
          body={body}
          asksReason
          testId="resume"
        />
      ) : (
        <>
          <Operate
            text="Restart"
            effect={`${bot.name} is ended as at a stop, and started again with the same content.`}
            path={`${path}/restart`}
            body={body}
            asksReason
            testId="restart"
          />
          <Operate
            text="Suspend"
            effect={`${bot.name} is stopped and stays so, whatever git says, until it is resumed.`}
            path={`${path}/suspend`}
            body={body}
            asksReason
            testId="suspend"
          />
          <Back bot={bot} path={path} />
        </>
      )}
    </span>
  );
}

/** A bot that is gone: its page is its past. */
export function Removal({ detail }: { detail: BotDetail | null }) {
  const gone = detail?.removed ?? null;
  return (
    <p class="why" data-testid="removed">
      This bot was removed from the fleet
      {gone === null ? "" : " by revision "}
      {gone === null ? null : <RevisionLink id={gone.revision} />}
      {gone === null || gone.at === null ? "" : `, ${moment(gone.at)}`}. Its charts, output, events and runs
      stay readable while they are kept.
    </p>
  );
}

/** Who suspended a bot, why and for how long. */
export function Suspension({ suspended }: { suspended: Record<string, unknown> }) {
  const text = (key: string) => (typeof suspended[key] === "string" ? (suspended[key] as string) : "");
  const until = suspended.until ?? suspended.expires_at;
  return (
    <p class="why" data-testid="reason">
      <strong>suspended</strong>
      {text("by") === "" ? "" : ` by ${text("by")}`}
      {text("reason") === "" ? "" : `: \u201c${text("reason")}\u201d`}
      {typeof until === "number" ? `, until ${moment(until)}` : ""}
    </p>
  );
}

export function NoMetrics() {
  return (
    <p class="nothing-found muted">
      No metric yet. Print a line such as{" "}
      <code>{'{"_metric": "equity", "equity": 1000.0, "timestamp": 1767225600000}'}</code>
    </p>
  );
}
