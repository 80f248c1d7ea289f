/** Does it live, and with what: the verdict with its ages, ticking, and what the bot uses against its limits. */

import "../styles/vitals.css";
import { useEffect, useState } from "preact/hooks";
import { type ApiProblem, asProblem, getJson } from "../api/http";
import { decodeLiveness, decodeUse, LIVES, type Liveness, type Sign, type Use } from "../api/vitals";
import { bytes, NOTHING, percent, quantity } from "../format/numbers";
import { longDuration, took } from "../format/times";
import type { BotState } from "../state/bot";
import { now } from "../state/clock";
import { Age } from "./live";
import { ProblemLine, Skeleton } from "./notes";
import { type Outcome, OutcomeMark } from "./shape";

const CALM = new Set(["suspended", "finished", "waiting", "market_closed"]);
const SIGNS: Record<string, string> = {
  process: "Process",
  loop: "Loop",
  output: "Log",
  market_data: "Market data",
  orders: "Orders",
};

interface Vitals {
  liveness: Liveness;
  use: Use;
}

export function VitalsTab({ state }: { state: BotState }) {
  const [read, setRead] = useState<Vitals | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  useEffect(() => {
    const reading = new AbortController();
    const path = `/api/v1/bots/${encodeURIComponent(state.name)}`;
    Promise.all([
      getJson(`${path}/liveness`, decodeLiveness, reading.signal),
      getJson(`${path}/resources`, decodeUse, reading.signal),
    ]).then(
      ([liveness, use]) => setRead({ liveness, use }),
      (error: unknown) => {
        if (!reading.signal.aborted) setProblem(asProblem(error));
      },
    );
    return () => reading.abort();
  }, [state]);
  if (read === null) return problem === null ? <Skeleton page="lines" /> : <ProblemLine problem={problem} />;
  const { liveness, resources } = state.told.value;
  return (
    <div class="scroll vitals" data-testid="vitals">
      <Lives of={liveness === undefined ? read.liveness : told(liveness, read.liveness)} />
      <p>
        <a href={`/alerts?bot=${encodeURIComponent(state.name)}`} data-page>
          Its alerts
        </a>
      </p>
      <Uses of={resources === undefined ? read.use : decodeUse(resources)} />
    </div>
  );
}

/** What the stream tells leaves out what a bot that ended left open. */
function told(value: unknown, read: Liveness): Liveness {
  const found = decodeLiveness(value);
  return found.verdict === read.verdict ? { ...found, leftOpen: read.leftOpen } : found;
}

function outcomeOf({ verdict, bad }: Liveness): Outcome {
  if (bad) return verdict === "not_trading" ? "warn" : "bad";
  if (verdict === "starting") return "busy";
  return CALM.has(verdict) ? "off" : "good";
}

function Lives({ of }: { of: Liveness }) {
  return (
    <section>
      <h3>Liveness</h3>
      <p class="verdict" data-testid="verdict">
        <OutcomeMark outcome={outcomeOf(of)} text={LIVES[of.verdict] ?? of.verdict} />{" "}
        <span class="muted">
          for <Age at={of.since} />
        </span>{" "}
        {of.text}
      </p>
      {of.leftOpen.map((one) => (
        <p class="verdict" key={one}>
          <OutcomeMark outcome="bad" text="left open" /> {one}
        </p>
      ))}
      <dl class="gauges">
        {of.signs.map((sign) => (
          <SignAge key={sign.name} sign={CALM.has(of.verdict) ? { ...sign, limit: null } : sign} />
        ))}
      </dl>
    </section>
  );
}

function SignAge({ sign: { name, at, usual, limit } }: { sign: Sign }) {
  const age = at === null ? null : Math.max(0, now.value - at);
  const habit = [
    usual === null ? "" : `usually every ${took(usual)}`,
    limit === null ? "" : `at most ${took(limit)}`,
  ].filter(Boolean);
  return (
    <div class="gauge" data-testid={`age-of-${name}`}>
      <dt>{SIGNS[name] ?? name}</dt>
      <dd>
        {age === null ? NOTHING : longDuration(age)}
        <Meter share={age !== null && limit ? age / limit : null} />
        <small class="muted">{habit.join(", ") || (at === null ? "never given" : "no habit yet")}</small>
      </dd>
    </div>
  );
}

