"""What changed between two specs of a bot, in a few words for people, without a secret in them."""

from collections.abc import Iterator

from controller.field_changes import HIDDEN, bytes_text, spec_fields
from controller.records import FieldChange
from schemas.bot import BotSpec, BotType

SHOWN = 3
"""Differences named in a summary; the rest is counted."""
_LONGEST = 40
_MOST_KEPT = 1024
_kept: dict[tuple[int, int], tuple[BotSpec, BotSpec, str]] = {}
"""Summaries by the identities of both specs, which the entry keeps. A bot is compared dozens of times on its
way from the one to the other, and finding the words costs more than all the rest of a comparison."""
_ONLY_NAMED = frozenset({"restart", "lease", "labels", "alerts", "risk"})
"""Fields whose values are too long to be read in a line."""


def describe_new(spec: BotSpec) -> str:
    """Return what a new bot is: `realtime, 64 MiB`, or `scheduled 0 * * * *, 64 MiB`."""
    kind = f"scheduled {spec.schedule}" if spec.type is BotType.SCHEDULED else "realtime"
    limit = spec.resources.memory_limit
    return f"{kind}, {bytes_text(limit)}" if limit else kind


def describe_update(old: BotSpec | None, new: BotSpec) -> str:
    """Return the summary of an update: its first differences, and how many more there are."""
    if old is None:
        return describe_new(new)
    kept = _kept.get((id(old), id(new)))
    if kept is not None:
        return kept[2]
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    text = _summary(old, new)
    _kept[id(old), id(new)] = old, new, text
    return text


def _summary(old: BotSpec, new: BotSpec) -> str:
    texts = list(spec_changes(old, new))
    if not texts:
        return "settings changed"
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def spec_changes(old: BotSpec, new: BotSpec) -> Iterator[str]:
    """Return every difference that a person would name, the program first, then parameters and policy."""
    return (_words(change, new) for change in spec_fields(old, new))


def _words(change: FieldChange, new: BotSpec) -> str:
    name, before, after = change.name, change.before, change.after
    if name == "program":
        return f"program {before} -> {_same_program(before or '', after or '')}"
    if name == "program content":
        return f"program {new.program.name} {new.program.version}, other content"
    if name in _ONLY_NAMED or (before == HIDDEN and after == HIDDEN):
        return f"{name} changed"
    if name.startswith("secret ") or name in _POLICY:
        return _policy_words(change)
    if before is None:
        return f"{name} added" if after == HIDDEN else f"{name} added: {_short(after or '')}"
    if after is None:
        return f"{name} removed"
    return f"{name} {_short(before)} -> {_short(after)}"


_POLICY = frozenset(
    {"mode", "environment", "schedule", "timezone", "priority", "account", "currency", "annualization"}
    | {"memory limit", "memory request", "cpu limit", "cpu request", "timeout", "kill timeout"}
    | {"healthy after", "catch up", "depends on", "enabled"}
)


def _policy_words(change: FieldChange) -> str:
    """Say what has always a value, or none: `memory limit none -> 64 MiB`."""
    if change.name.startswith("secret "):
        return f"{change.name} {'added' if change.before is None else 'removed'}"
    return f"{change.name} {change.before or 'none'} -> {change.after or 'none'}"


def _same_program(before: str, after: str) -> str:
    """Return the version alone where the program's name stays."""
    name, _, version = after.rpartition(" ")
    return version if before.startswith(f"{name} ") else after


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
