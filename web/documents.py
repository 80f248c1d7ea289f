"""The JSON documents of the API and the live stream: one type each, encoded with msgspec.

Times are Unix seconds (float) in samples and events, and RFC 3339 text nowhere: clients format them.
"""

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

STREAM_POSITION = "Herdsman-Stream-Position"
"""Header of each GET that a page shows live: the stream's position *before* the document was read.

A page that opens `/api/v1/stream?topics=...&last_event_id=<that position>` misses nothing that happened in
between; what it sees twice is a whole row (replaces itself) or carries an id (events) or a time (samples).
"""


class Resources(Struct):
    """A bot's use and limits: CPU in percent of one core, memory in bytes; None where not measured."""

    cpu_percent: float | None = None
    cpu_limit_percent: float | None = None
    memory_bytes: float | None = None
    memory_limit_bytes: float | None = None


class LastLine(Struct):
    """The newest log line of a bot."""

    time: float
    level: str
    message: str


class Bot(Struct):
    """One bot in `GET /api/v1/bots`, and the payload of a `status` event on the stream (topic fleet)."""

    name: str
    program: str
    version: str
    type: str
    mode: str
    environment: str
    sync: str
    health: str
    reason: str
    message: str
    applied_revision: str
    attempted_revision: str
    restarts: int
    started_at: float | None
    since: float
    node: str
    allocation: str
    schedule: str
    timezone: str
    next_run: float | None
    account: str
    currency: str
    resources: Resources
    equity: float | None = None
    """The newest `bot_equity`, in `currency`."""
    pnl_today: float | None = None
    """Equity now less the first equity of the UTC day (transfers not taken out yet); None without equity."""
    last_metric: dict[str, Any] | None = None
    """`{"name", "value", "time"}` of the newest sample, where there is no equity."""
    last_log: LastLine | None = None
    last_data_at: float | None = None
    """When the bot last printed anything."""
    source: str = ""
    """The name of the source that declares it, where the fleet has several."""
    held: dict[str, Any] | None = None
    """What holds it at another revision than git's newest: `{"by": bot|fleet|guard, "revision", "git",
    "who", "reason", "since", "until", "text", "differs"}`; None where nothing does."""
    operation: str = ""
    """What herdsman is doing about it: Idle, Waiting, Running, Failed."""
    generation: int = 0
    """How many different things were asked of it so far, by git, pins and suspensions."""
    observed_generation: int = 0
    """The generation that this row speaks of: below `generation` while what is asked waits."""
    drift: dict[str, Any] | None = None
    """The newest thing done to it behind our back: `{"kind", "text", "since", "corrected_at", "correction",
    "times"}`, `corrected_at` null while it is not put right; None where there never was one."""


class Run(Struct):
    """One execution of a bot, newest first in `GET /api/v1/bots/{name}/runs`."""

    id: str
    started_at: float | None
    ended_at: float | None
    outcome: str | None
    """success, error, crashed, stopped, killed, timed_out, missed, skipped; None while it runs."""
    exit_code: int | None
    signal: int | None
    message: str
    result: Any
    revision: str
    node: str


class BotDetail(Struct):
    """`GET /api/v1/bots/{name}`."""

    bot: Bot
    path: str
    parameters: dict[str, Any]
    metrics: list[str]
    """The names of the series there are, for `series?metric=`."""
    conditions: list[dict[str, Any]]
    """`{"type": Ready|Reconciling|Stalled, "status", "reason", "message", "since"}`."""
    attempts: list[dict[str, Any]]
    """The last 5 applies: `{"revision", "started_at", "ended_at", "ok", "message"}`."""
    suspended: "SuspensionDocument | None"
    """What keeps it from running before all else; see `suspensions` for the rest."""
    revision: dict[str, Any] | None
    """The applied revision: `{"id", "author", "message", "committed_at"}`."""
    secrets: list[dict[str, str]] = []
    """`{"name", "from", "place", "key"}` of each secret that it gets; values are nowhere in the API."""
    removed: dict[str, Any] | None = None
    """For a bot that is gone (asked for with `removed=true`): `{"revision", "at"}` of what removed it."""
    suspensions: list["SuspensionDocument"] = []
    """Everything that keeps it from running, kill switches first."""
    operation_message: str = ""
    """What is being done, what it waits for or how it failed; "" where nothing is to be done."""
    inventory: dict[str, Any] | None = None
    """What we own of it, as it was applied last: `{"job_version", "scheduler", "node", "program", "version",
    "tree", "code", "dependencies", "digest", "revision", "path", "source", "applied_at", "halted"}`; None
    where nothing ever was."""


