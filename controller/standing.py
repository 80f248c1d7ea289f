"""Everything known of one bot at one moment, told as its `BotStatus`.

Pure. Three axes: sync (does what runs equal what git asks for), health, and the operation under way; the
reason tells of the health, or of the sync where that is the trouble.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.compare import Difference, Kind
from controller.delays import Delay
from controller.doing import Operation, doing
from controller.generations import counted
from controller.health import Judgement, judge, judge_stopped
from controller.process import ProcessState
from controller.records import Halt, InventoryEntry, Suspension
from controller.rollback.holding import either_text
from controller.schedulers.protocol import ObservedBot, Phase
from controller.scopes import scope_words
from controller.settings import Settings
from controller.status import BotStatus, Drift, Health, HeldBy, Hold, OperationState, Reason, Sync
from schemas.bot import BotSpec, BotType
from schemas.risk import AUTHOR


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a status is made of. `spec` is the desired one, else the one applied last."""

    name: str
    spec: BotSpec
    difference: Difference
    seen: ObservedBot | None = None
    owned: InventoryEntry | None = None
    process: ProcessState = ProcessState()
    suspended: tuple[Suspension, ...] = ()
    """All that keeps it from running, kill switches first."""
    operation: Operation | None = None
    held: str = ""
    """Why its change is held back by the plan, "" where it is not."""
    delay: Delay | None = None
    """What its change waits for by itself, None where it goes or there is none."""
    leans_on: str = ""
    """Why a bot that it depends on is not healthy, "" where all are."""
    trouble: Reason | None = None
    """A trouble of the whole fleet: the scheduler does not answer, or a recovery is needed."""
    trouble_text: str = ""
    certain: bool = True
    """False where no revision has been read yet."""
    hold: Hold | None = None
    """What keeps it from being what git asks for."""
    spared: str = ""
    """Why an update that does not get healthy is not taken back, "" where it would be."""
    drift: Drift | None = None
    """Its newest drift."""
    observed: bool = True
    """False where the scheduler has not been looked at in this life: what was said before holds."""


def tell(
    standing: Standing, now: float, settings: Settings, before: BotStatus | None
) -> tuple[BotStatus, float | None]:
    """Return a bot's status and when to look again though nothing happens (None: never)."""
    judgement = _judged(standing, now, settings, before)
    status = _status(standing, judgement)
    if before is None:
        return _counted(standing, replace(status, since=now), None), judgement.recheck_at
    if not standing.observed:
        status = replace(status, **{name: getattr(before, name) for name in _SEEN})
    well = status.health is Health.HEALTHY  # what is said of a healthy bot's next version ends no health
    same = before.health is status.health and (well or before.reason is status.reason)
    since = min(before.since, now) if same else now  # a clock that was set back makes no moment to come
    status = replace(status, since=since)
    return _counted(standing, status, before), judgement.recheck_at


_SEEN = ("started_at", "node", "allocation", "run", "next_run")
"""What only a look at the scheduler tells."""


def _counted(standing: Standing, status: BotStatus, before: BotStatus | None) -> BotStatus:
    asked = _asked(standing)
    return counted(status, before, asked, reached=standing.observed and _reached(standing, asked))


def _asked(standing: Standing) -> str:
    """Return what the bot is asked to be, or why it must not run; "" where that is not known."""
    kind = standing.difference.kind
    if standing.suspended:
        return "killed" if standing.suspended[0].kill else "suspended"
    if not standing.certain or kind in (Kind.PROTECTED, Kind.FOREIGN):
        return ""
    if kind is Kind.REMOVE:
        return "removed"
    return standing.spec.digest if standing.spec.enabled else "disabled"


def _reached(standing: Standing, asked: str) -> bool:
    """Say whether the bot is what it is asked to be, or was tried to be made so."""
    difference = standing.difference
    if not difference.wants and not difference.blocked:
        return True
    begun = standing.operation is not None and not standing.held and standing.delay is None
    return begun or (standing.owned is not None and standing.owned.digest == asked)


def _judged(standing: Standing, now: float, settings: Settings, before: BotStatus | None) -> Judgement:
    if before is not None and not standing.observed:
        return _sync_trouble(standing, Judgement(before.health, before.reason, before.message))
    return _held(standing, _explained(standing, _judgement(standing, now, settings)))


