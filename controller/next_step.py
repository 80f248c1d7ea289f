"""What a bot's next step is about: the revision that it comes from, who stops it, what is launched. Pure."""

from dataclasses import replace

from controller.compare import Difference, Kind
from controller.fleet import Fleet
from controller.records import Halt
from controller.schedulers.protocol import ObservedBot, Phase
from gitops.revision import Revision
from schemas.bot import BotSpec, BotType
from schemas.errors import SchedulerRefused


def revision_for(fleet: Fleet, name: str) -> str:
    """Return the revision that a bot's next apply comes from."""
    desired, entry = fleet.wanted, fleet.inventory.get(name)
    if entry is not None and fleet.keeps_old(name):
        return entry.revision
    if desired is not None and (name in desired.bots or entry is None):
        return desired.revision_of(name).id
    return entry.revision if entry else ""


def origin_of(fleet: Fleet, name: str) -> Revision:
    """Return the revision that `revision_for` names, with all that is known of it."""
    revision, known = revision_for(fleet, name), fleet.revision_of(name)
    entry = fleet.inventory.get(name)
    return known if known.id == revision else Revision(revision, origin=entry.source if entry else "")


def is_overtaken(fleet: Fleet, name: str, spec: BotSpec) -> bool:
    """Say whether a spec is no longer what should be applied."""
    difference = fleet.difference(name)
    wanted = difference.spec.digest if difference.spec else ""
    return not difference.acts or wanted != spec.digest or not fleet.may_act(name)


def rule_for(fleet: Fleet, name: str) -> str:
    """Return the key of the rule that stops a bot, "" where its own suspension or git does."""
    suspended = fleet.suspended(name)
    return suspended[0].key if suspended and suspended[0].scope else ""


def halt_for(fleet: Fleet, name: str) -> Halt:
    """Return why a bot that is to stop is to stop."""
    return Halt.SUSPENDED if fleet.suspended(name) else Halt.DISABLED


def is_stopping(fleet: Fleet, name: str) -> bool:
    """Say whether a bot's last copy is on its way out."""
    seen = fleet.observed.get(name)
    return seen is not None and seen.phase is Phase.STOPPING


def was_asked_to_stop(fleet: Fleet, name: str) -> bool:
    """Say whether we stopped a bot: a job that only happens to be dead must be stopped first."""
    entry = fleet.inventory.get(name)
    return entry is None or entry.halted is not Halt.NONE


def with_state(fleet: Fleet, spec: BotSpec, difference: Difference) -> BotSpec:
    """Return the spec to launch: with its former name only while nobody else may use that name's state.

    Raises SchedulerRefused for a new bot whose former self is no bot of the past.
    """
    former = spec.renamed_from
    if not former or not fleet.is_used(former):
        return spec
    if difference.kind is Kind.CREATE:
        raise SchedulerRefused(
            f"renamed_from names {former}, which is still a bot of this fleet: its state stays its own; "
            f"remove {former} from git, or renamed_from from {spec.path}"
        )
    return replace(spec, renamed_from="")


def placing(seen: ObservedBot | None, spec: BotSpec, fleet: str, revision: str, token: str) -> ObservedBot:
    """Return what the scheduler will show of a job that it just accepted, until it says more."""
    return ObservedBot(
        name=spec.name,
        fleet=fleet,
        spec=spec.digest,
        revision=revision,
        token=token,
        phase=Phase.PENDING,
        node=seen.node if seen else "",
        scheduled=spec.type is BotType.SCHEDULED,
    )
