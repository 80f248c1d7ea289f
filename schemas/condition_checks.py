"""What is wrong with the conditions of alert rules, as people are told it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from schemas.conditions import FIGURES, LIMITED, RISKY, SHARES, read_level
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.liveness import VERDICTS
from schemas.quantities import InvalidQuantity, format_duration, parse_duration
from schemas.regular_expressions import InvalidPattern, compiled
from schemas.suggestions import nearest
from schemas.words import alternatives, quoted, shown

_DAY = 86400.0
_MEASURED = ("above", "below", "clear", "rises", "falls", "over", "anomaly", "against", "labels")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "any": (),
    "not": (),
    "no_data": ("event", "metric"),
    "metric": _MEASURED,
    "figure": (*_MEASURED[:-1], "account", "currency"),
    "error": ("count", "within"),
    "verdict": (),
    "event": ("level", "fields", "text", "count", "within"),
    "level": ("event", "fields", "text", "count", "within"),
    "text": ("event", "level", "fields", "count", "within"),
}
"""The key that says what a condition is about (the first that is there) -> the keys that go with it."""
_DURATIONS = {"no_data": (1.0, 30 * _DAY), "over": (10.0, 30 * _DAY), "within": (1.0, _DAY)}
_LEVELS = ("debug", "info", "warning", "error", "critical")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "error": ("new", "regressed", "any"),
    "against": ("history", "siblings"),
    "level": _LEVELS,
}
_TEXTS = ("metric", "figure", "event", "text", "account", "currency")
DEEPEST = 5
MOST_LEAVES = 20
_LONGEST = 1000

Errors = list[ManifestError]


def condition_errors(document: Document, path: Path, value: Any) -> Errors:
    """Return what is wrong with a condition, and with those in it."""
    errors, count = _errors(document, path, value, 1)
    if count > MOST_LEAVES and not errors:
        errors.append(
            document.error(path, f"{named(path)} has {count} conditions, at most {MOST_LEAVES} are taken")
        )
    return errors


def _errors(document: Document, path: Path, value: Any, depth: int) -> tuple[Errors, int]:
    if not isinstance(value, dict):
        return [
            document.error(path, f"{named(path)} must be a condition such as {{metric: ..., above: ...}}")
        ], 1
    kind = next((key for key in _KINDS if key in value), None)
    if kind is None:
        return [_no_kind(document, path, value)], 1
    strange = [key for key in value if key != kind and key not in _KINDS[kind]]
    errors = [_strange(document, (*path, key), kind) for key in strange]
    if kind in ("all", "any", "not"):
        found, count = _inner(document, (*path, kind), value[kind], depth, one=kind == "not")
        return errors + found, count
    errors += _value_errors(document, path, value)
    if kind in ("metric", "figure") and not errors:
        errors += _measured_errors(document, path, value)
    return errors, 1


def _inner(document: Document, path: Path, value: Any, depth: int, *, one: bool) -> tuple[Errors, int]:
    if depth >= DEEPEST:
        return [document.error(path, f"conditions stand in each other more than {DEEPEST} deep")], 1
    if one:
        return _errors(document, path, value, depth + 1)
    if not isinstance(value, list) or not value:
        return [document.error(path, f"{named(path)} must be a list of conditions")], 1
    found = [_errors(document, (*path, index), part, depth + 1) for index, part in enumerate(value[:100])]
    return [error for errors, _ in found for error in errors], sum(count for _, count in found)


def _no_kind(document: Document, path: Path, value: Mapping[str, Any]) -> ManifestError:
    known = "metric, figure, no_data, event, level, text, error, verdict, all, any, not"
    for key in value:
        near = nearest(str(key), _KINDS)
        if near is not None:
            return document.error(
                (*path, key), f"unknown key {quoted(str(key))} in {named(path)}", near, key=True
            )
    return document.error(
        path, f"{named(path)} does not say what it is about: it needs one of {known}", key=True
    )


def _strange(document: Document, path: Path, kind: str) -> ManifestError:
    key = str(path[-1])
    every = {name for names in _KINDS.values() for name in names} | set(_KINDS)
    if key in every:
        return document.error(path, f'{quoted(key)} does not go with "{kind}"', key=True)
    near = nearest(key, (kind, *_KINDS[kind]))
    return document.error(path, f"unknown key {quoted(key)} in {named(path[:-1])}", near, key=True)


def _value_errors(document: Document, path: Path, value: Mapping[str, Any]) -> Errors:
    errors: Errors = []
    for key, given in value.items():
        place = (*path, key)
        message, suggestion = _CHECKS[key](place, given) if key in _CHECKS else ("", None)
        if message:
            errors.append(document.error(place, message, suggestion))
    return errors


Said = tuple[str, str | None]
_NOTHING: Said = ("", None)


def _duration(place: Path, given: object) -> Said:
    least, most = _DURATIONS[str(place[-1])]
    try:
        seconds = parse_duration(given)
    except InvalidQuantity as error:
        return f"{named(place)}: {error}, not {shown(given)}", error.suggestion
    if least <= seconds <= most:
        return _NOTHING
    limits = f"from {format_duration(least)} to {format_duration(most)}"
    return f"{named(place)} must be {limits}, not {shown(given)}", None


def _word(place: Path, given: object) -> Said:
    words = _WORDS[str(place[-1])]
    if given in words:
        return _NOTHING
    said = f"{named(place)} must be {alternatives(list(words))}, not {shown(given)}"
    return said, nearest(given, words) if isinstance(given, str) else None


def _text(place: Path, given: object) -> Said:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST:
        return f"{named(place)} must be text, not {shown(given)}", None
    if place[-1] == "figure" and given not in FIGURES:
        return f"unknown figure {quoted(given)}", nearest(given, FIGURES)
    if place[-1] == "text":
        try:
            compiled(given)
        except InvalidPattern as error:
            return f"{named(place)} is no pattern that can be matched: {error}", None
    return _NOTHING


def _level(place: Path, given: object) -> Said:
    try:
        if math.isfinite(read_level(given).amount):
            return _NOTHING
    except (ValueError, OverflowError):
        pass
    return f'{named(place)} must be a number, or a share such as "80%", not {shown(given)}', None


def _number(place: Path, given: object) -> Said:
    least, most = (1, 100) if place[-1] == "anomaly" else (1, 100_000)
    whole = place[-1] == "count"
    fits = isinstance(given, int if whole else int | float) and not isinstance(given, bool)
    if fits and least <= given <= most:  # type: ignore[operator]
        return _NOTHING
    wanted = f"a {'whole ' if whole else ''}number from {least} to {most}"
    return f"{named(place)} must be {wanted}, not {shown(given)}", None


def _mapping(place: Path, given: object) -> Said:
    fits = isinstance(given, dict) and 0 < len(given) <= 20
    if fits and all(isinstance(one, str | int | float) for one in given.values()):  # type: ignore[attr-defined]
        return _NOTHING
    return f"{named(place)} must be a mapping of names to words", None


def _verdict(place: Path, given: object) -> Said:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words or not all(isinstance(one, str) for one in words):
        return f"{named(place)} must be a verdict, or a list of them, not {shown(given)}", None
    unknown = next((one for one in words if one not in VERDICTS), None)
    if unknown is None:
        return _NOTHING
    return f"{named(place)}: {shown(unknown)} is no verdict", nearest(unknown, VERDICTS)


_CHECKS: Mapping[str, Callable[[Path, object], Said]] = {
    **dict.fromkeys(_DURATIONS, _duration),
    **dict.fromkeys(_WORDS, _word),
    **dict.fromkeys(_TEXTS, _text),
    **dict.fromkeys(("above", "below", "clear", "rises", "falls"), _level),
    **dict.fromkeys(("anomaly", "count"), _number),
    **dict.fromkeys(("labels", "fields"), _mapping),
    "verdict": _verdict,
}


def _measured_errors(document: Document, path: Path, value: Mapping[str, Any]) -> Errors:
    """Return what does not fit together in a condition about a value."""
    name = value.get("figure") or value.get("metric", "")
    tests = [key for key in ("above", "below", "rises", "falls", "anomaly") if key in value]
    if not tests:
        message = (
            f"{named(path)} compares {quoted(name)} with nothing: add above, below, rises, falls or anomaly"
        )
        return [document.error(path, message, key=True)]
    groups = {_group(key) for key in tests}
    if len(groups) > 1:
        message = f'"{tests[-1]}" does not go with "{tests[0]}": write two conditions under all or any'
        return [document.error((*path, tests[-1]), message, key=True)]
    needs_over = "change" in groups and "over" not in value
    if needs_over:
        return [document.error(path, f'missing key "over" in {named(path)}: within which time?', key=True)]
    return [
        *_misplaced(document, path, value, groups.pop()),
        *_share_errors(document, path, value, str(name)),
    ]


def _group(key: str) -> str:
    return "level" if key in ("above", "below") else "anomaly" if key == "anomaly" else "change"


def _misplaced(
    document: Document, path: Path, value: Mapping[str, Any], group: str
) -> Iterable[ManifestError]:
    wanted = {"clear": "level", "against": "anomaly"}
    for key, belongs in wanted.items():
        if key in value and group != belongs:
            yield document.error(
                (*path, key),
                f'"{key}" does not go with rises, falls or anomaly'
                if key == "clear"
                else '"against" is for anomaly',
                key=True,
            )
    if "over" in value and group == "level":
        yield document.error(
            (*path, "over"), '"over" goes with rises, falls or anomaly; a rule has "for"', key=True
        )


def _share_errors(
    document: Document, path: Path, value: Mapping[str, Any], name: str
) -> Iterable[ManifestError]:
    """Say where a percentage is of nothing, and where a clearing level is on the wrong side."""
    if not (name in LIMITED or name in RISKY or name in SHARES):
        for key in ("above", "below", "clear"):
            if key in value and read_level(value[key]).percent:
                known = ", ".join((*LIMITED, *RISKY, *sorted(SHARES)))
                message = (
                    f"{quoted(name)} has no limit that {shown(value[key])} could be of; these have: {known}"
                )
                yield document.error((*path, key), message)
    for key, sign in (("above", 1.0), ("below", -1.0)):
        if key in value and "clear" in value and "above" not in value.keys() - {key}:
            level, clear = read_level(value[key]), read_level(value["clear"])
            if level.percent == clear.percent and (level.amount - clear.amount) * sign < 0:
                side = "above" if sign > 0 else "below"
                yield document.error((*path, "clear"), f'"clear" lies {side} the level that it is to clear')
