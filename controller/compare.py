"""Desired against observed: one difference for each bot that is not as it should be.

Pure. What is not ours is never a difference to act on: a job without our mark is `FOREIGN`, and what the
inventory has never held is left alone as well until an operator recovers or adopts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from controller.differences import describe_new, describe_update
from controller.records import Halt, InventoryEntry, Rules, Suspension
from controller.schedulers.protocol import ObservedBot, Phase
from controller.scopes import ALL, bot_scope, scope_words, scopes_of
from controller.status import DriftKind
from gitops.desired import DesiredState
from schemas.bot import BotSpec


class Kind(StrEnum):
    """How a bot differs."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    """Git lacks it: stop it, then forget it."""
    STOP = "stop"
    """Git or an operator wants it stopped."""
    DRIFTED = "drifted"
    """It was stopped, changed or removed behind our back."""
    PROTECTED = "protected"
    """Its manifest failed to load: neither changed nor pruned."""
    ADOPT = "adopt"
    """It runs as it should; only the inventory does not say so yet (a crash in between)."""
    FOREIGN = "foreign"
    """Not ours: never touched."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that one comparison reads; every mapping is by bot name."""

    fleet: str
    observed: Mapping[str, ObservedBot] = field(default_factory=dict)
    inventory: Mapping[str, InventoryEntry] = field(default_factory=dict)
    suspensions: Mapping[str, Suspension] = field(default_factory=dict)
    rules: Rules = Rules()
    """The suspensions of scopes, and the kill switches."""

    def scopes(self, name: str, spec: BotSpec | None) -> frozenset[str]:
        """Return every scope that a bot is in: as git declares it (`spec`), as it was applied, as it runs.

        All of them, so that nobody gets a bot out of a rule by giving it another label.
        """
        owned, seen = self.inventory.get(name), self.observed.get(name)
        applied = owned.spec if owned is not None else None
        runs = seen.scopes if seen is not None else frozenset()
        declared = scopes_of(spec) if spec is not None else frozenset()
        before = scopes_of(applied) if applied is not None and applied is not spec else frozenset()
        return declared | before | runs | {ALL, bot_scope(name)}

    def suspended(self, name: str, spec: BotSpec | None) -> tuple[Suspension, ...]:
        """Return everything that keeps a bot from running: kill switches, rules of scopes, its own."""
        own = self.suspensions.get(name)
        found = self.rules.over(self.scopes(name, spec)) if self.rules.rules else ()
        return (*found, own) if own is not None else found


@dataclass(frozen=True, slots=True)
class Difference:
    """How one bot differs, in words; `blocked` says why nothing may be done about it yet."""

    bot: str
    kind: Kind
    summary: str = ""
    reason: str = ""
    blocked: str = ""
    spec: BotSpec | None = None
    """What it should be, where it should run."""
    unread: bool = False
    """It is protected because its source has not been read."""
    drift: DriftKind | None = None
    """What was done to it behind our back, where it drifted."""

    @property
    def acts(self) -> bool:
        """Whether something is to be done, and may be."""
        return self.wants and not self.blocked

    @property
    def wants(self) -> bool:
        """Whether something is to be done, now or once it is no longer blocked."""
        return self.kind in _ACTING


_ACTING = frozenset({Kind.CREATE, Kind.UPDATE, Kind.REMOVE, Kind.STOP, Kind.DRIFTED})


def differs(spec: BotSpec, before: BotSpec | None) -> bool:
    """Say whether a bot's specification is another one; most are the very same object from build to build."""
    return spec is not before and spec != before


def compare(desired: DesiredState, known: Known) -> list[Difference]:
    """Return the differences of a whole fleet, sorted by bot; bots as they should be are left out."""
    names = desired.bots.keys() | known.inventory.keys() | known.observed.keys()
    found = (compare_bot(name, desired, known) for name in names if not _settled(name, desired, known))
    return sorted((one for one in found if one.kind is not Kind.NONE), key=lambda one: one.bot)


def compare_bot(name: str, desired: DesiredState, known: Known) -> Difference:
    """Return how one bot differs from what `desired` asks for."""
    seen = known.observed.get(name)
    owned = known.inventory.get(name)
    if seen is not None and not is_ours(seen, known.fleet, owned):
        return Difference(name, Kind.FOREIGN, reason="a job of this name belongs to somebody else")
    spec = desired.bots.get(name)
    suspended = known.suspended(name, spec)
    if owned is not None and desired.fails(owned.source, owned.path, name):
        return _protected(owned, seen, suspended, _mistake(owned, desired))
    if owned is not None and name not in desired.overlaid and (unread := desired.unread_text(owned.source)):
        return replace(_protected(owned, seen, suspended, unread), unread=True)
    if spec is None:
        return _unwanted(name, seen, owned, desired, suspended)
    if suspended:
        return _stopped(name, seen, suspension_reason(suspended[0]))
    if not spec.enabled:
        return _stopped(name, seen, "disabled in git")
    return _wanted(spec, seen, owned)