function Uses({ of }: { of: Use }) {
  const { values, forecasts } = of;
  const foretold = (resource: string) => forecasts.find((one) => one.resource === resource)?.seconds ?? null;
  if (of.at === null)
    return (
      <section>
        <h3>Resources</h3>
        <p class="muted">Not measured: it does not run, or no agent is heard of.</p>
      </section>
    );
  return (
    <section>
      <h3>Resources</h3>
      <dl class="gauges" data-testid="uses">
        <Gauge name="CPU" value={values.bot_cpu_percent} limit={values.bot_cpu_limit_percent} show={percent}>
          {values.bot_cpu_throttled_percent === undefined
            ? ""
            : `throttled ${percent(values.bot_cpu_throttled_percent)} of the time`}
        </Gauge>
        <Gauge
          name="Memory"
          value={values.bot_memory_bytes}
          limit={values.bot_memory_limit_bytes}
          show={bytes}
          left={foretold("memory")}
        />
        <Gauge
          name="Open files"
          value={values.bot_open_files}
          limit={values.bot_open_files_limit}
          show={quantity}
          left={foretold("descriptors")}
        />
        <Gauge name="Threads" value={values.bot_threads} show={quantity}>
          {values.bot_processes === undefined ? "" : `in ${quantity(values.bot_processes)} processes`}
        </Gauge>
        <Gauge name="State on disk" value={values.bot_state_bytes} show={bytes} left={foretold("disk")}>
          {values.bot_disk_free_bytes === undefined ? "" : `${bytes(values.bot_disk_free_bytes)} are free`}
        </Gauge>
        {values.bot_disk_stalled_seconds ? (
          <div class="gauge" data-testid="use-disk-stalled">
            <dt>State’s disk</dt>
            <dd class="is-Degraded">
              no answer for {longDuration(values.bot_disk_stalled_seconds)}
              <small>look at its server: the bot waits as soon as it saves</small>
            </dd>
          </div>
        ) : null}
        <Gauge name="Disk writes" value={values.bot_disk_write_bytes_per_second} show={rate} />
        <Gauge name="Received" value={values.bot_network_receive_bytes_per_second} show={rate} />
        <Gauge name="Sent" value={values.bot_network_transmit_bytes_per_second} show={rate} />
      </dl>
    </section>
  );
}

const rate = (value: number) => `${bytes(value)}/s`;

interface GaugeProps {
  name: string;
  value: number | undefined;
  limit?: number | undefined;
  show: (value: number) => string;
  /** Seconds until it reaches its limit, where that is foretold. */
  left?: number | null;
  children?: string;
}

/** One use with its limit; a use that is not measured here is left out. */
function Gauge({ name, value, limit, show, left = null, children = "" }: GaugeProps) {
  if (value === undefined) return null;
  const of = limit === undefined ? children : `of ${show(limit)}${children && `, ${children}`}`;
  return (
    <div class="gauge" data-testid={`use-${name.toLowerCase().replaceAll(" ", "-")}`}>
      <dt>{name}</dt>
      <dd>
        {show(value)}
        <Meter share={limit ? value / limit : null} />
        <small class="muted">{of}</small>
        {left === null ? null : (
          <small class="is-Degraded">full in {longDuration(left)} if it goes on so</small>
        )}
      </dd>
    </div>
  );
}

function Meter({ share }: { share: number | null }) {
  if (share === null) return null;
  return (
    <span class={`meter${share > 0.9 ? " high" : ""}`} aria-hidden="true">
      <span style={{ width: `${Math.min(100, share * 100)}%` }} />
    </span>
  );
}
