"""What is wrong inside one log rule whose form is sound, as people are told it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.log_patterns import InvalidPattern, matches_everything, named_groups
from schemas.suggestions import nearest
from schemas.words import quoted

_LEVELS = ("debug", "info", "warning", "error", "critical")


def rule_errors(document: Document, path: Path, rule: Mapping[str, Any]) -> list[ManifestError]:
    """Return the errors and warnings of the rule at `path`."""
    if "pattern" not in rule and "where" not in rule:
        said = f"{named(path)} has neither a pattern nor where: it would be for every line"
        return [document.error(path, said, "write a pattern, or where: {event: order_rejected}")]
    try:
        groups = named_groups(rule["pattern"]) if "pattern" in rule else frozenset()
    except InvalidPattern as error:
        place = (*path, "pattern")
        return [document.error(place, f"{named(place)}: {error}", error.suggestion)]
    errors = _doubled(document, path, rule) + _levels(document, path, rule)
    if "where" not in rule:
        errors = _without_group(document, path, rule, groups) + errors
        if not errors and matches_everything(rule["pattern"]):
            errors.append(_warning(document, (*path, "pattern")))
    return errors


def _without_group(
    document: Document, path: Path, rule: Mapping[str, Any], groups: frozenset[str]
) -> list[ManifestError]:
    """Of a rule over text alone, each field and label is a group, unless it says which field it is."""
    return [
        document.error(
            where,
            f"{quoted(name)} is no named group of the pattern{_groups_text(groups)}",
            nearest(name, groups) or f"write (?P<{name}>...) around the part of the line that holds it",
            key=isinstance(where[-1], str),
        )
        for where, name in _bare(path, rule)
        if name not in groups
    ]


def _bare(path: Path, rule: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Return the places and names of fields and labels that do not say which field of the line they are."""
    fields = rule.get("fields", {})
    found: list[tuple[Path, str]] = [
        ((*path, "fields", name), name)
        for name, given in fields.items()
        if isinstance(given, str) or "from" not in given
    ]
    labels = rule.get("labels", ())
    if not isinstance(labels, Mapping):
        found += [((*path, "labels", place), name) for place, name in enumerate(labels)]
    return found


def _doubled(document: Document, path: Path, rule: Mapping[str, Any]) -> list[ManifestError]:
    return [
        document.error((*path, "labels"), f"{quoted(name)} is a field already: a label is a word, no number")
        for name in rule.get("labels", ())
        if name in rule.get("fields", {})
    ]


def _levels(document: Document, path: Path, rule: Mapping[str, Any]) -> list[ManifestError]:
    """Levels are one of five, however a line calls them."""
    wanted = rule.get("where", {}).get("level", ())
    given = wanted if isinstance(wanted, list) else [wanted] if wanted != () else []
    return [
        document.error(
            (*path, "where", "level"),
            f"{quoted(str(one))} is no level: a line's is one of {', '.join(_LEVELS)}, however it calls it",
            nearest(str(one).lower(), _LEVELS),
        )
        for one in given
        if one not in _LEVELS and not (isinstance(one, str) and "*" in one)
    ]


def _warning(document: Document, place: Path) -> ManifestError:
    said = f"{named(place)} matches every line, so that it counts them all"
    error = document.error(place, said, "name a word that the lines have which are meant")
    return replace(error, warning=True)


def _groups_text(names: frozenset[str]) -> str:
    return f", which has {', '.join(sorted(names))}" if names else ", which has none"
