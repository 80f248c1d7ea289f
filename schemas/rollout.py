"""How and when changes reach many bots: waves, and the windows in which they may be made.

Values of `herdsman.yaml`, read from a document of sound structure; what is wrong in its texts is told here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.market_calendars import calendar_error
from schemas.quantities import InvalidQuantity, parse_duration
from schemas.schedules import schedule_errors
from schemas.suggestions import nearest
from schemas.words import quoted, shown

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class WaveSize:
    """How many bots one wave has: a number, or a share (0 to 1) of all that change."""

    bots: int = 0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class RolloutPolicy:
    """How a change of many bots is divided; durations in seconds.

    `waves` are the sizes of the waves before the last one, which holds the rest. Bots with all labels of
    `canary` come first, as a wave of their own. Up to `at_once` updates of one revision go without waves;
    `most` bots of a wave are on their way at once (0: all). A bot that is not healthy within `timeout` stops
    it.
    """

    waves: tuple[WaveSize, ...] = (WaveSize(bots=1), WaveSize(share=0.1))
    canary: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 5
    most: int = 0
    pause: float = 0.0
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """The fleet's policy, those of single programs by name, and how quickly bots of one account start."""

    policy: RolloutPolicy = RolloutPolicy()
    programs: Mapping[str, RolloutPolicy] = field(default_factory=dict)
    starts_per_second: float = 5.0
    """Bots of one account and exchange that are started a second; 0: as many as there are."""

    def of(self, program: str) -> RolloutPolicy:
        """Return the policy for a program's bots."""
        return self.programs.get(program, self.policy)


@dataclass(frozen=True, slots=True)
class SyncWindow:
    """A time in which changes may be applied, or may not; for all bots, or some environments' and labels'.

    It opens at each slot of `schedule` and lasts `duration` seconds; with `calendar` it is the time in which
    that market is open, `margin` seconds more on either side.
    """

    kind: str = "allow"
    schedule: str = ""
    duration: float = 0.0
    timezone: str = "UTC"
    calendar: str = ""
    margin: float = 0.0
    environments: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, environment: str, labels: Mapping[str, str]) -> bool:
        """Say whether it holds for a bot of this environment with these labels."""
        inside = not self.environments or environment in self.environments
        return inside and all(labels.get(key) == value for key, value in self.labels.items())


def rollout_errors(document: Document, value: Mapping[str, Any]) -> list[ManifestError]:
    """Return what is wrong with the sizes and durations of `rollout:`."""
    errors = _policy_errors(document, ("rollout",), value)
    for name, policy in value.get("programs", {}).items():
        errors += _policy_errors(document, ("rollout", "programs", name), policy or {})
    return errors


def _policy_errors(document: Document, path: Path, value: Mapping[str, Any]) -> list[ManifestError]:
    errors = [
        document.error((*path, "waves", index), _size_text((*path, "waves", index), size))
        for index, size in enumerate(value.get("waves", ()))
        if _size(size) is None
    ]
    for key, least in (("pause", 0.0), ("timeout", 1.0)):
        errors += duration_errors(document, (*path, key), value.get(key), least, 30 * _DAY)
    return errors


def _size_text(path: Path, size: object) -> str:
    return f'{named(path)} must be a number of bots or a share such as "10%", not {shown(size)}'


def duration_errors(
    document: Document, path: Path, value: object, least: float, most: float
) -> list[ManifestError]:
    """Return what is wrong with a duration, nothing where there is none."""
    if value is None:
        return []
    try:
        seconds = parse_duration(value)
    except InvalidQuantity as error:
        return [document.error(path, f"{named(path)}: {error}, not {shown(value)}", error.suggestion)]
    if least <= seconds <= most:
        return []
    wanted = "more than 0" if seconds < least else f"at most {most / _DAY:.0f} days"
    return [document.error(path, f"{named(path)} must be {wanted}, not {shown(value)}")]


def window_errors(
    document: Document, path: Path, value: Mapping[str, Any], environments: Mapping[str, Any]
) -> list[ManifestError]:
    """Return what is wrong with one window; `environments` are those that the fleet declares."""
    errors = schedule_errors(document, path, dict(value))
    if "calendar" in value:
        errors += calendar_error(document, (*path, "calendar"), value["calendar"])
        errors += [
            document.error(
                (*path, key), f'"{key}" does not go with "calendar", which knows its own times', key=True
            )
            for key in ("schedule", "duration", "timezone")
            if key in value
        ]
        errors += duration_errors(document, (*path, "margin"), value.get("margin"), 0, _DAY)
    else:
        errors += [
            document.error(
                path, f'missing key "{key}": a window opens by a schedule for a duration, or has a calendar'
            )
            for key in ("schedule", "duration")
            if key not in value
        ]
        errors += duration_errors(document, (*path, "duration"), value.get("duration"), 1e-9, 366 * _DAY)
        if "margin" in value:
            errors.append(
                document.error((*path, "margin"), '"margin" is for windows with a calendar', key=True)
            )
    for index, name in enumerate(value.get("environments", ())):
        if environments and name not in environments:
            place = (*path, "environments", index)
            message = f"unknown environment {quoted(name)}"
            errors.append(document.error(place, message, nearest(name, environments)))
    return errors


def read_rollout(value: Mapping[str, Any]) -> Rollout:
    """Return the rollout of a sound document."""
    policy = _policy(value, RolloutPolicy())
    programs = {name: _policy(part or {}, policy) for name, part in value.get("programs", {}).items()}
    return Rollout(policy, programs, float(value.get("starts_per_second", Rollout().starts_per_second)))


def _policy(value: Mapping[str, Any], base: RolloutPolicy) -> RolloutPolicy:
    sizes = tuple(size for text in value.get("waves", ()) if (size := _size(text)) is not None)
    return RolloutPolicy(
        waves=sizes if "waves" in value else base.waves,
        canary=value.get("canary", base.canary),
        at_once=value.get("at_once", base.at_once),
        most=value.get("most", base.most),
        pause=parse_duration(value["pause"]) if "pause" in value else base.pause,
        timeout=parse_duration(value["timeout"]) if "timeout" in value else base.timeout,
    )


def read_window(value: Mapping[str, Any]) -> SyncWindow:
    """Return one window of a sound document."""
    standard = SyncWindow()
    return SyncWindow(
        kind=value.get("kind", standard.kind),
        schedule=value.get("schedule", ""),
        duration=parse_duration(value.get("duration", 0)),
        timezone=value.get("timezone", standard.timezone),
        calendar=value.get("calendar", ""),
        margin=parse_duration(value.get("margin", 0)),
        environments=tuple(value.get("environments", ())),
        labels=value.get("labels", {}),
    )


def _size(value: object) -> WaveSize | None:
    """Return a wave's size from `3` or `10%`, None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return WaveSize(bots=value) if 1 <= value <= 1_000_000 else None
    text = str(value).strip()
    if isinstance(value, str) and text.endswith("%") and text[:-1].strip().isdigit():
        share = int(text[:-1]) / 100
        return WaveSize(share=share) if 0 < share <= 1 else None
    return None