def sync_of(standing: Standing) -> Sync:
    """Return whether what runs equals what git asks for."""
    kind = standing.difference.kind
    if standing.trouble or not standing.certain or kind in (Kind.PROTECTED, Kind.FOREIGN):
        return Sync.UNKNOWN
    if kind in (Kind.NONE, Kind.ADOPT) and not standing.difference.blocked:
        held = standing.hold is not None and standing.hold.differs
        return Sync.OUT_OF_SYNC if held else Sync.SYNCED
    if standing.difference.blocked and kind is Kind.NONE:
        return Sync.UNKNOWN
    return Sync.OUT_OF_SYNC


def _judgement(standing: Standing, now: float, settings: Settings) -> Judgement:
    seen, suspended = standing.seen, standing.suspended
    if suspended:
        reason = Reason.RISK_LIMIT if suspended[0].by == AUTHOR else Reason.SUSPENDED
        reason = Reason.KILL_SWITCH if suspended[0].kill else reason
        return judge_stopped(seen, reason, "; also ".join(suspension_text(one) for one in suspended))
    if standing.difference.kind is Kind.REMOVE and not standing.held and not standing.delay:
        return judge_stopped(seen, Reason.REMOVED, "removed from git")
    if _disabled(standing):
        return judge_stopped(seen, Reason.DISABLED, "disabled in git (enabled: false)")
    return judge(standing.spec, seen, standing.process, now, settings)


def _disabled(standing: Standing) -> bool:
    protected = standing.difference.kind is Kind.PROTECTED
    halted = standing.owned is not None and standing.owned.halted is Halt.DISABLED
    return (not standing.spec.enabled and not standing.delay) or (protected and halted)


def suspension_text(suspension: Suspension) -> str:
    """Return `by desk-ops: "exchange maintenance" (account binance-1), until 2026-11-23 06:00 UTC`."""
    text = f'by {suspension.by}: "{suspension.reason}"'
    if suspension.scope:
        text += f" ({scope_words(suspension.scope)})"
    if suspension.kill:
        return f"kill switch, {datetime.fromtimestamp(suspension.since, UTC):%Y-%m-%d %H:%M} UTC, {text}"
    if suspension.until is None:
        return text
    return f"{text}, until {datetime.fromtimestamp(suspension.until, UTC):%Y-%m-%d %H:%M} UTC"


def _explained(standing: Standing, judged: Judgement) -> Judgement:
    """Add the trouble of the sync, where it is what a person has to know first."""
    operation = standing.operation
    if operation and operation.failed:
        missing = judged.health in (Health.MISSING, Health.PROGRESSING)
        if missing or judged.health is Health.HEALTHY:
            health = Health.DEGRADED if missing else judged.health
            return Judgement(health, operation.failed, operation.message, judged.recheck_at)
        return judged
    calm = judged.health in (Health.MISSING, Health.HEALTHY) or judged.reason is Reason.NOT_YET_HEALTHY
    if operation and operation.building and calm:
        return _building(operation.building, judged)
    if judged.health is Health.MISSING:
        return _missing(standing, judged)
    if _replacing(standing, judged):
        return Judgement(Health.PROGRESSING, Reason.UPDATING, standing.difference.summary, judged.recheck_at)
    return _sync_trouble(standing, judged)


def _held(standing: Standing, judged: Judgement) -> Judgement:
    """Say of a bot that is well that it is held at a revision; of one that fails, what that tells."""
    hold = standing.hold
    if judged.reason in _FAILING:
        spared = f"; {standing.spared}" if standing.spared else ""
        return replace(judged, message=f"{judged.message}{either_text(hold)}{spared}")
    if hold is None or judged.health is not Health.HEALTHY or judged.reason not in _WELL:
        return judged
    reason = Reason.ROLLED_BACK if hold.by is HeldBy.GUARD else Reason.PINNED
    return replace(judged, reason=reason, message="; ".join(filter(None, (hold.text, judged.message))))


_FAILING = frozenset({Reason.CRASH_LOOP, Reason.LAUNCH_FAILED, Reason.LAST_RUN_FAILED})
_WELL = frozenset({Reason.RUNNING, Reason.WAITING_FOR_SLOT})


def _replacing(standing: Standing, judged: Judgement) -> bool:
    """Say whether the bot is between two specs: not in trouble, only on its way."""
    if standing.difference.kind not in (Kind.UPDATE, Kind.DRIFTED) or standing.held or standing.delay:
        return False
    busy = standing.operation is not None and standing.operation.busy
    return busy and judged.health in (Health.HEALTHY, Health.PROGRESSING)


