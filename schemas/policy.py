"""The `herdsman:` block and the resources of an instance: their quantities checked, and read into values."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from schemas.alert_rules import rule_errors
from schemas.bot import Lease, Resources, RestartPolicy
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.liveness import liveness_errors
from schemas.quantities import InvalidQuantity, format_duration, parse_cpu, parse_duration, parse_memory
from schemas.risk import risk_errors
from schemas.secret_reference import InvalidReference, SecretReference, read_reference
from schemas.words import quoted, shown

_HOUR = 3600.0
_DAY = 24 * _HOUR
_DURATIONS: Mapping[Path, tuple[float, float]] = {
    ("timeout",): (1, 30 * _DAY),
    ("kill_timeout",): (0, _DAY),
    ("healthy_after",): (0, _DAY),
    ("healthy_within",): (1, _DAY),
    ("restart", "first_delay"): (0.1, _HOUR),
    ("restart", "max_delay"): (0.1, _DAY),
    ("restart", "reset_after"): (1, 30 * _DAY),
    ("restart", "degraded_window"): (1, 30 * _DAY),
    ("lease", "ttl"): (10, _HOUR),
    ("lease", "renew_every"): (1, _HOUR),
    ("lease", "terminate_after"): (1, _HOUR),
    ("lease", "kill_after"): (1, _HOUR),
    ("lease", "fail_over_after"): (1, 30 * _DAY),
    ("liveness", "market_data"): (5, 30 * _DAY),
    ("liveness", "loop"): (5, 30 * _DAY),
    ("liveness", "output"): (5, 30 * _DAY),
    ("liveness", "orders"): (5, 30 * _DAY),
    ("liveness", "stream"): (15, _DAY),
    ("liveness", "warm_up"): (0, _DAY),
}
"""Every duration of the block, with its bounds in seconds."""

_RESOURCES: Mapping[str, Callable[[object], int]] = {
    "memory_limit": parse_memory,
    "memory_request": parse_memory,
    "cpu_limit": parse_cpu,
    "cpu_request": parse_cpu,
}
RESOURCE_KEYS = tuple(_RESOURCES)

_OWN_VARIABLES = (
    *("BOT_ID", "BOT_CONFIG", "BOT_TYPE", "ENTRYPOINT_TYPE", "SCRIPT_PATH", "CODE_MOUNT_DIR", "STATE_DIR"),
    *("PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED", "QUERY_PATH", "QUERY_PARAMS", "THE0_QUERY_PORT"),
)
_OWN_PREFIXES = ("HERDSMAN_", "NOMAD_", "LD_")

SCHEDULED_ONLY = ("timeout", "catch_up")
REALTIME_ONLY = ("restart",)


def check_policy(document: Document, path: Path, block: Any) -> list[ManifestError]:
    """Return what is wrong with the quantities and names of a `herdsman:` block of sound structure."""
    if not isinstance(block, dict):
        return []
    errors = [_duration_error(document, path, block, key, bounds) for key, bounds in _DURATIONS.items()]
    found = [error for error in errors if error is not None] + _secret_errors(document, path, block)
    found += liveness_errors(document, (*path, "liveness"), block.get("liveness"))
    if isinstance(block.get("alerts"), dict):
        found += rule_errors(document, (*path, "alerts", "rules"), block["alerts"].get("rules"))
    found += risk_errors(document, (*path, "risk"), block.get("risk"))
    if not found and isinstance(block.get("lease"), dict) and (problem := lease_problem(read_lease(block))):
        found.append(document.error((*path, "lease"), problem, key=True))
    return found


def _duration_error(
    document: Document, path: Path, block: dict[str, Any], key: Path, bounds: tuple[float, float]
) -> ManifestError | None:
    value: Any = block
    for part in key:
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    place = (*path, *key)
    least, most = bounds
    try:
        seconds = parse_duration(value)
    except InvalidQuantity as error:
        return document.error(place, f"{named(place)}: {error}, not {shown(value)}", error.suggestion)
    if least <= seconds <= most:
        return None
    limits = f"from {format_duration(least)} to {format_duration(most)}"
    return document.error(place, f"{named(place)} must be {limits}, not {shown(value)}")


def _secret_errors(document: Document, path: Path, block: dict[str, Any]) -> list[ManifestError]:
    secrets = block.get("secrets")
    if not isinstance(secrets, dict):
        return []
    own = [
        document.error((*path, "secrets", name), f"the variable {quoted(name)} is set by herdsman", key=True)
        for name in secrets
        if name in _OWN_VARIABLES or name.startswith(_OWN_PREFIXES)
    ]
    return own + [
        error
        for name, written in secrets.items()
        if (error := _reference_error(document, (*path, "secrets", name), name, written)) is not None
    ]


def _reference_error(document: Document, place: Path, name: str, written: Any) -> ManifestError | None:
    try:
        read_reference(name, written)
    except InvalidReference as error:
        return document.error(place, f"{named(place)}: {error}", error.suggestion)
    return None


def lease_problem(lease: Lease) -> str | None:
    """Return why the times of a lease do not fit together, or None."""
    if lease.renew_every < lease.terminate_after < lease.kill_after < lease.ttl:
        return None
    named_times = ("ttl", "renew_every", "terminate_after", "kill_after")
    times = ", ".join(f"{name} {format_duration(getattr(lease, name))}" for name in named_times)
    return (
        f"a lease needs renew_every < terminate_after < kill_after < ttl, this has {times}: "
        "a bot must be dead before its lease can expire"
    )


def check_resources(document: Document, path: Path, values: Mapping[str, Any]) -> list[ManifestError]:
    """Return what is wrong with memory and CPU, each alone and the request against its limit."""
    errors: list[ManifestError] = []
    amounts: dict[str, int] = {}
    for key, parse in _RESOURCES.items():
        value = values.get(key)
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            continue
        try:
            amounts[key] = parse(value)
        except InvalidQuantity as error:
            message = f"{named((*path, key))}: {error}, not {shown(value)}"
            errors.append(document.error((*path, key), message, error.suggestion))
    for kind in ("memory", "cpu"):
        limit, request = amounts.get(f"{kind}_limit"), amounts.get(f"{kind}_request")
        if limit is not None and request is not None and request > limit:
            message = f'"{kind}_request" is more than "{kind}_limit"'
            errors.append(document.error((*path, f"{kind}_request"), message))
    return errors


def read_resources(values: Mapping[str, Any]) -> Resources:
    """Return the resources of sound values."""
    return Resources(**{key: parse(values[key]) for key, parse in _RESOURCES.items() if key in values})


def read_lease(block: Mapping[str, Any]) -> Lease:
    """Return the lease of a sound block; times that are not given keep their share of the time to live."""
    given = {key: parse_duration(value) for key, value in block.get("lease", {}).items()}
    standard = Lease()
    scale = given.get("ttl", standard.ttl) / standard.ttl
    names = [field.name for field in fields(Lease)]
    return Lease(**{name: given.get(name, getattr(standard, name) * scale) for name in names})


def read_restart(block: Mapping[str, Any]) -> RestartPolicy:
    """Return the restart policy of a sound block."""
    given: dict[str, Any] = block.get("restart", {})
    times: dict[str, Any] = {
        key: parse_duration(value) for key, value in given.items() if key != "degraded_crashes"
    }
    crashes = given.get("degraded_crashes", RestartPolicy().degraded_crashes)
    return replace(RestartPolicy(**times), degraded_crashes=crashes)


def read_secrets(block: Mapping[str, Any]) -> tuple[SecretReference, ...]:
    """Return the secrets' references of a sound block, by variable."""
    return tuple(read_reference(name, where) for name, where in sorted(block.get("secrets", {}).items()))


def normalized(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sound block with every duration in seconds, so that "60s" and "1m" are the same.

    Of a secret only its reference stays: in one form, and without what does not change the bot itself.
    """
    done: dict[str, Any] = {
        key: dict(value) if isinstance(value, dict) else value for key, value in block.items()
    }
    if isinstance(done.get("secrets"), dict):
        done["secrets"] = {one.variable: one.reference for one in read_secrets(block)}
    for path in _DURATIONS:
        holder: Any = done if len(path) == 1 else done.get(str(path[0]))
        if isinstance(holder, dict) and path[-1] in holder:
            holder[path[-1]] = parse_duration(holder[path[-1]])
    return done


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two mappings of settings as one: mappings inside are merged, anything else is replaced."""
    done = dict(base)
    for key, value in over.items():
        before = done.get(key)
        done[key] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return done
