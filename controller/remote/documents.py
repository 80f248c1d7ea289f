"""What the processes write into the tables between them, as JSON."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from controller.consent import NO_CONSENT, Consent
from controller.passes import NO_WISHES
from controller.plan import Plan
from controller.records import Change, KillProgress, Suspension, Wishes
from controller.remote.trouble import NoController
from controller.state.changing import StateChange
from controller.status import BotStatus, Hold
from schemas.bot import BotSpec
from schemas.errors import (
    BuildFailed,
    Conflict,
    HerdsmanError,
    NotFound,
    QueryFailed,
    QueryRefused,
    QueryTimedOut,
    RuntimeMissing,
    SchedulerRefused,
    SchedulerUnavailable,
    SourceUnavailable,
    StateDamaged,
    StateRefused,
    StoppedLonger,
    StoreUnavailable,
    TooBusy,
    UsageError,
)
from schemas.fleet import Watching
from schemas.labels import AllocationLabels
from schemas.log_rules import LogRule
from schemas.reports import LauncherReport

T = TypeVar("T")
_TOLD: tuple[type[HerdsmanError], ...] = (
    BuildFailed,
    Conflict,
    NoController,
    NotFound,
    QueryFailed,
    QueryRefused,
    QueryTimedOut,
    RuntimeMissing,
    SchedulerRefused,
    SchedulerUnavailable,
    SourceUnavailable,
    StateDamaged,
    StateRefused,
    StoppedLonger,
    StoreUnavailable,
    TooBusy,
    UsageError,
)
"""The errors that arrive in the other process as what they were; any other one as its nearest ancestor."""


class ViewKind(StrEnum):
    """What the leader shows."""

    BOT = "bot"
    FLEET = "fleet"
    RULES = "rules"
    REVISION = "revision"
    CHANGE = "change"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class BotView:
    """One bot: `spec` is what it should be, else what was applied last."""

    status: BotStatus
    suspended: tuple[Suspension, ...] = ()
    spec: BotSpec | None = None


@dataclass(frozen=True, slots=True)
class FleetView:
    """The leader's own state."""

    fleet: str = ""
    synced_at: float | None = None
    problems: tuple[str, ...] = ()
    scheduler_problem: str = ""
    holds: tuple[Hold, ...] = ()
    kills: tuple[KillProgress, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    environments: tuple[str, ...] = ()
    watching: Watching | None = None


@dataclass(frozen=True, slots=True)
class RulesView:
    """The log rules that hold now."""

    rules: tuple[LogRule, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One bot's change in the newest revision."""

    revision: str
    change: Change


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a request says beside who asks and why; each kind uses its own."""

    name: str = ""
    until: float | None = None
    trigger: str = ""
    confirm_prune: bool = False
    names: tuple[str, ...] = ()
    path: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    change: StateChange | None = None
    to: str = ""
    allow_major: bool = False
    wishes: Wishes = NO_WISHES
    consent: Consent = NO_CONSENT


@dataclass(frozen=True, slots=True)
class Planned:
    """The answer to a sync as soon as there is a plan; its changes follow as steps."""

    plan: Plan
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on its way to the process that asked."""

    kind: str
    text: str
    trace: str = ""
    available: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """One launcher's report and whose it is."""

    labels: AllocationLabels
    report: LauncherReport


def encode(value: object) -> str:
    """Return any of these as JSON text."""
    return msgspec.json.encode(value).decode()


def decode(text: str, kind: type[T]) -> T:
    """Return what was encoded. Raises msgspec.MsgspecError where another herdsman wrote another form."""
    return msgspec.json.decode(text, type=kind)


def encode_error(error: Exception) -> str:
    """Return an error as JSON; what nobody foresaw tells only that it was so."""
    if not isinstance(error, HerdsmanError):
        return encode(Failure("", f"the controller failed at it ({type(error).__name__}); its log says more"))
    kind = next((known.__name__ for known in type(error).__mro__ if known in _TOLD), "")
    if isinstance(error, QueryFailed):
        return encode(Failure(kind, str(error), error.trace, error.available))
    return encode(Failure(kind, str(error)))


def decode_error(text: str) -> HerdsmanError:
    """Return the error to raise."""
    failure = decode(text, Failure)
    if failure.kind == QueryFailed.__name__:
        return QueryFailed(failure.text, failure.trace, failure.available)
    kinds = {kind.__name__: kind for kind in _TOLD}
    return kinds.get(failure.kind, HerdsmanError)(failure.text)