class QueryRequest(Struct):
    """`POST /api/v1/bots/{name}/query`: what a bot's query program is asked."""

    path: str
    """One of the program's own, such as "/status"."""
    params: dict[str, Any] = {}


class QueryAnswer(Struct):
    """What a bot's query program answered, unchanged, in `data`."""

    bot: str
    path: str
    data: Raw
    seconds: float
    """How long it took."""


class SeriesAnswer(Struct):
    """`GET /api/v1/bots/{name}/series`: each series' labels, points as [unix seconds, value]."""

    series: list[dict[str, Any]]


class LogEvent(Struct):
    """One event; in `GET /api/v1/bots/{name}/logs` and `/events`, and as `log` and `event` on the stream."""

    id: str
    bot: str
    time: float
    kind: str
    level: str
    message: str
    stream: str
    run: str
    revision: str
    data: dict[str, Any]


class EventsAnswer(Struct):
    """A page of events, newest first."""

    events: list[LogEvent]
    next_cursor: str


class RevisionDocument(Struct):
    """One entry of `GET /api/v1/revisions`, newest first; whole in `GET /api/v1/revisions/{revision}`."""

    id: str
    author: str
    """Who wrote the commit."""
    message: str
    committed_at: float
    received_at: float
    finished_at: float | None
    state: str
    """pending, running, halted, applied, failed, refused, superseded."""
    changes: list[dict[str, Any]]
    """`{"bot", "action", "summary", "state", "message", "seconds"}`.

    state: waiting, held, running, healthy, degraded, failed, removed, unchanged. A list of revisions holds
    at most 100 of each, the failed ones first; one revision by its id holds all, each with `fields`:
    `[{"name", "before", "after"}]`, what differs in the manifest, null where a side lacks it, never a
    secret's value.
    """
    errors: list[dict[str, Any]]
    trigger: str = ""
    """What brought it: push, poll, webhook, watch (of a folder), operator, start, timer, scheduler."""
    by: str = ""
    """The name of the token that pushed it or asked for it, "" where nobody did."""
    branch: str = ""
    """The branch or tag it was read from."""
    held: str = ""
    """Why its removals wait to be confirmed, "" where none do."""
    actions: dict[str, int] = {}
    """All changed bots by action: create, update, remove, stop."""
    results: dict[str, int] = {}
    """All changed bots by the state of their change."""
    source: str = ""
    """The name of its source, where the fleet has several."""
    rewritten: str = ""
    """The commit that it replaces without following it: history was rewritten. "" where it was not."""
    signature: str = ""
    """good, none, unknown, bad, expired, revoked or unchecked; "" where no trust policy asks."""
    signer: str = ""
    """Who signed it, and with which key, where that is known."""
    rollout: dict[str, Any] | None = None
    """Its waves, null where it went without: `{"text": "wave 2 of 3: 12 of 20 healthy", "wave", "done",
    "waves": [{"bots", "healthy"}], "halted" (why it does not go on), "failed" (the bot that halted it),
    "resumes_at"}`."""


class FleetDocument(Struct):
    """`GET /api/v1/fleet`, and a `fleet` event on the stream: the header of every page."""

    fleet: str
    revision: RevisionDocument | None
    synced_at: float | None
    counts: dict[str, int]
    """Bots by health."""
    scheduler: str
    version: str
    time: float
    problems: list[str]
    """What is wrong with herdsman itself, in words."""
    held: list[dict[str, Any]] = []
    """Where all bots are held at an earlier revision: as in Bot, with `source` where there are several."""
    kills: list["KillDocument"] = []
    """The kill switches that are on, with the first survivors of each."""
    suspensions: list["SuspensionDocument"] = []
    """The suspensions of scopes in force."""
    environments: list[str] = []
    """The environments that this service runs the bots of; empty where it runs all."""


