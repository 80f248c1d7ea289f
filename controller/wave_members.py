"""How a bot is for others that wait for it: its wave, and the bots that depend on it. Pure."""

from controller.delays import Delay
from controller.fleet import Fleet
from controller.health import describes, judge
from controller.process import ProcessState
from controller.records import InventoryEntry
from controller.rollout import Look, Progress
from controller.schedulers.protocol import Phase
from controller.scopes import ALL
from controller.settings import Settings
from controller.status import Health, Reason
from gitops.desired import DesiredState
from schemas.bot import BotSpec, BotType


def look_at_member(
    fleet: Fleet, name: str, target: str, waits: Delay | None, now: float, settings: Settings
) -> Look:
    """Return how a member of a wave is that is to become `target`; `waits`: what its change waits for."""
    refusal = fleet.overlays.refusal_of(fleet.desired.bots.get(name) if fleet.desired else None)
    if refusal is not None and refusal.digest == target:
        return Look(Progress.FAILED, refusal.error)
    spec = fleet.wanted.bots.get(name) if fleet.wanted else None
    if spec is None or spec.digest != target or not spec.enabled:
        return Look(Progress.GONE)
    if stopped := fleet.suspended(name):
        for_all = any(one.kill or one.scope == ALL for one in stopped)  # nothing is proven meanwhile
        return Look(Progress.WAITING, stopped[0].reason, patient=True) if for_all else Look(Progress.GONE)
    owned, operation = fleet.inventory.get(name), fleet.operations.get(name)
    if owned is None or owned.digest != target:
        if operation is not None and operation.failed and not operation.transient:
            return Look(Progress.FAILED, operation.message)
        patient = (operation is not None and bool(operation.building)) or (
            waits is not None and waits.reason is not Reason.WAITS_FOR_WAVE
        )
        text = operation.message if operation is not None else ""
        return Look(Progress.WAITING, text, patient=patient)
    return _look_at_new(fleet, spec, owned, target, now, settings)


def _look_at_new(
    fleet: Fleet, spec: BotSpec, owned: InventoryEntry, target: str, now: float, settings: Settings
) -> Look:
    """Return how a bot is that was changed: well, crashed, or on its way."""
    name = spec.name
    seen, process = fleet.observed.get(name), fleet.processes.get(name, ProcessState())
    if spec.type is BotType.SCHEDULED:
        there = seen is not None and seen.spec == target and seen.phase in (Phase.IDLE, Phase.RUNNING)
        return Look(Progress.HEALTHY if there else Progress.WAITING, since=owned.applied_at)
    judged = judge(spec, seen, process, now, settings)
    if judged.health is Health.HEALTHY and seen is not None and seen.spec == target:
        return Look(Progress.HEALTHY)
    told = seen is not None and process.spec == target and describes(process, seen)
    if told and process.last_error and process.ended == process.run:
        return Look(Progress.FAILED, f"crashed: {process.last_error}")
    # A download that failed is tried again by itself: herdsman, which has it, may have been away.
    fetching = seen is not None and seen.reason == "artifact"
    if judged.health is Health.DEGRADED and not fetching and (told or (seen is not None and seen.reason)):
        return Look(Progress.FAILED, judged.message)
    return Look(Progress.WAITING, judged.message, owned.applied_at)


def unwell(fleet: Fleet, name: str, desired: DesiredState | None, now: float, settings: Settings) -> str:
    """Return a bot's health in a word where it is not healthy now, "" where it is."""
    if fleet.suspended(name):
        return "suspended"
    spec = desired.bots.get(name) if desired is not None else None
    owned = fleet.inventory.get(name)
    runs = (owned.spec if owned is not None else None) or spec
    if runs is None:
        return "not a bot that runs here"
    if spec is not None and not spec.enabled:
        return "disabled"
    seen, process = fleet.observed.get(name), fleet.processes.get(name, ProcessState())
    judged = judge(runs, seen, process, now, settings)
    return "" if judged.health is Health.HEALTHY else judged.health.value
