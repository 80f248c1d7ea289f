/** Jobs of the cluster that herdsman did not start: bots that are to take their place, and what to do. */

import "../styles/adoption.css";
import { useEffect, useState } from "preact/hooks";
import { type Adoptable, type Adoption, decodeAdoptable, type OtherJob } from "../api/adoption";
import { getJson } from "../api/http";
import { moment } from "../format/times";
import { botUrl } from "../state/router";
import { viewer, whyNot } from "../state/viewer";
import { Age } from "./live";
import { type Outcome, OutcomeMark } from "./shape";
import { withCode } from "./with_code";

const LOOK_EVERY = 10_000; // ms
const MOST = 20;
const OUTCOMES: Record<string, Outcome> = {
  waiting: "off",
  starting: "busy",
  ending: "busy",
  changed: "warn",
  held: "warn",
  apart: "warn",
};

/**
 * Nothing, until there is a job or an adoption to tell of; read anew while the page is looked at. herdsman's own
 * parts are left out.
 */
export function AdoptionPanel() {
  const [found, show] = useState<Adoptable | null>(null);
  const may = whyNot(viewer.value, "admin") === "";
  useEffect(() => {
    if (!may) return;
    const abort = new AbortController();
    const look = () => {
      if (document.hidden) return;
      getJson("/api/v1/adoptable", decodeAdoptable, abort.signal).then(show, () => undefined);
    };
    look();
    const timer = setInterval(look, LOOK_EVERY);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [may]);
  const jobs = found?.jobs.filter((one) => one.component === "") ?? [];
  if (found === null || (jobs.length === 0 && found.waiting.length === 0)) return null;
  return (
    <section class="adoption" aria-label="Jobs of others" data-testid="adoption">
      <h2>Jobs that herdsman did not start</h2>
      <Waiting waiting={found.waiting} />
      <Jobs jobs={jobs} />
    </section>
  );
}

function Waiting({ waiting }: { waiting: readonly Adoption[] }) {
  if (waiting.length === 0) return null;
  return (
    <ul class="adoptions">
      {waiting.map((one) => (
        <li key={one.bot} data-testid={`adoption-${one.bot}`} data-state={one.state}>
          <OutcomeMark outcome={OUTCOMES[one.state] ?? "off"} text={one.state} />
          <div>
            <p>
              <a href={botUrl(one.bot)} data-page>
                {one.bot}
              </a>{" "}
              and the job <span class="code">{one.job}</span>: {one.message}
            </p>
            <p class="muted">
              {one.next === "" ? null : <>{withCode(one.next)}. </>}
              By {one.by}, <Age at={one.at} suffix=" ago" />: {one.reason}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Those that something may be done about first; a cluster may run hundreds that are no affair of ours. */
function Jobs({ jobs }: { jobs: readonly OtherJob[] }) {
  if (jobs.length === 0) return null;
  const ranked = [...jobs].sort((one, other) => Number(other.next !== "") - Number(one.next !== ""));
  const more = ranked.length - MOST;
  return (
    <>
      <ul class="other-jobs">
        {ranked.slice(0, MOST).map((job) => (
          <li key={job.id} data-testid={`other-job-${job.id}`}>
            <p>
              <span class="code">{job.id}</span>{" "}
              <span class="muted">
                {job.kind}, {job.status}
                {job.copies === 0 ? "" : job.copies === 1 ? ", 1 copy" : `, ${job.copies} copies`}
                {job.submittedAt === null ? null : (
                  <span title={moment(job.submittedAt)}>
                    , for <Age at={job.submittedAt} />
                  </span>
                )}
              </span>{" "}
              ({job.whose})
            </p>
            {job.next === "" ? null : <p class="muted">{withCode(job.next)}</p>}
          </li>
        ))}
      </ul>
      {more > 0 ? (
        <p class="muted">
          And {more} more: {withCode("`herdsman adopt` lists all")}.
        </p>
      ) : null}
    </>
  );
}
