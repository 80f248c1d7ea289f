"""From the controller's status of a bot to how it stands for its liveness, and from that to documents."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from controller.status import BotStatus, Health, Reason
from controller.windows import Sessions
from schemas.bot import BotSpec, BotType
from schemas.errors import NotFound
from schemas.liveness import LivenessSettings
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.verdict import BAD
from telemetry.liveness.watch import Found, LivenessView, SignView
from web.documents.liveness import LivenessDocument, SignDocument

_SUSPENDED = frozenset({Reason.SUSPENDED, Reason.KILL_SWITCH, Reason.DISABLED})
_CRASHED = frozenset(
    {Reason.CRASH_LOOP, Reason.RESTARTING, Reason.LAUNCH_FAILED, Reason.LAST_RUN_FAILED, Reason.OUT_OF_MEMORY}
)
_UNSEEN = frozenset({Reason.SCHEDULER_UNAVAILABLE, Reason.SOURCE_UNREAD, Reason.RECOVERY_NEEDED})
_LOST = frozenset({Reason.NODE_LOST, Reason.AWAITING_REPORT})


class Asked(Protocol):
    """The controller, as far as it tells how bots stand."""

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        ...

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be."""
        ...


@dataclass(frozen=True, slots=True)
class Market:
    """Whether a market is open, since when, and when it opens next; None where that is not known."""

    is_open: bool | None = None
    opened_at: float | None = None
    opens_at: float | None = None


def standings(
    controller: Asked, sessions: Callable[[str], Sessions], now: Callable[[], float]
) -> Callable[[str], Standing | None]:
    """Return what tells how a bot stands, None of one that the controller does not know.

    `sessions` is asked for the calendar that a bot's manifest names.
    """

    def standing(bot: str) -> Standing | None:
        try:
            status = controller.status(bot)
        except NotFound:
            return None
        spec = controller.spec(bot)
        settings = spec.liveness if spec else LivenessSettings()
        return standing_of(status, settings, market_at(settings.calendar, sessions, now()))

    return standing


def standing_of(
    status: BotStatus,
    settings: LivenessSettings = LivenessSettings(),  # noqa: B008 - it is frozen
    market: Market = Market(),
) -> Standing:
    """Return how a bot of this status stands."""
    return Standing(
        _life(status),
        status.since,
        status.started_at,
        status.message,
        status.type == BotType.SCHEDULED.value,
        status.next_run,
        settings,
        market.is_open,
        market.opened_at,
        market.opens_at,
    )


def _life(status: BotStatus) -> Life:
    reason = status.reason
    if reason in _SUSPENDED:
        return Life.SUSPENDED
    if reason is Reason.NODE_LOST or (status.health is Health.UNKNOWN and reason in _LOST):
        return Life.LOST
    if status.started_at is not None and status.health is not Health.MISSING:
        return Life.RUNNING
    if reason in _CRASHED:
        return Life.CRASHED
    if status.type == BotType.SCHEDULED.value and status.next_run is not None:
        return Life.WAITING
    if reason is Reason.WAITING_FOR_SLOT:
        return Life.WAITING
    coming = status.health in (Health.PROGRESSING, Health.DEGRADED) or reason in _UNSEEN
    return Life.STARTING if coming else Life.ENDED


def market_at(calendar: str, sessions: Callable[[str], Sessions], now: float) -> Market:
    """Return how a market is at a moment."""
    known = sessions(calendar).get(calendar) if calendar else None
    if known is None:
        return Market()
    opened = next((start for start, end in known if start <= now < end), None)
    return Market(opened is not None, opened, next((start for start, _ in known if start > now), None))


def liveness_document(view: LivenessView) -> LivenessDocument:
    """Return how a bot lives."""
    return LivenessDocument(
        bot=view.bot,
        verdict=view.verdict.value,
        bad=view.verdict in BAD,
        text=view.text,
        since=view.since,
        signs={name: _sign(one) for name, one in view.signs.items()},
    )


def short_document(found: Found | None) -> dict[str, Any] | None:
    """Return what a row tells of how a bot lives: nothing where nothing is wrong."""
    if found is None or found.verdict not in BAD:
        return None
    return {"verdict": found.verdict.value, "text": found.text, "since": found.since}


def _sign(one: SignView) -> SignDocument:
    return SignDocument(one.at, one.usual, one.limit)
