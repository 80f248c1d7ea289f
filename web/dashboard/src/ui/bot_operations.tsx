/** What can be done with a bot: read once its page stands, since nobody presses a button before that. */

import type { Bot } from "../api/documents";
import { Operate, WhyNot } from "./operate";
import { Back } from "./roll_back";

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