def drift_of(name: str, known: Known) -> Difference | None:
    """Return how a bot differs from what was last applied, where that was undone behind our back."""
    owned = known.inventory.get(name)
    if owned is None or owned.spec is None or owned.halted:
        return None
    kept = _wanted(owned.spec, known.observed.get(name), owned)
    return kept if kept.kind is Kind.DRIFTED else None


def moved_manifests(desired: DesiredState, inventory: Mapping[str, InventoryEntry]) -> list[InventoryEntry]:
    """Return the entries whose manifest lies elsewhere now, so that protection follows the file."""
    return [
        replace(
            entry,
            path=spec.path,
            source=spec.source,
            spec=replace(entry.spec, path=spec.path, source=spec.source) if entry.spec else None,
        )
        for name, entry in inventory.items()
        if (spec := desired.bots.get(name)) is not None
        and (spec.path, spec.source) != (entry.path, entry.source)
        and not desired.fails(entry.source, entry.path, "")
    ]


def is_ours(seen: ObservedBot, fleet: str, owned: InventoryEntry | None) -> bool:
    """Say whether a job is ours: by its mark, or by the inventory where its mark was lost."""
    return seen.fleet == fleet or (not seen.fleet and owned is not None)


def _settled(name: str, desired: DesiredState, known: Known) -> bool:
    """Say quickly that a bot runs exactly as it should: the way of nearly every bot in nearly every pass."""
    spec, seen, owned = desired.bots.get(name), known.observed.get(name), known.inventory.get(name)
    return (
        spec is not None
        and seen is not None
        and owned is not None
        and owned.spec is not None
        and spec.enabled
        and seen.spec == spec.digest == owned.spec.digest
        and seen.token == owned.token
        and seen.fleet == known.fleet
        and seen.phase in _ALIVE
        and name not in known.suspensions
        and not owned.halted
        and not (known.rules.rules and known.suspended(name, spec))
        and not desired.fails(owned.source, owned.path, name)
    )


_ALIVE = frozenset({Phase.PENDING, Phase.RUNNING, Phase.IDLE})
_ENDING = frozenset({Phase.STOPPING, Phase.STOPPED})


def _mistake(owned: InventoryEntry, desired: DesiredState) -> str:
    errors = desired.errors_of(owned.source)
    mistake = next((str(one) for one in errors if one.file == owned.path and not one.warning), "")
    return mistake or f"{owned.path} did not load"


def _protected(
    owned: InventoryEntry, seen: ObservedBot | None, suspended: tuple[Suspension, ...], why: str
) -> Difference:
    """Keep a bot as it was last applied: only an operator's stop or a drift is acted upon."""
    if suspended:
        return _stopped(owned.bot, seen, suspension_reason(suspended[0]))
    if owned.spec is not None and owned.halted in (Halt.NONE, Halt.SUSPENDED):
        kept = _wanted(owned.spec, seen, owned)
        if kept.kind in (Kind.DRIFTED, Kind.UPDATE):
            return kept
    return Difference(owned.bot, Kind.PROTECTED, reason=f"{why}; the bot stays as it was last applied")


def _unwanted(
    name: str,
    seen: ObservedBot | None,
    owned: InventoryEntry | None,
    desired: DesiredState,
    suspended: tuple[Suspension, ...],
) -> Difference:
    if owned is None:
        reason = "a job with this fleet's mark that the inventory has never held"
        return Difference(name, Kind.FOREIGN, reason=reason)
    stop = _stopped(name, seen, suspension_reason(suspended[0])) if suspended else None
    if stop is not None and stop.wants:
        return stop
    if kept := desired.keeps(owned.source):
        return Difference(name, Kind.PROTECTED, reason=kept)
    if source := desired.may_declare(owned.source, owned.path, name):
        reason = f"a manifest of the source {source} that did not load may declare it, so it is not pruned"
        return Difference(name, Kind.PROTECTED, reason=reason)
    return Difference(name, Kind.REMOVE, "removed", _gone_text(owned, desired), _lost(seen))


