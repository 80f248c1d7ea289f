/** Parts of the dashboard whose code is read when they are first shown. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Note } from "./notes";

/** A part that is read at its first use; `load` reads it ahead of that. */
export function lazyPart<P extends object>(read: () => Promise<ComponentType<P>>, Waiting: ComponentType) {
  let ready: ComponentType<P> | undefined;

  async function load(): Promise<void> {
    ready ??= await read();
  }

  function Page(props: P) {
    const Ready = ready;
    const [failed, end] = useState<boolean | null>(!Ready && null);
    useEffect(() => {
      if (failed === null)
        load().then(
          () => end(false),
          () => end(true),
        );
    }, [failed]);
    if (failed) return <Unreadable />;
    return Ready ? <Ready {...props} /> : <Waiting />;
  }
  return { Page, load };
}

function Unreadable() {
  return (
    <Note title="This part of the page could not be read">
      <p>herdsman was updated, or the connection is gone.</p>
      <p>
        <button type="button" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </p>
    </Note>
  );
}
