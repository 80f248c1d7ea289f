"""The Protocol that every scheduler fulfils; nothing above it may know which one runs."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from controller.records import OtherJob, Rules
from gitops.bundle import Bundle
from schemas.bot import BotSpec
from schemas.state import StatePlace


class Phase(StrEnum):
    """What the scheduler knows of a bot's current placement."""

    PENDING = "pending"
    """Accepted, not running yet (not placed, fetching, starting)."""
    RUNNING = "running"
    """Its launcher runs. Of the bot inside, the launcher's reports tell."""
    IDLE = "idle"
    """A scheduled bot between two runs."""
    STOPPING = "stopping"
    """Asked to stop; its last allocation is not terminal yet."""
    STOPPED = "stopped"
    """Registered as stopped, and its last allocation is terminal as the *node* reported."""
    LOST = "lost"
    """Its node does not answer: it may still run there."""


@dataclass(frozen=True, slots=True)
class ObservedBot:
    """One bot as the scheduler has it. `token` is opaque: it changes with every change of the job.

    `copies` counts allocations not known to be terminal; more than one is a placement being replaced (the
    lease keeps the bots themselves from overlapping). `reason` is a short machine word for a pending or
    lost placement (`no_node`, `node_down`, `artifact`, ...) and `message` its text. Times: Unix seconds.
    """

    name: str
    fleet: str
    spec: str
    revision: str
    token: str
    phase: Phase
    allocation: str = ""
    node: str = ""
    started_at: float | None = None
    copies: int = 0
    reason: str = ""
    message: str = ""
    scheduled: bool = False
    next_run: float | None = None
    suspended: Mapping[str, str] | None = None
    """Why its job was stopped by us: `reason`, and the key of the `rule` that did it where one did."""
    replaceable: bool = False
    """Of a lost one: applying it now places a copy elsewhere, which starts once the lease is free."""
    scopes: frozenset[str] = frozenset()
    """What rules it is under, as its job tells; empty where an older herdsman started it."""
    count: int = 1
    """How many copies its job asks for, where that is known: any other number than one is somebody else's."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One machine that bots may run on; `state` is "ready" where it takes bots, else the scheduler's word.

    `runtimes` are what it offers to bots, such as "python 3.11" or "node 20".
    """

    name: str
    state: str
    runtimes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """All bots of this fleet at one moment, by name, and the index to compare moments with."""

    bots: Mapping[str, ObservedBot]
    index: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """Whose an allocation is: a bot of this fleet ("" for anybody else's), and its former name then."""

    bot: str = ""
    former: str = ""


@dataclass(frozen=True, slots=True)
class HandedSecrets:
    """The values of one bot's secrets, to be handed to its launcher and shown to nobody.

    `identity` names the box that they travel in and `key` (hexadecimal) closes it; equal values of one bot
    have the same. `values` is by the bot's variable.
    """

    identity: str
    key: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything needed to run one bot: its spec, the revision it came from, and its content."""

    spec: BotSpec
    revision: str
    code: Bundle
    dependencies: Bundle | None = None
    python: str = ""
    """The interpreter's minor version that the dependency layer was built for, such as "3.11"."""
    extra: Mapping[str, str] = field(default_factory=dict)
    secrets: HandedSecrets | None = field(default=None, repr=False)
    """What the spec's secrets are, for those that the service hands over."""


@dataclass(frozen=True, slots=True)
class SchedulerEvent:
    """A bot moved (`bot` set), or moves may have been missed and all must be observed again (`bot` None)."""

    bot: str | None
    allocation: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a bot's query program is asked: a path that begins with "/", and parameters as a JSON object."""

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 30.0
    """After so long the query is ended."""


class StateHold(Protocol):
    """A bot's lease in our own hands: no copy of it can start, and where its state is, is ours to say."""

    @property
    def place(self) -> StatePlace:
        """Return where the newest state is, and its last holder."""
        ...

    async def record(self, place: StatePlace) -> None:
        """Say where the newest state is from now on. Raises Conflict where somebody else did meanwhile."""
        ...