def _gone_text(owned: InventoryEntry, desired: DesiredState) -> str:
    part = desired.of_source(owned.source)
    if part is not None and part.held_at is not None:
        return f"{part.held_at.short}, which all bots are held at, has no {owned.bot}"
    return f"{owned.path or owned.bot} is gone"


def suspension_reason(suspension: Suspension) -> str:
    """Return why a bot is stopped, as its job tells it."""
    word = "kill switch" if suspension.kill else "suspended"
    about = f" ({scope_words(suspension.scope)})" if suspension.scope else ""
    return f'{word} by {suspension.by}: "{suspension.reason}"{about}'


def _stopped(name: str, seen: ObservedBot | None, reason: str) -> Difference:
    if seen is None or seen.phase in _ENDING:
        return Difference(name, Kind.NONE)
    return Difference(name, Kind.STOP, reason, reason, _lost(seen))


def _wanted(spec: BotSpec, seen: ObservedBot | None, owned: InventoryEntry | None) -> Difference:
    applied = owned.spec if owned else None
    blocked = (_unanswered(seen) or _stopping(seen)) if seen else ""
    if applied is None and seen is None:
        return Difference(spec.name, Kind.CREATE, describe_new(spec), "new in git", spec=spec)
    if applied is not None and applied.digest != spec.digest:
        if seen is not None and seen.spec == spec.digest and seen.phase in _ALIVE:
            return Difference(spec.name, Kind.ADOPT, spec=spec)
        summary = describe_update(applied, spec)
        return Difference(spec.name, Kind.UPDATE, summary, "changed in git", blocked, spec)
    if owned is not None and (owned.halted or _by_rule(seen)) and (seen is None or seen.phase in _ENDING):
        reason = "no longer stopped"
        return Difference(spec.name, Kind.UPDATE, "started again", reason, blocked, spec)
    if seen is None:
        return _drifted(spec, DriftKind.PURGED, "its job was removed behind our back")
    return _compare_content(spec, seen, owned, blocked)


def _compare_content(
    spec: BotSpec, seen: ObservedBot, owned: InventoryEntry | None, blocked: str
) -> Difference:
    if seen.spec != spec.digest:
        if owned is None or owned.spec is None:
            return Difference(spec.name, Kind.UPDATE, describe_new(spec), "changed in git", blocked, spec)
        return _changed(spec, seen, blocked)
    if seen.phase is Phase.LOST:
        if seen.replaceable:
            text = f"{_silent(seen)} for long; a copy elsewhere waits for its lease"
            return _drifted(spec, DriftKind.NODE_SILENT, text)
        return Difference(spec.name, Kind.NONE, blocked=blocked)
    if seen.phase in _ENDING:
        return _drifted(spec, DriftKind.STOPPED, "it was stopped behind our back", blocked)
    if owned is None or owned.halted or not owned.token:
        return Difference(spec.name, Kind.ADOPT, spec=spec)
    if owned.token != seen.token:
        return _changed(spec, seen)
    return Difference(spec.name, Kind.NONE)


def _changed(spec: BotSpec, seen: ObservedBot, blocked: str = "") -> Difference:
    """Name what was changed of a job behind our back, as far as it shows."""
    if not seen.fleet:
        return _drifted(spec, DriftKind.MARK_LOST, "its job lost our mark behind our back", blocked)
    if seen.count != 1:
        text = f"its count was set to {seen.count} behind our back, and a bot is one copy"
        return _drifted(spec, DriftKind.SCALED, text, blocked)
    return _drifted(spec, DriftKind.CHANGED, "its job was changed behind our back", blocked)


def _by_rule(seen: ObservedBot | None) -> bool:
    """Say whether a rule stopped a job, which it says itself, whatever a lost database knows of it."""
    return seen is not None and seen.suspended is not None and bool(seen.suspended.get("rule"))


def _drifted(spec: BotSpec, kind: DriftKind, reason: str, blocked: str = "") -> Difference:
    return Difference(spec.name, Kind.DRIFTED, reason, reason, blocked, spec, drift=kind)


def _lost(seen: ObservedBot | None) -> str:
    if seen is None or seen.phase is not Phase.LOST:
        return ""
    return f"{_silent(seen)}; the bot may still run there"


def _unanswered(seen: ObservedBot) -> str:
    """Return why a bot cannot be started anew because of its node, "" where it may be elsewhere."""
    return "" if seen.replaceable else _lost(seen)


def _silent(seen: ObservedBot) -> str:
    return f"{f'node {seen.node}' if seen.node else 'its node'} does not answer"


def _stopping(seen: ObservedBot) -> str:
    return "its last copy is still stopping" if seen.phase is Phase.STOPPING else ""
