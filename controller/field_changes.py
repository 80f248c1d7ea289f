"""What differs between two specs of a bot, field by field as text, without a secret in it. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from controller.records import FieldChange
from schemas.bot import BotSpec
from schemas.quantities import format_bytes
from schemas.secret_values import looks_secret
from schemas.sharing import shared

MOST = 60
"""Fields told of one change; the rest is counted."""
LONGEST = 200
"""Characters of a value that are told."""
HIDDEN = "(hidden)"

_SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|mnemonic|private|signature|auth|(api|access|secret)[_-]?key|^key$",
    re.IGNORECASE,
)
_TOLD_ELSEWHERE = frozenset(
    {"name", "type", "version", "mode", "schedule", "timezone", "enabled", "herdsman"}
    | {"memory_limit", "memory_request", "cpu_limit", "cpu_request"}
)
_MISSING: Any = object()


def field_changes(old: BotSpec | None, new: BotSpec | None) -> tuple[FieldChange, ...]:
    """Return what differs, as a change keeps it; of a new bot what it is, of a removed one nothing."""
    if new is None:
        return ()
    found = list(spec_fields(old, new) if old is not None else _given(new))
    if len(found) > MOST:
        more = len(found) - MOST
        found = [*found[:MOST], FieldChange(f"and {more} more", None, None)]
    return tuple(map(shared, found))


def spec_fields(old: BotSpec, new: BotSpec) -> Iterator[FieldChange]:
    """Yield every field that differs, the program first, then parameters, policy and secrets' names."""
    yield from _program(old, new)
    yield from _parameters(_config(old), _config(new))
    for label, before, after in _policy(old, new):
        if before != after:
            yield FieldChange(label, before or None, after or None)
    yield from _secrets(old, new)


def bytes_text(size: int | None) -> str:
    """Return a size as people write it: `64 MiB`."""
    return "" if size is None else format_bytes(size)


def _given(new: BotSpec) -> Iterator[FieldChange]:
    """Yield what a new bot is told to be."""
    yield FieldChange("program", None, f"{new.program.name} {new.program.version}")
    yield from _parameters({}, _config(new))
    wanted = {"mode", "environment", "schedule", "memory limit", "cpu limit", "account", "currency"}
    for label, value, _ in _policy(new, new):
        if label in wanted and value:
            yield FieldChange(label, None, value)
    for secret in new.secrets:
        yield FieldChange(f"secret {secret.variable}", None, HIDDEN)


def _program(old: BotSpec, new: BotSpec) -> Iterator[FieldChange]:
    before, after = old.program, new.program
    if (before.name, before.version) != (after.name, after.version):
        yield FieldChange("program", f"{before.name} {before.version}", f"{after.name} {after.version}")
    elif (before.tree, before.dependencies_id) != (after.tree, after.dependencies_id):
        yield FieldChange("program content", _content(before), _content(after))


def _content(program: Any) -> str:
    dependencies = f", dependencies {program.dependencies_id[:7]}" if program.dependencies_id else ""
    return f"{program.tree[:7]}{dependencies}"


def _policy(old: BotSpec, new: BotSpec) -> Iterator[tuple[str, str, str]]:
    yield "mode", old.mode.value, new.mode.value
    yield "environment", old.environment, new.environment
    yield "namespace", old.namespace, new.namespace
    yield "region", old.region, new.region
    yield "node pool", old.node_pool, new.node_pool
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
    for name in ("restart", "lease"):
        yield name, _shown(asdict(getattr(old, name))), _shown(asdict(getattr(new, name)))
    for name in ("labels", "alerts", "risk"):
        before, after = dict(getattr(old, name)), dict(getattr(new, name))
        if before != after:
            yield name, _shown(before), _shown(after)
    yield "depends on", ", ".join(old.depends_on), ", ".join(new.depends_on)
    yield "enabled", str(old.enabled).lower(), str(new.enabled).lower()


def _millicores(value: int | None) -> str:
    return "" if value is None else f"{value}m"


def _secrets(old: BotSpec, new: BotSpec) -> Iterator[FieldChange]:
    before = {secret.variable: (secret.reference, secret.digest) for secret in old.secrets}
    after = {secret.variable: (secret.reference, secret.digest) for secret in new.secrets}
    for variable in sorted(before.keys() | after.keys()):
        if before.get(variable) != after.get(variable):
            yield _hidden(f"secret {variable}", variable in before, variable in after)


def _config(spec: BotSpec) -> Mapping[str, Any]:
    config = json.loads(spec.config_json or "{}")
    nested = config.get("config")
    parameters = {key: value for key, value in config.items() if key not in _TOLD_ELSEWHERE}
    if isinstance(nested, dict):
        parameters.pop("config")
        parameters |= nested
    return parameters


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[FieldChange]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key, _MISSING), new.get(key, _MISSING)
        if before == after and type(before) is type(after):
            continue
        name = f"{prefix}{key}"
        secret = bool(_SECRET.search(key)) or _is_secret(before) or _is_secret(after)
        if isinstance(before, dict) and isinstance(after, dict) and not secret:
            yield from _parameters(before, after, f"{name}.")
        elif secret:
            yield _hidden(name, before is not _MISSING, after is not _MISSING)
        else:
            yield FieldChange(name, _text(before), _text(after))


def _hidden(name: str, before: bool, after: bool) -> FieldChange:
    return FieldChange(name, HIDDEN if before else None, HIDDEN if after else None)


def _text(value: Any) -> str | None:
    return None if value is _MISSING else _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list) and _holds_secret(value):
        return "..."
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _is_secret(value: Any) -> bool:
    return isinstance(value, str) and looks_secret(value)


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_SECRET.search(str(key)) or _holds_secret(item) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds_secret(item) for item in value)
    return _is_secret(value)