class Scheduler(Protocol):
    """Runs bots. Every method may raise SchedulerUnavailable; names are the fleet's bot names.

    Only jobs with this fleet's mark are ever touched. A job that has a bot's id and no mark at all is seen
    with `fleet` "", and touched only for a caller who gives its token, and so knows it for ours that lost its
    mark. An update stops the old copy before the new one starts. State folders
    (`<state root>/<fleet>/<bot>`) are kept through everything but `purge_state`.
    """

    @property
    def kind(self) -> str:
        """Return "local" or "nomad"."""
        ...

    async def open(self) -> None:
        """Connect, and end what an earlier life of ours left over; called once before anything else."""
        ...

    async def observe(self) -> Observation:
        """Return every bot of this fleet, in one call to the scheduler whatever their number."""
        ...

    async def nodes(self) -> list[NodeReport]:
        """Return the machines that bots may run on, by name. Raises SchedulerUnavailable."""
        ...

    async def observe_bot(self, name: str) -> ObservedBot | None:
        """Return one bot, or None where the scheduler has none of that name."""
        ...

    async def apply(self, launch: Launch, expected: str | None) -> str:
        """Start or update a bot by compare-and-set and return its new token, once accepted.

        `expected` is the token last observed, None for "must not exist". Raises Conflict where that is not
        so (also while a stopped job's last allocation is not terminal), SchedulerRefused where the job is
        not acceptable.
        """
        ...

    async def rehearse(self, launch: Launch) -> None:
        """Raise what applying a new bot would, as far as can be known before; no job is changed by this."""
        ...

    async def outdated(self, launch: Launch) -> tuple[str, ...]:
        """Return what applying this launch would change of the bot's job as the scheduler has it, by name.

        For a bot's own last launch: what another herdsman, other settings or somebody else made otherwise.
        """
        ...

    async def stop(self, name: str, expected: str | None, reason: str, rule: str = "") -> None:
        """Ask a bot to stop (SIGTERM, its kill_timeout, SIGKILL) and return once that is accepted.

        The end itself is seen by observing (`Phase.STOPPED`). Stopping a stopped bot does nothing. `rule` is
        the key of the rule that stops it, which its job then tells.
        """
        ...

    async def rules(self) -> Rules | None:
        """Return the fleet's rules as they are kept beside the jobs, None where there never were any."""
        ...

    async def keep_rules(self, rules: Rules) -> None:
        """Keep the fleet's rules durably, and have its kill switches take effect, at once and by themselves.

        Every bot under a kill switch is asked to end as at a stop and not started, whatever happens to
        herdsman, its database or the machines, until rules without that switch are kept. Its job is not
        stopped by that: see `stop`.
        """
        ...

    async def restart(self, name: str, reason: str) -> None:
        """End the bot's current process as at a stop and start it again with the same spec."""
        ...

    async def query(self, name: str, question: Question) -> str:
        """Ask a bot's query program, in the version applied last, and return its answer as JSON text.

        A realtime bot's own query server answers; for a scheduled bot a fresh process does, on a copy of its
        state. It takes no lease and counts as no copy of the bot. Raises NotFound, QueryRefused, QueryFailed,
        QueryTimedOut, SchedulerRefused.
        """
        ...

    async def remove(self, name: str) -> None:
        """Forget a stopped bot's job and its log files (call it once the logs are acknowledged)."""
        ...

    async def placed(self, allocation: str) -> Placed | None:
        """Return whose an allocation is, also an ended one; None where nothing is known of it any more.

        It rests on what we registered, on nothing that a bot may have written, and never changes.
        """
        ...

    async def others(self) -> list[OtherJob]:
        """Return the jobs in our reach that are not this fleet's, by id."""
        ...

    async def end_other(self, job: str, expected: str) -> bool:
        """Ask a job without any fleet's mark to stop; say whether no copy of it can live any more.

        `expected` is its token as it was looked at: no other is stopped. Raises Conflict where it has changed
        since, or is gone: nobody can tell then. SchedulerRefused where it is some fleet's or herdsman's own.
        """
        ...

    async def recall_state(self, name: str, place: StatePlace) -> None:
        """Record where a bot's newest state is, where the lease's store remembers nothing of it."""
        ...

    def hold_state(self, name: str) -> AbstractAsyncContextManager[StateHold]:
        """Hold a bot's lease for a moment, to change its saved state. Raises Conflict where a copy has it."""
        ...

    def events(self) -> AsyncIterator[SchedulerEvent]:
        """Yield moves as they happen, for ever, reconnecting by itself; first an event with bot None.

        Once begun it must be read without a pause: what is observed meanwhile may rest on it.
        """
        ...

    async def close(self) -> None:
        """Let go. Local bots end with herdsman; on Nomad they run on."""
        ...
