"""From the controller's status of a bot to how it stands for its liveness, and from that to documents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controller.status import BotStatus, Health, Reason
from controller.windows import Sessions
from schemas.bot import BotSpec, BotType
from schemas.errors import NotFound
from schemas.liveness import LivenessSettings
from telemetry.liveness.left_open import ENDED, LEFT_OPEN, alert_text, left_open
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.verdict import BAD, Verdict
from telemetry.liveness.watch import Found, LivenessView, SignView
from telemetry.liveness_desk import LivenessDesk
from telemetry.resources_desk import ResourceView
from telemetry.trading_desk import TradingDesk
from web.documents.liveness import LivenessDocument, SignDocument
from web.documents.resources import ForecastDocument, ResourcesDocument

_SUSPENDED = frozenset({Reason.SUSPENDED, Reason.KILL_SWITCH, Reason.RISK_LIMIT, Reason.DISABLED})
_CRASHED = frozenset(
    {Reason.CRASH_LOOP, Reason.RESTARTING, Reason.LAUNCH_FAILED, Reason.LAST_RUN_FAILED, Reason.OUT_OF_MEMORY}
)
_FINAL = frozenset({Reason.CRASH_LOOP, Reason.LAUNCH_FAILED})
_UNSEEN = frozenset({Reason.SCHEDULER_UNAVAILABLE, Reason.SOURCE_UNREAD, Reason.RECOVERY_NEEDED})
_LONGEST = 300
"""Characters of why a bot ended that an alert repeats."""


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
        status.reason in _FINAL,
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
    if reason is Reason.NODE_LOST:
        return Life.LOST
    if status.health is Health.UNKNOWN and reason is Reason.AWAITING_REPORT:
        return Life.UNHEARD
    if status.started_at is not None and status.health is not Health.MISSING:
        return Life.RUNNING
    if reason in _CRASHED:
        return Life.CRASHED
    if status.type == BotType.SCHEDULED.value and status.next_run is not None:
        return Life.WAITING
    if reason is Reason.WAITING_FOR_SLOT:
        return Life.WAITING
    if reason is Reason.REMOVED:
        return Life.ENDED
    coming = status.health in (Health.PROGRESSING, Health.DEGRADED) or reason in _UNSEEN
    return Life.STARTING if coming else Life.ENDED


def market_at(calendar: str, sessions: Callable[[str], Sessions], now: float) -> Market:
    """Return how a market is at a moment."""
    known = sessions(calendar).get(calendar) if calendar else None
    if known is None:
        return Market()
    opened = next((start for start, end in known if start <= now < end), None)
    return Market(opened is not None, opened, next((start for start, _ in known if start > now), None))


def judged_of(desk: LivenessDesk, trading: TradingDesk, bot: str, mode: str) -> dict[str, str]:
    """Return what alert rules hear of how a bot of a mode lives: each word that holds, with why."""
    found = desk.found(bot)
    if found is None:
        return {}
    judged = {found.verdict.value: found.text}
    if found.verdict is Verdict.STREAM_LOST and found.sign:
        judged["unheard"] = found.text  # of a lost node the status tells already
    if left := open_at_end(found, trading, bot, mode):
        judged[LEFT_OPEN] = alert_text(f"{found.verdict.value}: {found.text}"[:_LONGEST], left)
    return judged


def open_at_end(found: Found, trading: TradingDesk, bot: str, mode: str) -> list[str]:
    """Return what a bot that ended has left open in its mode; nothing of one that lives or comes back.

    What it traded in the other mode before is not what its manifest has it do.
    """
    ended = found.verdict in ENDED or (found.verdict is Verdict.CRASHED and found.final)
    return left_open_in(trading, bot, mode) if ended and trading.ready else []


def left_open_in(trading: TradingDesk, bot: str, mode: str) -> list[str]:
    """Return what a bot has open in a mode, in words."""
    return left_open([view for view in trading.accounts(bot) if view.mode == mode])


def liveness_document(view: LivenessView, left: Sequence[str] = ()) -> LivenessDocument:
    """Return how a bot lives; `left` is what it left open at its end."""
    return LivenessDocument(
        bot=view.bot,
        verdict=view.verdict.value,
        bad=view.verdict in BAD,
        text=view.text,
        since=view.since,
        signs={name: _sign(one) for name, one in view.signs.items()},
        left_open=list(left),
    )


def short_document(found: Found | None) -> dict[str, Any] | None:
    """Return what a row tells of how a bot lives: nothing where nothing is wrong."""
    if found is None or found.verdict not in BAD:
        return None
    return {"verdict": found.verdict.value, "text": found.text, "since": found.since}


def resources_document(view: ResourceView) -> ResourcesDocument:
    """Return what a bot uses, and its forecasts."""
    return ResourcesDocument(
        view.bot,
        view.at,
        dict(view.values),
        [ForecastDocument(one.resource, one.use, one.limit, one.seconds) for one in view.forecasts],
    )


def _sign(one: SignView) -> SignDocument:
    return SignDocument(one.at, one.usual, one.limit)