class PlanDocument(Struct):
    """`GET /api/v1/plan`: what a pass would do now; `POST /api/v1/plans`: of any revision, in detail."""

    revision: str
    actions: list[dict[str, Any]]
    """`{"bot", "action": create|update|remove|stop|none, "summary", "reason"}`.

    Of `POST /api/v1/plans` each that is not `none` has also `held` (why it waits for a person, "" where it
    does not), `waits` (what it waits for by itself: a wave, a sync window, a bot that it depends on), `wave`
    (its wave, from 1; 0 for none), `blocked` (why it cannot be done yet), `after` (bots that must have
    ended first), `drift` (it repairs what was done behind our back), `source`, `environment`, `mode`,
    `fields` (`[{"name", "before", "after"}]`, null where a side lacks it, never a secret's value) and
    `code` (`{"added", "changed", "removed", "paths"}`: the program's files that differ, counted, and the
    first of them; null where the program stays).
    """
    errors: list[dict[str, Any]]
    """`{"file", "line", "column", "pointer", "message", "suggestion"}`, as in `herdsman validate`; of
    `POST /api/v1/plans` also `new`: it is not in the revision that runs."""
    held: str
    base: str = ""
    """The revision that it is compared with: what is deployed now. "" before the first."""
    name: str = ""
    """What was asked for: a branch, tag or commit."""
    author: str = ""
    message: str = ""
    source: str = ""
    """The name of its source, where the fleet has several."""
    total: int = 0
    """The sound bots of the revision."""
    summary: str = ""
    """`3 of 214 bots change, 1 is held`."""
    kept: list[dict[str, str]] = []
    """Bots that stay as they are though they may differ: `{"bot", "reason"}`."""
    refused: list[str] = []
    """Why this revision would not be let in, line by line; empty where it would."""
    waves: list[int] = []
    """How many bots each wave has; empty where the change goes at once."""
    signature: str = ""
    """Who signed it, in words; "" where no trust policy asks for that."""
    prune: list[str] = []
    """What confirms the removals that would be held, by the codes of exactly these."""


class Problem(Struct):
    """Every error of the API (RFC 9457, `application/problem+json`)."""

    type: str
    """`urn:herdsman:problem:<reason in kebab case>`."""
    title: str
    status: int
    detail: str
    """What happened and why, for people."""
    instance: str
    """The path asked for."""
    reason: str
    """A constant that programs can act on, such as NotFound, Forbidden, SchedulerUnavailable."""
    next: str | UnsetType = UNSET
    """What to do about it, where there is something."""
    suggestion: str | UnsetType = UNSET
    """The nearest name there is, where a name was not found."""
    errors: list[str] | UnsetType = UNSET
    trace: str | UnsetType = UNSET
    """The end of what a query program printed on stderr, where it failed."""
    available: list[str] | UnsetType = UNSET
    """The paths that a query program knows, where it did not know the one asked for."""


class SyncRequest(Struct):
    """The body of `POST /api/v1/sync`; all optional."""

    confirm_prune: bool = False
    """Also carry out removals that are held: those of `revision`, else those held when this arrives."""
    revision: str = ""
    """With `confirm_prune`: the whole id of the revision that was looked at; a newer one's stay held."""
    prune: list[str] = []
    """Confirm exactly the removals that were shown with these codes (`prune` of a plan); others stay held."""
    no_waves: bool = False
    """Change all bots at once, also those of a rollout under way."""
    continue_rollout: bool = False
    """Go on with a halted rollout, without the bot that halted it."""
    override_window: str | None = None
    """Why sync windows are passed over for this revision; it stands in the audit."""
    wait: bool = False
    """Answer when the pass is finished (or `timeout` is over) instead of at once."""
    timeout: float = 50.0
    """Seconds; the pass goes on by itself after it."""


