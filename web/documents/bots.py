"""Bots: rows of the fleet, one bot whole, its runs and its queries."""

from typing import Any

from msgspec import Raw, Struct

from web.documents.liveness import LivenessDocument
from web.documents.suspensions import SuspensionDocument


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
    liveness: dict[str, Any] | None = None
    """What is wrong with how it lives: `{"verdict": not_trading|hung|stream_lost|crashed, "text", "since"}`;
    None where nothing is. See `GET /api/v1/bots/{name}/liveness` for all of it."""


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
    deploy: str = ""
    """Who brought its revision and what that changed about the bot, in words; "" where it is not known."""


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
    liveness: "LivenessDocument | None" = None
    """How it lives; None before it was looked at."""
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
