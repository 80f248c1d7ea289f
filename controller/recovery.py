"""Recognising a database that is missing or older than the jobs, and taking those jobs back. Pure."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime

from controller.records import InventoryEntry, Suspension
from controller.schedulers.protocol import ObservedBot, Phase
from gitops.desired import DesiredState

RECOVER = (
    "nothing is started or stopped meanwhile. Push what git lacks here, look at `herdsman plan`, then "
    "`herdsman recover` takes them over; or use the right data folder"
)
_ALIVE = frozenset({Phase.PENDING, Phase.RUNNING, Phase.IDLE})
_ENDED = frozenset({Phase.STOPPING, Phase.STOPPED})


def needs_recovery(
    fleet: str,
    observed: Mapping[str, ObservedBot],
    inventory: Mapping[str, InventoryEntry],
    revisions: Set[str],
    restored: float | None = None,
) -> str:
    """Return why herdsman may only observe, "" where the database knows of every job with our mark.

    `restored` is when the backup was taken of a database that was restored and has not met the jobs yet: then
    whatever happened to any job since is reason enough.
    """
    ours = [seen for seen in observed.values() if seen.fleet == fleet]
    if ours and not inventory:
        return f"{len(ours)} jobs of this fleet run, and this database has never held one: {RECOVER}"
    unknown = [seen for seen in ours if unheard_of(seen, fleet, revisions)]
    if not unknown:
        return _forgotten_stops(ours, inventory) or _moved_on(ours, inventory, restored)
    example = unknown[0]
    return (
        f"{len(unknown)} jobs of this fleet come from revisions that this database has never seen "
        f"({example.name} from {example.revision[:7]}), so it is older than they are: {RECOVER}"
    )


def _forgotten_stops(ours: Sequence[ObservedBot], inventory: Mapping[str, InventoryEntry]) -> str:
    """Return why bots that we stopped may not simply be started: the database knows of no such stop.

    A stop is always written there before the scheduler is asked, and its end after the bot runs again. What a
    rule stopped is no mystery: the rules are kept beside the jobs.
    """
    stopped = [
        seen
        for seen in ours
        if seen.suspended and not seen.suspended.get("rule") and _runs(inventory.get(seen.name))
    ]
    if not stopped:
        return ""
    example, reason = stopped[0].name, (stopped[0].suspended or {}).get("reason", "")
    return (
        f"{len(stopped)} bots of this fleet were stopped by herdsman ({example}: {reason}), and this "
        f"database has never seen that, so it is older than they are: {RECOVER}"
    )


def _moved_on(
    ours: Sequence[ObservedBot], inventory: Mapping[str, InventoryEntry], restored: float | None
) -> str:
    """Return why jobs may not be corrected: what differs is no drift, but what happened since the backup."""
    if restored is None or not ours:
        return ""
    seen = {one.name: one for one in ours}
    moved = sorted(
        name for name in seen.keys() | inventory.keys() if _has_moved(seen.get(name), inventory.get(name))
    )
    if not moved:
        return ""
    taken = datetime.fromtimestamp(restored, UTC)
    return (
        f"the database was restored from a backup of {taken:%Y-%m-%d %H:%M} UTC, and {len(moved)} bots were "
        f"started, stopped or removed since ({moved[0]}): {RECOVER}"
    )


def _has_moved(seen: ObservedBot | None, entry: InventoryEntry | None) -> bool:
    if entry is None:
        return True
    if seen is None:
        return not entry.halted and not entry.intent
    if seen.phase in _ENDED:
        return not entry.halted
    return seen.phase in _ALIVE and seen.token != entry.token


def _runs(entry: InventoryEntry | None) -> bool:
    """Say whether the inventory holds a bot for running, with no change of it under way."""
    return entry is not None and not entry.halted and not entry.intent


def unheard_of(seen: ObservedBot, fleet: str, revisions: Set[str]) -> bool:
    """Say whether a job with our mark comes from a revision that was never recorded here."""
    return seen.fleet == fleet and bool(seen.revision) and seen.revision not in revisions


def recovered_entries(
    fleet: str,
    observed: Mapping[str, ObservedBot],
    inventory: Mapping[str, InventoryEntry],
    desired: DesiredState | None,
    scheduler: str,
) -> list[InventoryEntry]:
    """Return an inventory entry for every job with our mark that the inventory does not describe."""
    entries = []
    for name, seen in observed.items():
        known = inventory.get(name)
        if seen.fleet != fleet or (known is not None and known.token == seen.token):
            continue
        wanted = desired.bots.get(name) if desired else None
        applied = known.spec if known else None
        spec = next((one for one in (wanted, applied) if one and one.digest == seen.spec), None)
        path = wanted.path if wanted else known.path if known else ""
        source = wanted.source if wanted else known.source if known else ""
        entry = InventoryEntry(name, path, seen.revision, spec, seen.token, scheduler, seen.node)
        entries.append(replace(entry, source=source))
    return entries


def recovered_suspensions(
    fleet: str, observed: Mapping[str, ObservedBot], known: Mapping[str, Suspension], now: float
) -> list[Suspension]:
    """Return the suspensions that the scheduler remembers and the database does not."""
    return [
        _suspension(name, seen.suspended, now)
        for name, seen in observed.items()
        if seen.fleet == fleet
        and seen.suspended
        and not seen.suspended.get("rule")  # rules come back by themselves
        and name not in known
    ]


def ended_suspensions(
    fleet: str,
    observed: Mapping[str, ObservedBot],
    inventory: Mapping[str, InventoryEntry],
    known: Mapping[str, Suspension],
) -> list[str]:
    """Return the bots that were resumed since: the database still has them suspended, and they run anew."""
    return [
        name
        for name, seen in observed.items()
        if name in known
        and seen.fleet == fleet
        and not seen.suspended
        and seen.phase in _ALIVE
        and (name not in inventory or inventory[name].token != seen.token)
    ]


def _suspension(bot: str, kept: Mapping[str, str], now: float) -> Suspension:
    return Suspension(
        bot=bot,
        by=kept.get("by") or "unknown",
        reason=kept.get("reason") or "suspended before the database was lost",
        since=_number(kept.get("since")) or now,
        until=_number(kept.get("until")),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