class SyncAnswer(Struct):
    """What `POST /api/v1/sync` started.

    With `wait` and `Accept: application/x-ndjson`: one change a line as it happens, this as the last line.
    """

    id: str
    revision: str
    finished: bool
    """Every changed bot is running, gone or failed."""
    held: str
    """Why removals wait to be confirmed, "" where none do."""
    changes: list[dict[str, Any]]
    """As in RevisionDocument; those known so far."""
    prune: list[str] = []
    """What confirms the removals that are held, by their codes."""


class WebhookAnswer(Struct):
    """What `POST /api/v1/webhooks/{source}` made of a genuine delivery."""

    result: str
    """looking (the source is looked at now), pong (a ping), ignored (another branch, or no push)."""


class AdoptableJob(Struct):
    """A job of the scheduler that is not this fleet's."""

    id: str
    kind: str
    status: str
    token: str
    """What an adoption names it by, as it was looked at."""
    copies: int = 0
    """Those known to be alive."""
    fleet: str = ""
    """Whose mark it carries; such a job cannot be adopted by itself."""
    component: str = ""
    """Which part of herdsman it is."""
    submitted_at: float | None = None


class AdoptableDocument(Struct):
    """`GET /api/v1/adoptable`: jobs that are not this fleet's, and adoptions not carried out yet."""

    jobs: list[AdoptableJob]
    waiting: list[dict[str, Any]]
    """`{"bot", "job", "by", "reason", "at"}`."""


class AdoptRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/adopt`."""

    job: str
    token: str
    """The job's token as it was looked at; where it has changed since, nothing is recorded."""
    reason: str


class StateKey(Struct):
    """One key of a bot's saved state."""

    key: str
    """The SDK's key for `<key>.json`, else the file's path."""
    path: str
    size: int
    sha256: str
    modified: float
    changing: bool = False
    """The bot wrote it again and again while it was read."""


class StateVersionDocument(Struct):
    """One version of a bot's saved state."""

    number: int
    saved_at: float
    node: str
    """Where it was saved; "" for one made by an operator."""
    final: bool
    """The copy that saved it had ended: nothing of it is missing."""
    keys: int
    bytes: int
    by: str = ""
    reason: str = ""


class StateDocument(Struct):
    """A version of a bot's saved state with its keys, and what is not saved with the reason, by path."""

    bot: str
    version: StateVersionDocument
    keys: list[StateKey]
    skipped: dict[str, str]


class RestoreRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/state/restore`."""

    version: int = 0
    """0: the newest saved."""
    reason: str = ""
    accept_loss: bool = False
    """Take it though the newest state was never saved to its end."""


class OperationRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/restart|suspend|resume`."""

    reason: str = ""
    until: float | None = None
    """Unix time at which a suspension ends by itself."""


class ScopeRequest(Struct):
    """The body of `POST /api/v1/suspensions`, `/suspensions/resume`, `/kill` and `/release`.

    `scope` says which bots: `all`, `bot=NAME`, `label=KEY`, `label=KEY=VALUE`, `account=NAME`,
    `program=NAME`, `mode=live` or `mode=dry`.
    """

    scope: str
    reason: str = ""
    until: float | None = None
    """Unix time at which a suspension ends by itself; a kill switch never does."""


class SuspensionDocument(Struct):
    """What keeps bots from running: a kill switch, a suspension of a scope, or of one bot."""

    scope: str
    words: str
    """The scope for people: `all bots`, `account binance-1`."""
    kill: bool
    by: str
    reason: str
    since: float
    until: float | None


class SurvivorDocument(Struct):
    """A bot under a kill switch that is not known to be dead."""

    bot: str
    fate: str
    """waiting: not asked to end yet; asked: it has its kill_timeout; unknown: its node does not answer."""
    why: str
    node: str


