/** The bar over every page, and the page's place under it while there is nothing to show yet. */

import type { Fleet } from "../api/documents";
import type { StreamState } from "../api/stream";
import { place } from "../state/router";
import { helpOpen } from "./keys";
import { killSwitch } from "./lazy_asides";
import { Age } from "./live";
import { Skeleton } from "./notes";

const STATE_WORDS: Record<StreamState, string> = {
  connecting: "connecting",
  live: "live",
  lost: "reconnecting",
  denied: "signed out",
};

const LINKS: [href: string, text: string][] = [
  ["/", "Fleet"],
  ["/trading", "Trading"],
  ["/alerts", "Alerts"],
  ["/revisions", "Revisions"],
  ["/logs", "Logs"],
  ["/errors", "Errors"],
  ["/system", "System"],
];

/** One revision belongs to the revisions, one error to the errors, a bot to the fleet. */
const leadsTo = (href: string, page: string): boolean =>
  href === "/" ? page === "fleet" || page === "bot" : href.startsWith(`/${page}`);

export function Bar({ state, fleet }: { state: StreamState; fleet: Fleet | null }) {
  const page = place.value.page.name;
  return (
    <header class="bar">
      <a class="brand" href="/" data-page>
        {fleet?.fleet || "herdsman"}
      </a>
      <nav aria-label="Pages">
        {LINKS.map(([href, text]) => (
          <a
            key={href}
            href={href}
            data-page
            {...(leadsTo(href, page) ? { "aria-current": "page" as const } : {})}
          >
            {text}
          </a>
        ))}
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
      {fleet === null ? null : <killSwitch.Page />}
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

/** A page whose code is on its way: the bar stands where it will stand. */
export function Frame() {
  return (
    <div class="page">
      <Bar state="connecting" fleet={null} />
      <Skeleton page={place.value.page.name} />
    </div>
  );
}