def _building(building: str, judged: Judgement) -> Judgement:
    """Tell of a build; a bot that runs meanwhile is as well as before."""
    if judged.health is Health.MISSING:
        return Judgement(Health.PROGRESSING, Reason.BUILDING, building)
    return replace(judged, reason=Reason.BUILDING, message=f"runs on; its next version: {building}")


def _missing(standing: Standing, judged: Judgement) -> Judgement:
    if standing.trouble:
        return Judgement(Health.UNKNOWN, standing.trouble, standing.trouble_text)
    if standing.held:
        return Judgement(Health.MISSING, Reason.PRUNE_HELD, standing.held)
    if standing.delay:
        return Judgement(Health.MISSING, standing.delay.reason, standing.delay.text)
    busy = standing.operation is not None and standing.operation.busy
    if busy:
        return Judgement(Health.PROGRESSING, Reason.STARTING, standing.difference.summary)
    return _sync_trouble(standing, judged)


def _sync_trouble(standing: Standing, judged: Judgement) -> Judgement:
    """Replace the reason of a calm bot by the reason why it is not in sync."""
    unheard = standing.trouble is not None and judged.reason is Reason.AWAITING_REPORT
    calm = judged.health in (Health.HEALTHY, Health.MISSING) or unheard
    found = _trouble(standing)
    if not calm or found is None:
        return judged
    return replace(judged, reason=found[0], message=found[1])


def _trouble(standing: Standing) -> tuple[Reason, str] | None:
    difference = standing.difference
    if standing.trouble:
        return standing.trouble, standing.trouble_text
    if difference.unread:
        return Reason.SOURCE_UNREAD, difference.reason
    if difference.kind is Kind.PROTECTED and standing.certain:
        return Reason.INVALID_MANIFEST, difference.reason
    if difference.kind is Kind.FOREIGN:
        return Reason.RECOVERY_NEEDED, difference.reason
    if standing.held:
        return Reason.PRUNE_HELD, standing.held
    if difference.kind is Kind.DRIFTED:
        return Reason.DRIFTED, difference.reason
    if standing.delay:
        return standing.delay.reason, standing.delay.text
    if standing.leans_on:
        return Reason.DEPENDENCY_UNHEALTHY, standing.leans_on
    return None


def _doing(standing: Standing) -> tuple[OperationState, str]:
    operation, suspended, seen = standing.operation, standing.suspended, standing.seen
    if operation is None and suspended and suspended[0].kill:
        operation = Operation("", busy=True)  # the switch itself ends it, and no task of the bot's own
    state, message = doing(standing.difference, operation, _waits_for(standing))
    if state is OperationState.IDLE and seen is not None and seen.phase is Phase.STOPPING:
        return OperationState.RUNNING, "waiting for its end"
    return state, message


def _waits_for(standing: Standing) -> str:
    """Return what keeps a change of the bot from being begun, "" where nothing does."""
    return standing.trouble_text or standing.held or (standing.delay.text if standing.delay else "")


def _status(standing: Standing, judged: Judgement) -> BotStatus:
    spec, owned, seen, process = standing.spec, standing.owned, standing.seen, standing.process
    applied = owned.revision if owned and owned.spec else ""
    attempted = standing.operation.revision if standing.operation else applied
    runs = owned.spec if owned and owned.spec else spec
    scheduled = spec.type is BotType.SCHEDULED
    placed = seen is not None and seen.phase not in (Phase.STOPPED, Phase.IDLE)
    operation, operation_message = _doing(standing)
    return BotStatus(
        name=standing.name,
        program=runs.program.name,
        version=runs.program.version,
        type=spec.type.value,
        mode=runs.mode.value,
        environment=spec.environment,
        sync=sync_of(standing),
        health=judged.health,
        reason=judged.reason,
        message=judged.message,
        applied_revision=applied,
        attempted_revision=attempted or applied,
        restarts=process.restarts,
        started_at=process.started_at if placed and process.alive_since is not None else None,
        since=0.0,
        path=spec.path,
        node=(seen.node if seen else "") or (owned.node if owned else ""),
        allocation=seen.allocation if seen else "",
        run=process.run,
        schedule=spec.schedule,
        timezone=spec.timezone if scheduled else "",
        next_run=seen.next_run if seen and not standing.suspended else None,
        memory_limit=runs.resources.memory_limit,
        cpu_limit=runs.resources.cpu_limit,
        account=spec.account,
        currency=spec.currency,
        source=(owned.source if owned else "") or spec.source,
        hold=standing.hold,
        operation=operation,
        operation_message=operation_message,
        drift=standing.drift,
    )
