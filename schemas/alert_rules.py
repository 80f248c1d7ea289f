"""Alert rules: the `rules:` under `alerts:` of a bot and of the fleet; each has a condition and an action."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.alerts import Mute, Severity, mute_errors, read_mute
from schemas.condition_checks import condition_errors
from schemas.conditions import Condition, read_condition
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.market_calendars import calendar_error
from schemas.quantities import InvalidQuantity, format_duration, parse_duration
from schemas.risk import Action
from schemas.words import shown

_DAY = 86400.0
_DURATIONS: Mapping[str, tuple[float, float]] = {
    "for": (0, 7 * _DAY),
    "recover_for": (0, 7 * _DAY),
    "stop_for": (10, 30 * _DAY),
}


@dataclass(frozen=True, slots=True)
class Selector:
    """Which bots a rule is for; an empty one is for all."""

    bots: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule, for each bot that it selects by itself; durations in seconds.

    It fires once `when` has been true for `hold`, and has recovered once that has been false for
    `recover_for`. `stop_for`: how long a bot stays stopped that its action stops.
    """

    name: str
    when: Condition
    hold: float = 0.0
    recover_for: float = 0.0
    severity: Severity = Severity.WARNING
    action: Action = Action.NOTIFY
    stop_for: float = 900.0
    message: str = ""
    calendar: str = ""
    """The market in whose hours alone the rule is judged, "" for always."""
    mutes: tuple[Mute, ...] = ()
    select: Selector = Selector()
    enabled: bool = True
    built_in: bool = False
    risk: bool = False
    """It stands for a risk limit: people write the limit, not the rule."""


def rule_errors(document: Document, path: Path, rules: Any) -> list[ManifestError]:
    """Return what is wrong with the texts of `rules:` of sound structure."""
    errors: list[ManifestError] = []
    for name, rule in rules.items() if isinstance(rules, dict) else ():
        here = (*path, name)
        if not isinstance(rule, dict):
            continue
        for key in _DURATIONS:
            errors += _duration_errors(document, (*here, key), rule.get(key))
        if "when" in rule:
            errors += condition_errors(document, (*here, "when"), rule["when"])
        elif rule.get("enabled", True):
            errors.append(document.error(here, f'missing key "when" in {named(here)}', key=True))
        if "calendar" in rule:
            errors += calendar_error(document, (*here, "calendar"), rule["calendar"])
        if "stop_for" in rule and rule.get("action") != Action.STOP:
            errors.append(document.error((*here, "stop_for"), '"stop_for" goes with action: stop', key=True))
        errors += mute_errors(document, (*here, "mutes"), rule.get("mutes", ()))
    return errors


def _duration_errors(document: Document, path: Path, value: object) -> list[ManifestError]:
    if value is None:
        return []
    least, most = _DURATIONS[str(path[-1])]
    try:
        seconds = parse_duration(value)
    except InvalidQuantity as error:
        return [document.error(path, f"{named(path)}: {error}, not {shown(value)}", error.suggestion)]
    if least <= seconds <= most:
        return []
    limits = f"from {format_duration(least)} to {format_duration(most)}"
    return [document.error(path, f"{named(path)} must be {limits}, not {shown(value)}")]


def read_rules(rules: Mapping[str, Any]) -> list[AlertRule]:
    """Return sound rules as values.

    One that is not sound, as an older herdsman or another version kept it, is left out: the others hold.
    """
    found = []
    for name, value in rules.items():
        try:
            found.append(read_rule(name, value))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            continue
    return found


def read_rule(name: str, value: Mapping[str, Any]) -> AlertRule:
    """Return one sound rule."""
    standard = AlertRule("", read_condition({"no_data": 1}))
    enabled = value.get("enabled", True)
    return AlertRule(
        name,
        read_condition(value["when"]) if enabled or "when" in value else standard.when,
        parse_duration(value["for"]) if "for" in value else standard.hold,
        parse_duration(value["recover_for"]) if "recover_for" in value else standard.recover_for,
        Severity[value.get("severity", "warning").upper()],
        Action(value.get("action", Action.NOTIFY.value)),
        parse_duration(value["stop_for"]) if "stop_for" in value else standard.stop_for,
        value.get("message", ""),
        value.get("calendar", ""),
        tuple(read_mute(one) for one in value.get("mutes", ())),
        _selector(value),
        enabled,
    )


def _selector(value: Mapping[str, Any]) -> Selector:
    return Selector(
        tuple(value.get("bots", ())),
        tuple(value.get("programs", ())),
        tuple(value.get("accounts", ())),
        tuple(value.get("environments", ())),
        tuple(value.get("modes", ())),
        dict(value.get("labels", {})),
    )
