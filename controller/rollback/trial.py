"""Whether an update is watched, and whether it got healthy. Pure.

Only an update of a bot that was well is watched, only what it does itself counts against it, and what many
bots suffer at once is held against none of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from controller.fleet import Fleet
from controller.health import duration, judge
from controller.process import ProcessState, Stage
from controller.records import InventoryEntry
from controller.rollback.records import Trial
from controller.settings import Settings
from controller.status import BotStatus, Health, Reason
from gitops.revision import Revision
from schemas.bot import BotSpec, BotType
from schemas.reports import Outcome

AGAIN = 30.0
"""Seconds between two looks at an update that is spared."""
_SINCE = 60.0
"""Seconds before an update was applied from which on the failures of other bots speak for it."""
_CRASHING = frozenset({Reason.CRASH_LOOP, Reason.RESTARTING, Reason.OUT_OF_MEMORY})
_ON_ITS_WAY = frozenset({Reason.NOT_YET_HEALTHY, Reason.STARTING, Reason.PENDING, Reason.AWAITING_REPORT})
"""How a bot is that got healthy with its spec before, and is being started with it once more."""
_SLOW = frozenset({Reason.RESTARTING, Reason.OUT_OF_MEMORY, Reason.NOT_YET_HEALTHY, Reason.STARTING})


class Verdict(StrEnum):
    """What is known of an update."""

    OPEN = "open"
    HEALTHY = "healthy"
    FAILED = "failed"
    OVER = "over"
    """It is not what is to be applied any more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, with the bot's error where it failed, and when time alone may change it (Unix seconds)."""

    verdict: Verdict
    error: str = ""
    look_at: float | None = None


def begun_trial(fleet: Fleet, name: str, now: float, settings: Settings) -> Trial | None:
    """Return the trial of an update that is about to be applied, None where it is none or known already."""
    wanted, entry = fleet.wanted, fleet.inventory.get(name)
    spec = wanted.bots.get(name) if wanted is not None else None
    if wanted is None or spec is None or entry is None or entry.spec is None:
        return None
    known = fleet.trials.get(name)
    held, same = name in wanted.overlaid, spec.digest in (entry.digest, known.digest if known else "")
    if held or same or not spec.rollback:
        return None
    if known is not None and known.digest == entry.digest:
        fallback, came_from = known.fallback, known.fallback_revision
    elif _was_well(fleet, entry, entry.spec, now, settings):
        fallback, came_from = entry.spec, Revision(entry.revision, origin=entry.source)
    else:
        return None
    if fallback.digest == spec.digest:
        return None
    return Trial(name, spec.digest, wanted.revision_of(name), fallback, came_from)


def _was_well(fleet: Fleet, entry: InventoryEntry, spec: BotSpec, now: float, settings: Settings) -> bool:
    process = fleet.processes.get(entry.bot, ProcessState())
    judged = judge(spec, fleet.observed.get(entry.bot), process, now, settings)
    if spec.type is BotType.SCHEDULED:
        return judged.health is Health.HEALTHY and process.last_outcome == Outcome.SUCCESS
    before = fleet.proven.get(entry.bot) == entry.digest and judged.reason in _ON_ITS_WAY
    return judged.health is Health.HEALTHY or before


def judge_trial(
    trial: Trial,
    spec: BotSpec | None,
    entry: InventoryEntry | None,
    status: BotStatus | None,
    process: ProcessState,
    now: float,
    since: float = 0.0,
) -> Judged:
    """Return what became of an update; `spec` is what the bot should be now.

    `since` is when this life of herdsman began: what lies before it was measured by a clock that may have
    been set while nobody looked.
    """
    if entry is None or spec is None or trial.digest not in (entry.digest, entry.intent) or not spec.rollback:
        return Judged(Verdict.OVER)
    if status is None or spec.digest != trial.digest or entry.digest != trial.digest or entry.intent:
        return Judged(Verdict.OPEN)
    own = process.spec == trial.digest
    if own and process.stage is Stage.FAILED and status.reason is Reason.LAUNCH_FAILED:
        return Judged(Verdict.FAILED, process.message)
    if spec.type is BotType.SCHEDULED:
        return _judge_run(process) if own and process.ended else Judged(Verdict.OPEN)
    if status.health is Health.HEALTHY and own:  # else it is still the copy before the update
        return Judged(Verdict.HEALTHY)
    if own and status.reason is Reason.CRASH_LOOP:
        return Judged(Verdict.FAILED, status.message)
    return _judge_time(spec, entry, status, process, now, since)


def _judge_run(process: ProcessState) -> Judged:
    """Judge a scheduled bot by its first run."""
    if process.last_outcome == Outcome.SUCCESS:
        return Judged(Verdict.HEALTHY)
    words = process.last_outcome.replace("_", " ")
    said = f": {process.last_error}" if process.last_error else ""
    return Judged(Verdict.FAILED, f"its first run {words}{said}")


def _judge_time(
    spec: BotSpec, entry: InventoryEntry, status: BotStatus, process: ProcessState, now: float, since: float
) -> Judged:
    own = process.spec == entry.digest
    # A node's clock may be another, and ours have run ahead as this life began.
    measured = (since, entry.applied_at or 0.0, process.first_at if own else 0.0)
    began = max((moment for moment in measured if moment <= now), default=0.0) or now
    due = began + spec.healthy_within
    if now < due:
        return Judged(Verdict.OPEN, look_at=due)
    if status.reason in _SLOW or (status.reason is Reason.PENDING and not own):
        return Judged(Verdict.FAILED, f"not healthy within {duration(spec.healthy_within)}: {status.message}")
    return Judged(Verdict.OPEN)


def others_failing(fleet: Fleet, trial: Trial, began: float) -> str:
    """Return why a failing update is probably not to blame: most bots that were not updated fail as well."""
    others = [
        status
        for name, status in fleet.statuses.items()
        if name != trial.bot and name not in fleet.trials and status.health is not Health.SUSPENDED
    ]
    failing = sum(one.reason in _CRASHING and one.since >= began - _SINCE for one in others)
    if not failing or failing * 2 < len(others):
        return ""
    bots = "1 bot" if failing == 1 else f"{failing} bots"
    return (
        f"it is not taken back, since {bots} of {len(others)} that were not updated began to fail as well: "
        "it is probably not the update"
    )
