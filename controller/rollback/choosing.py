"""What a bot is rolled back to, and whether it may be. Pure; raises UsageError in words for people."""

from collections.abc import Iterable, Mapping, Sequence

from controller.records import InventoryEntry, RevisionRecord, RevisionState
from controller.rollback.records import Deployment
from gitops.desired import DesiredState
from gitops.majors import crosses_major
from schemas.bot import BotSpec
from schemas.errors import UsageError

_NAMED = 3


def last_good(name: str, deployments: Sequence[Deployment], applied: str) -> Deployment:
    """Return what ran last before the digest that is applied now, and was healthy."""
    for one in deployments:
        if one.digest != applied and one.healthy_at is not None:
            return one
    raise UsageError(
        f"nothing is known that {name} ran before and that was healthy: name a revision (--to), such as one "
        "of `herdsman rollback --list`"
    )


def check_applied(record: RevisionRecord) -> None:
    """Refuse a revision that never was in effect."""
    if record.state is RevisionState.REFUSED:
        raise UsageError(f"{record.revision.short} was refused when it was pushed, and never applied")


def spec_at(name: str, state: DesiredState) -> BotSpec:
    """Return what a bot was at a revision."""
    spec = state.bots.get(name)
    if spec is not None:
        return spec
    why = "its manifest did not load there" if name in state.failed_bots else "that has no such bot"
    raise UsageError(f"{name} cannot be rolled back to {state.revision.short}: {why}")


def check_major(specs: Iterable[BotSpec], inventory: Mapping[str, InventoryEntry], *, allowed: bool) -> None:
    """Refuse another major version of a bot's program without consent: its state may not fit."""
    found = [] if allowed else [text for spec in specs if (text := _major_text(spec, inventory))]
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UsageError(
            f"{', '.join(found[:_NAMED])}{more}: another major version, which may not understand the state "
            "that is there. Say --allow-major where it does"
        )


def _major_text(spec: BotSpec, inventory: Mapping[str, InventoryEntry]) -> str:
    entry = inventory.get(spec.name)
    now = entry.spec.program if entry is not None and entry.spec is not None else None
    then = spec.program
    if now is None or spec.allow_major:
        return ""
    if not crosses_major((now.name, now.version), (then.name, then.version)):
        return ""
    return f"{spec.name} would go from {then.name} {now.version} to {then.version}"
