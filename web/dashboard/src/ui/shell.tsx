/** What every page has around it: the bar with the fleet and the stream, and the banners. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Fleet } from "../api/documents";
import { browserStream } from "../api/environment";
import { Feed, type FeedSource } from "../api/feed";
import { clock, duration, zoneLabel } from "../format/times";
import { now } from "../state/clock";
import { place } from "../state/router";
import { learnViewer } from "../state/viewer";
import { Bar } from "./frame";
import { killBanners } from "./lazy_asides";
import { ProblemNote, Skeleton } from "./notes";
import { SignIn, SignInForm } from "./sign_in";

/** A feed that lives as long as the component; `source` is taken once. */
export function useFeed(source: FeedSource): Feed {
  const [feed] = useState(() => new Feed(source, browserStream));
  useEffect(() => {
    feed.start();
    return () => feed.close();
  }, [feed]);
  return feed;
}

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
  const loaded = feed.loaded.value;
  useEffect(() => {
    if (loaded) void learnViewer();
  }, [loaded]);
  const denied = state === "denied" || problem?.denied === true;
  if (denied && !loaded) return <SignIn />;
  return (
    <div class={`page${state === "lost" || denied ? " lost" : ""}`}>
      <Bar state={state} fleet={fleet} />
      {fleet?.kills.length ? <killBanners.Page kills={fleet.kills} /> : null}
      {state === "lost" ? <LostBanner feed={feed} /> : null}
      {denied ? <SignInAgain feed={feed} /> : null}
      {(fleet?.held ?? []).map((words) => (
        <p key={words} class="banner" role="status" data-testid="fleet-held">
          All bots are {words}. <code>herdsman unpin --fleet</code>
        </p>
      ))}
      {(fleet?.problems ?? []).map((text) => (
        <p key={text} class="banner problem" role="alert">
          {text}
        </p>
      ))}
      {loaded ? (
        children
      ) : problem !== null ? (
        <ProblemNote problem={problem} retry={() => void feed.read()} />
      ) : (
        <Skeleton page={place.value.page.name} />
      )}
    </div>
  );
}

/** The style sheet shows it after a second: a reconnection that takes less is nobody's business. */
function LostBanner({ feed }: { feed: Feed }) {
  const since = (feed.lostAt.value ?? Date.now()) / 1000;
  const next = feed.retryAt.value;
  // Read so that the countdown moves with the page's clock.
  const left = now.value > 0 && next !== null ? Math.ceil((next - Date.now()) / 1000) : 0;
  return (
    <p class="banner lost-banner" role="alert" data-testid="lost-banner">
      <span>
        No connection since {clock(since)} {zoneLabel(since)}. What stands here is the last that is known; the
        page reconnects by itself and catches up.
      </span>
      <span class="retry" data-testid="retry">
        {left > 0 ? `Next try in ${duration(left)}. ` : "Trying now. "}
        <button type="button" class="link" onClick={() => feed.resume()}>
          Try now
        </button>
      </span>
    </p>
  );
}

/** The session ended while the page was read: it stays as it is, and goes on after a sign-in. */
function SignInAgain({ feed }: { feed: Feed }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="help"
      data-testid="sign-in-again"
      aria-labelledby="sign-in-again-title"
      onCancel={(event) => event.preventDefault()}
    >
      <h1 id="sign-in-again-title">Your session has ended</h1>
      <p>Sign in, and the page goes on from here.</p>
      <SignInForm
        done={() => {
          void learnViewer(true);
          feed.resume();
          void feed.read(); // what was asked for meanwhile was refused
        }}
      />
    </dialog>
  );
}
