/** What every page has around it: the bar with the fleet and the stream, and the banners. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Fleet } from "../api/documents";
import { browserStream } from "../api/environment";
import { Feed, type FeedSource } from "../api/feed";
import type { StreamState } from "../api/stream";
import { clock, zoneLabel } from "../format/times";
import { serverNow } from "../state/clock";
import { place } from "../state/router";
import { helpOpen } from "./keys";
import { Age } from "./live";
import { ProblemNote, Skeleton } from "./notes";
import { SignIn } from "./sign_in";

/** A feed that lives as long as the component; `source` is taken once. */
export function useFeed(source: FeedSource): Feed {
  const [feed] = useState(() => new Feed(source, browserStream));
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  return feed;
}

const STATE_WORDS: Record<StreamState, string> = {
  connecting: "connecting",
  live: "live",
  lost: "reconnecting",
  denied: "signed out",
};

interface ShellProps {
  feed: Feed;
  fleet: Fleet | null;
  title: string;
  children: ComponentChildren;
}

export function Shell({ feed, fleet, title, children }: ShellProps) {
  useEffect(() => {
    document.title = `${title} \u2013 herdsman`;
  }, [title]);
  const state = feed.state.value;
  const problem = feed.problem.value;
  if (state === "denied" || problem?.denied) return <SignIn />;
  return (
    <div class={`page${state === "lost" ? " lost" : ""}`}>
      <Bar state={state} fleet={fleet} />
      {state === "lost" ? <LostBanner /> : null}
      {(fleet?.problems ?? []).map((text) => (
        <p key={text} class="banner problem" role="alert">
          {text}
        </p>
      ))}
      {feed.loaded.value ? (
        children
      ) : problem !== null ? (
        <ProblemNote problem={problem} retry={() => void feed.read()} />
      ) : (
        <Skeleton rows={12} />
      )}
    </div>
  );
}

function Bar({ state, fleet }: { state: StreamState; fleet: Fleet | null }) {
  const page = place.value.page.name;
  return (
    <header class="bar">
      <a class="brand" href="/" data-page>
        {fleet?.fleet || "herdsman"}
      </a>
      <nav>
        <NavLink href="/" text="Fleet" current={page === "fleet" || page === "bot"} />
        <NavLink href="/revisions" text="Revisions" current={page === "revisions" || page === "revision"} />
      </nav>
      <span class="spacer" />
      {fleet === null ? null : (
        <span class="muted wide-only" data-testid="sync-age">
          {fleet.syncedAt === null ? (
            "not synced yet"
          ) : (
            <>
              synced <Age at={fleet.syncedAt} suffix=" ago" />
            </>
          )}
        </span>
      )}
      <span class={`stream is-${state}`} data-testid="stream-state" role="status">
        {STATE_WORDS[state]}
      </span>
      <button
        type="button"
        class="plain"
        aria-label="Keys and settings"
        title="Keys and settings (?)"
        onClick={() => {
          helpOpen.value = true;
        }}
      >
        ?
      </button>
    </header>
  );
}

function NavLink({ href, text, current }: { href: string; text: string; current: boolean }) {
  return (
    <a href={href} data-page {...(current ? { "aria-current": "page" as const } : {})}>
      {text}
    </a>
  );
}

/** The style sheet shows it after a second: a reconnection that takes less is nobody's business. */
function LostBanner() {
  const [since] = useState(serverNow);
  return (
    <p class="banner lost-banner" role="alert" data-testid="lost-banner">
      No connection since {clock(since)} {zoneLabel(since)}. What stands here is the last that is known; the
      page reconnects by itself and catches up.
    </p>
  );
}