class KillDocument(Struct):
    """A kill switch that is on, and how far it has come: `GET /api/v1/kill`, the answer to `POST`."""

    scope: str
    words: str
    by: str
    reason: str
    since: float
    total: int
    """Bots that it found alive."""
    asked: int
    dead: int
    complete: bool
    """Whether every one of them is known to be dead, and the switch is kept everywhere."""
    survivors: list[SurvivorDocument]
    """Those not known to be dead, the first 200."""
    patience: float
    """The seconds that the most patient of them has to end."""
    problem: str
    """What keeps the switch from being kept everywhere, or what runs from being known; "" for nothing."""
    stopping: int = 0
    """Of the dead, those whose jobs are still being stopped."""


class OperationAnswer(Struct):
    """An operation was accepted; its effect is seen in the bot's status and on the stream."""

    name: str
    operation: str
    by: str
    at: float
    changed: bool = True
    """False where there was nothing to do: a refresh of a job that is as it would be rendered now."""


class RollbackRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/rollback` and `POST /api/v1/rollback`."""

    to: str = ""
    """A revision that was applied, by its first digits; of a bot, by default the last that it was well at."""
    reason: str = ""
    until: float | None = None
    """Unix time at which it ends by itself."""
    allow_major: bool = False
    """Also to another major version of a program, which may not understand the bot's state."""
    confirm_prune: bool = False
    """Of the fleet: also where it removes many bots."""


class UnpinRequest(Struct):
    """The body of `POST /api/v1/bots/{name}/unpin` and `POST /api/v1/unpin`."""

    reason: str = ""
    source: str = ""
    """Of the fleet: whose bots are let go, where it has several sources."""
    confirm_prune: bool = False


class RollbackAnswer(Struct):
    """What follows: bots become what they are to be at `revision`, which is seen in their status."""

    revision: str
    by: str
    at: float
    changing: int
    """How many bots change."""
    held: str
    """Why it waits to be confirmed, "" where it does not."""


class DeploymentDocument(Struct):
    """One spec that was applied to a bot: `GET /api/v1/bots/{name}/deployments`, the newest first."""

    revision: dict[str, Any]
    """`{"id", "author", "message", "committed_at"}`; author and message may be empty."""
    program: str
    version: str
    applied_at: float
    healthy_at: float | None
    """When it last got healthy, None where it never did."""
    current: bool
    """It is what is applied now."""
    refused: str
    """Why it is not applied again though git asks for it: what it failed at; "" where it would be."""
    fields: list[dict[str, Any]]
    """What differs from what is applied now: `{"name", "before", "after"}`, without secrets."""


class OutdatedAnswer(Struct):
    """`GET /api/v1/outdated`: the bots whose jobs an older herdsman rendered, or with other settings."""

    bots: list[str]


class RecoverAnswer(Struct):
    """`POST /api/v1/recover`: the bots whose jobs were taken over."""

    bots: list[str]


class AuditDocument(Struct):
    """One entry of `GET /api/v1/audit`, newest first."""

    at: float
    who: str
    action: str
    subject: str
    why: str
    details: dict[str, Any]


class TokenDocument(Struct):
    """One token in `GET /api/v1/tokens`; `token`, the secret itself, only in the answer that made it."""

    id: str
    """What `DELETE /api/v1/tokens/{id}` takes; it takes the name as well."""
    name: str
    scope: str
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    """To about a minute; None where it never was."""
    token: str | UnsetType = UNSET


class TokenRequest(Struct):
    """The body of `POST /api/v1/tokens`."""

    name: str
    scope: str
    """read, operate, admin or ingest."""
    expires_in: float | None = None
    """Seconds; None for never."""


class SignInLink(Struct):
    """`POST /api/v1/sign-in-links`: an address that signs a browser in once, with the caller's rights."""

    url: str
    expires_at: float


class Build(Struct):
    """One build of a compiled program: `state` is building, built, failed or interrupted."""

    program: str
    version: str
    tree: str
    runtime: str
    toolchain: str
    state: str
    started_at: float
    ended_at: float | None
    message: str


class BuildDetail(Struct):
    """`GET /api/v1/builds/{name}`: a build and what its tools printed, as far as it is."""

    build: Build
    log: str


class WhoAmI(Struct):
    """`GET /api/v1/whoami`: whose credential this is, and what it may do."""

    name: str
    scope: str
    session: bool


class SystemFact(Struct):
    """One figure of a part of herdsman; how to read `value` is in `unit`."""

    name: str
    value: float | str | None
    unit: str = ""
    """"" (a count or a text), s, bytes, percent, per_second, at (a Unix time)."""
    hint: str = ""
    """A sentence about it, "" where its name says enough."""


class SystemTable(Struct):
    """What a part has many of, such as agents."""

    columns: list[str]
    units: list[str]
    """One for each column, as in SystemFact."""
    rows: list[list[float | str | None]]


class SystemPart(Struct):
    """One part of herdsman, wherever it runs."""

    name: str
    """controller, source, scheduler, intake, agents, series, events, live, database, web, process."""
    state: str
    """ok, warning, failing."""
    message: str
    """How it is, in a sentence."""
    next: str = ""
    """What to do about it, "" where nothing is to be done."""
    facts: list[SystemFact] = []
    table: SystemTable | None = None


class SystemNote(Struct):
    """A warning or an error of herdsman's own log; the same one again counts up."""

    time: float
    level: str
    source: str
    message: str
    times: int
    first: float


class SystemDocument(Struct):
    """`GET /api/v1/system`, and a `system` event on the stream (topic system, every 2 s while it is read)."""

    time: float
    state: str
    """The worst of the parts'."""
    version: str
    fleet: str
    parts: list[SystemPart]
    """Those that this process knows of; one that is elsewhere and silent is missing."""
    notes: list[SystemNote]
    """The newest first."""


class Readiness(Struct, omit_defaults=True):
    """`GET /readyz`: 200 when every check is "ok", else 503."""

    ready: bool
    checks: dict[str, str]
    role: str = ""
    """Of a process of `herdsman controller`: "leader" or "standby"; any other has none."""


# Stream (GET /api/v1/stream?topics=fleet,bot:NAME), one `data:` JSON object an event:
#   status   a Bot (topic fleet: each change of a bot's row; coalesced to at most 4 a second a bot), or
#            {"name", "removed": true}
#   fleet    a FleetDocument
#   samples  {"bot", "samples": [{"name", "labels", "time", "value"}]} (topic bot:NAME)
#   log      a LogEvent of kind log; event: a LogEvent of any other kind (topic bot:NAME)
#   run      {"bot", "run": Run} (topic bot:NAME)
#   revision {"revision": a RevisionDocument without changes, "changes": those that moved, with their fields}
#            (topic revisions)
#   error_group an ErrorSummary of a group that changed (topic errors; at most twice a second a group)
#   system   a SystemDocument (topic system)
#   reset    {"reason"}: history was lost for this client; refetch by the API
#   end      {"reason"}: the credential ended; the stream is closed (at a stop of the service it just ends)
# Every message has an `id:`. To resume: `Last-Event-ID` (the browser's EventSource sends it by itself), or
# `last_event_id=` for the first connection, from the STREAM_POSITION header of what was fetched before.


class DestinationDocument(Struct):
    """An element of `GET /api/v1/notifications`: where people are told; its address is never shown."""

    name: str
    service: str
    """The kind of its address, such as slack."""
    routes: str
    """What it hears of, in words."""
    sent_at: float | None
    """When a message arrived last; Unix seconds."""
    failures: int
    """Failed tries in a row."""
    error: str
    """Why the last one failed, "" where it arrived."""
    waiting: int
    dropped: int
    """Messages that were too many to keep, ever."""


class NotifyTestRequest(Struct):
    """The body of `POST /api/v1/notifications/test`."""

    names: list[str] = field(default_factory=list)
    """Destinations; none for all."""


class SentDocument(Struct):
    """A message and what has become of it: `state` is waiting, sent or failed."""

    id: str
    destination: str
    state: str
    attempts: int
    error: str
