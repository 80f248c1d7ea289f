"""What changed between two specs of a bot, in a few words for people, without a secret in them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.bot import BotSpec, BotType

SHOWN = 3
"""Differences named in a summary; the rest is counted."""

_SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|mnemonic|private|signature|auth|(api|access|secret)[_-]?key|^key$",
    re.IGNORECASE,
)
_TOLD_ELSEWHERE = frozenset(
    {"name", "type", "version", "mode", "schedule", "timezone", "enabled", "herdsman"}
    | {"memory_limit", "memory_request", "cpu_limit", "cpu_request"}
)
_MISSING: Any = object()
_LONGEST = 40


def describe_new(spec: BotSpec) -> str:
    """Return what a new bot is: `realtime, 64 MiB`, or `scheduled 0 * * * *, 64 MiB`."""
    kind = f"scheduled {spec.schedule}" if spec.type is BotType.SCHEDULED else "realtime"
    limit = spec.resources.memory_limit
    return f"{kind}, {bytes_text(limit)}" if limit else kind


def describe_update(old: BotSpec | None, new: BotSpec) -> str:
    """Return the summary of an update: its first differences, and how many more there are."""
    if old is None:
        return describe_new(new)
    texts = list(spec_changes(old, new))
    if not texts:
        return "settings changed"
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def spec_changes(old: BotSpec, new: BotSpec) -> Iterator[str]:
    """Yield every difference that a person would name, the program first, then parameters and policy."""
    yield from _program_changes(old, new)
    yield from _parameter_changes(_config(old), _config(new))
    for label, before, after in _policy(old, new):
        if before != after:
            yield f"{label} {before or 'none'} -> {after or 'none'}"
    for label in ("restart", "lease", "labels"):
        if getattr(old, label) != getattr(new, label):
            yield f"{label} changed"
    yield from _secret_changes(old, new)


def bytes_text(size: int | None) -> str:
    """Return a size as people write it: `64 MiB`."""
    if size is None:
        return ""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:g} {unit}" if amount == round(amount, 2) else f"{amount:.1f} {unit}"


def _program_changes(old: BotSpec, new: BotSpec) -> Iterator[str]:
    before, after = old.program, new.program
    if before.name != after.name:
        yield f"program {before.name} {before.version} -> {after.name} {after.version}"
    elif before.version != after.version:
        yield f"program {after.name} {before.version} -> {after.version}"
    elif (before.tree, before.dependencies_id) != (after.tree, after.dependencies_id):
        yield f"program {after.name} {after.version}, other content"


def _policy(old: BotSpec, new: BotSpec) -> Iterator[tuple[str, str, str]]:
    yield "mode", old.mode.value, new.mode.value
    yield "environment", old.environment, new.environment
    yield "schedule", old.schedule, new.schedule
    yield "timezone", old.timezone, new.timezone
    for name in ("memory_limit", "memory_request"):
        before, after = getattr(old.resources, name), getattr(new.resources, name)
        yield name.replace("_", " "), bytes_text(before), bytes_text(after)
    for name in ("cpu_limit", "cpu_request"):
        before, after = getattr(old.resources, name), getattr(new.resources, name)
        yield name.replace("_", " "), _millicores(before), _millicores(after)
    for name in ("timeout", "kill_timeout", "healthy_after"):
        yield name.replace("_", " "), f"{getattr(old, name):g} s", f"{getattr(new, name):g} s"
    for name in ("priority", "account", "currency", "annualization", "catch_up"):
        yield name.replace("_", " "), str(getattr(old, name)), str(getattr(new, name))


def _millicores(value: int | None) -> str:
    return "" if value is None else f"{value}m"


def _secret_changes(old: BotSpec, new: BotSpec) -> Iterator[str]:
    before = {secret.variable: secret.reference for secret in old.secrets}
    after = {secret.variable: secret.reference for secret in new.secrets}
    for variable in sorted(before.keys() | after.keys()):
        if before.get(variable) != after.get(variable):
            verb = "added" if variable not in before else "removed" if variable not in after else "changed"
            yield f"secret {variable} {verb}"


def _config(spec: BotSpec) -> Mapping[str, Any]:
    config = json.loads(spec.config_json or "{}")
    nested = config.get("config")
    parameters = {key: value for key, value in config.items() if key not in _TOLD_ELSEWHERE}
    if isinstance(nested, dict):
        parameters.pop("config")
        parameters |= nested
    return parameters


def _parameter_changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key, _MISSING), new.get(key, _MISSING)
        if before == after and type(before) is type(after):
            continue
        name = f"{prefix}{key}"
        if isinstance(before, dict) and isinstance(after, dict) and not _SECRET.search(key):
            yield from _parameter_changes(before, after, f"{name}.")
        else:
            yield _one_change(name, before, after, hidden=bool(_SECRET.search(key)))


def _one_change(name: str, before: Any, after: Any, *, hidden: bool) -> str:
    if before is _MISSING:
        return f"{name} added" if hidden else f"{name} added: {_value(after)}"
    if after is _MISSING:
        return f"{name} removed"
    return f"{name} changed" if hidden else f"{name} {_value(before)} -> {_value(after)}"


def _value(value: Any) -> str:
    if isinstance(value, dict | list) and _holds_secret(value):
        return "..."
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_SECRET.search(str(key)) or _holds_secret(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_secret(item) for item in value)
