/** The bot page brings the charts with it; the fleet page is usable before they are read. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Note, Skeleton } from "./notes";

type BotPageType = ComponentType<{ name: string }>;

let ready: BotPageType | undefined;

export async function loadBotPage(): Promise<BotPageType> {
  ready ??= (await import("./bot_page")).BotPage;
  return ready;
}

export function LazyBotPage({ name }: { name: string }) {
  const [loaded, show] = useState(ready !== undefined);
  const [failed, fail] = useState(false);
  useEffect(() => {
    if (!loaded)
      loadBotPage().then(
        () => show(true),
        () => fail(true),
      );
  }, [loaded]);
  if (loaded && ready !== undefined) {
    const BotPage = ready;
    return <BotPage name={name} />;
  }
  if (!failed) return <Skeleton rows={12} />;
  return (
    <Note title="The charts could not be read">
      <p>herdsman was updated, or the connection is gone.</p>
      <p>
        <button type="button" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </p>
    </Note>
  );
}
