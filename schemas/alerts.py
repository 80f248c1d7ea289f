"""The `alerts:` of `herdsman.yaml`: who is told of what, and when nobody is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from schemas.cron import next_slot
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.quantities import InvalidQuantity, format_duration, parse_duration
from schemas.schedules import schedule_errors
from schemas.words import shown

_HOUR = 3600.0
_LIMITS: Mapping[str, tuple[float, float]] = {
    "group_wait": (0, _HOUR),
    "repeat": (60, 7 * 24 * _HOUR),
    "duration": (60, 7 * 24 * _HOUR),
}
"""The durations, with their bounds in seconds."""


class Severity(IntEnum):
    """How much something matters."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """Return it as `herdsman.yaml` says it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Route:
    """Who (`to`: names of destinations) hears of what; an empty selector takes everything.

    The selectors are about bots. What concerns the whole fleet goes this way where `fleet` says so.
    """

    to: tuple[str, ...]
    severity: Severity = Severity.WARNING
    environments: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    fleet: bool = True


@dataclass(frozen=True, slots=True)
class Mute:
    """When nothing is sent `to` these destinations (all, where none is named); `duration` in seconds."""

    schedule: str
    duration: float
    timezone: str = "UTC"
    to: tuple[str, ...] = ()

    def until(self, now: float) -> float | None:
        """Return when the window that is open now ends, None where none is open."""
        opened = next_slot(self.schedule, self.timezone, now - self.duration)
        return opened + self.duration if opened <= now else None


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Routes and mutes of a fleet.

    What happens within `group_wait` seconds becomes one message; a bot that fails again within `repeat`
    seconds is told of as flapping, and then no more until it has been well for some time.
    """

    group_wait: float = 10.0
    repeat: float = _HOUR
    routes: tuple[Route, ...] = ()
    mutes: tuple[Mute, ...] = ()


def alert_errors(document: Document, value: Mapping[str, Any]) -> list[ManifestError]:
    """Return what is wrong with the durations and schedules of sound `alerts:`."""
    errors = [
        error
        for key in ("group_wait", "repeat")
        if key in value and (error := _duration_error(document, ("alerts", key), value[key]))
    ]
    return errors + mute_errors(document, ("alerts", "mutes"), value.get("mutes", ()))


def mute_errors(document: Document, path: Path, mutes: Sequence[Mapping[str, Any]]) -> list[ManifestError]:
    """Return what is wrong with the schedules and durations of mutes of sound structure."""
    errors: list[ManifestError] = []
    for index, mute in enumerate(mutes):
        here = (*path, index)
        errors += schedule_errors(document, here, dict(mute))
        if error := _duration_error(document, (*here, "duration"), mute["duration"]):
            errors.append(error)
    return errors


def _duration_error(document: Document, path: Path, value: Any) -> ManifestError | None:
    least, most = _LIMITS[str(path[-1])]
    try:
        seconds = parse_duration(value)
    except InvalidQuantity as error:
        return document.error(path, f"{named(path)}: {error}, not {shown(value)}", error.suggestion)
    if least <= seconds <= most:
        return None
    limits = f"from {format_duration(least)} to {format_duration(most)}"
    return document.error(path, f"{named(path)} must be {limits}, not {shown(value)}")


def read_alerts(value: Mapping[str, Any]) -> AlertSettings:
    """Return sound `alerts:` as values."""
    standard = AlertSettings()
    return AlertSettings(
        parse_duration(value["group_wait"]) if "group_wait" in value else standard.group_wait,
        parse_duration(value["repeat"]) if "repeat" in value else standard.repeat,
        tuple(_route(one) for one in value.get("routes", ())),
        tuple(read_mute(one) for one in value.get("mutes", ())),
    )


def _route(value: Mapping[str, Any]) -> Route:
    return Route(
        tuple(value["to"]),
        Severity[value.get("severity", "warning").upper()],
        tuple(value.get("environments", ())),
        tuple(value.get("accounts", ())),
        tuple(value.get("programs", ())),
        tuple(value.get("modes", ())),
        dict(value.get("labels", {})),
        value.get("fleet", True),
    )


def read_mute(value: Mapping[str, Any]) -> Mute:
    """Return one sound mute."""
    return Mute(
        value["schedule"],
        parse_duration(value["duration"]),
        value.get("timezone", "UTC"),
        tuple(value.get("to", ())),
    )
