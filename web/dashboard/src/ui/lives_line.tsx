/** Under a bot's name: what is wrong with how it lives, since when, and what to do about it. */

import { useEffect, useState } from "preact/hooks";
import type { Bot } from "../api/documents";
import { getJson } from "../api/http";
import { decodeLiveness, LIVES, type Liveness } from "../api/vitals";
import { Age } from "./live";
import { OutcomeMark } from "./shape";

/** Of a crash the status tells already. */
const TO_DO: Record<string, string> = {
  not_trading:
    "Read its newest lines and look at the exchange\u2019s status page; a restart helps if only it is stuck.",
  hung: "Read its newest lines, then restart it.",
  stream_lost: "It may still trade: look at its node, and at the herdsman agent there.",
};
/** Of a bot that was just ended, lines may still come that tell what it closed: it is read once more. */
const LAST_LINES = 12_000;
const ENDED = /^(finished|suspended|crashed)$/;

export function LivesLine({ bot }: { bot: Bot }) {
  const [found, setFound] = useState<Liveness | null>(null);
  useEffect(() => {
    const reading = new AbortController();
    const path = `/api/v1/bots/${encodeURIComponent(bot.name)}/liveness`;
    const read = () =>
      getJson(path, decodeLiveness, reading.signal).then(
        (read) => {
          setFound(read);
          return ENDED.test(read.verdict);
        },
        () => false, // the tab of vitals tells why it cannot be read
      );
    let again: ReturnType<typeof setTimeout> | undefined;
    void read().then((ended) => {
      if (ended && !reading.signal.aborted) again = setTimeout(read, LAST_LINES);
    });
    return () => {
      clearTimeout(again);
      reading.abort();
    };
  }, [bot.name, bot.lives, bot.health]);
  if (found === null) return null;
  const toDo = bot.lives === found.verdict ? TO_DO[found.verdict] : undefined;
  return (
    <>
      {toDo === undefined ? null : (
        <p class="why" role="status" data-testid="lives">
          <OutcomeMark
            outcome={found.verdict === "not_trading" ? "warn" : "bad"}
            text={LIVES[found.verdict] ?? found.verdict}
          />{" "}
          <span class="muted">
            for <Age at={found.since} />
          </span>{" "}
          {found.text}. {toDo}
        </p>
      )}
      {found.leftOpen.map((one) => (
        <p class="why" role="status" data-testid="left-open" key={one}>
          <OutcomeMark outcome="bad" text="left open" /> {one}. Close it at the exchange, or start the bot
          again.
        </p>
      ))}
    </>
  );
}
