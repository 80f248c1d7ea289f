"""Log rules: which lines of which bots become which series. Values of `rules:`, out of a sound document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from schemas.catalog import validator
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.log_patterns import InvalidPattern, line_matcher, matches_everything
from schemas.placed import document_errors, place_violations
from schemas.suggestions import nearest
from schemas.validation import violations
from schemas.words import quoted
from schemas.yaml_document import load_document

MOST_RULES = 200
"""Rules of one fleet."""
PREFIX = "bot_log_"
"""How the names of rules' series begin: none of herdsman's own, and no type's in the vocabulary, does."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]+")


class FieldKind(StrEnum):
    """What becomes of the numbers of a field."""

    GAUGE = "gauge"
    """Each is a value of its moment."""
    COUNTER = "counter"
    """They are added up."""
    HISTOGRAM = "histogram"
    """Of each ten seconds the median, the 95th percentile and the greatest."""


@dataclass(frozen=True, slots=True)
class RuleField:
    """A named group that holds a number; `unit` is what its series is in, "" for a bare number."""

    name: str
    kind: FieldKind = FieldKind.GAUGE
    unit: str = ""

    @property
    def series(self) -> str:
        """How its series' name ends: the field, with its unit where it does not say it itself."""
        unit = _NOT_IN_NAMES.sub("_", self.unit.lower().replace("%", "percent").replace("/", "_per_"))
        unit = unit.strip("_")
        return self.name if not unit or self.name.endswith(unit) else f"{self.name}_{unit}"


@dataclass(frozen=True, slots=True)
class RuleScope:
    """The bots that a rule is for: those that fit every selector that is not empty. Names may hold `*`."""

    bots: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def covers(self, bot: str, program: str, environment: str, labels: Mapping[str, str]) -> bool:
        """Say whether a bot is meant."""
        return (
            _fits(bot, self.bots)
            and _fits(program, self.programs)
            and _fits(environment, self.environments)
            and all(labels.get(key) == value for key, value in self.labels.items())
        )


@dataclass(frozen=True, slots=True)
class LogRule:
    """One rule. `labels` are groups whose text becomes a label, in `most_labels` combinations a bot."""

    name: str
    pattern: str
    fields: tuple[RuleField, ...] = ()
    labels: tuple[str, ...] = ()
    scope: RuleScope = RuleScope()
    most_labels: int = 20
    description: str = ""
    file: str = ""
    line: int = 0
    source: str = ""
    """The source that it is from, whose bots alone it is for; "" where the fleet has one."""

    def field_series(self, one: RuleField) -> tuple[str, ...]:
        """Return the names of the series that a field becomes."""
        base = f"{PREFIX}{self.name}_{one.series}"
        if one.kind is FieldKind.COUNTER:
            return (f"{base}_total",)
        if one.kind is FieldKind.HISTOGRAM:
            return (f"{base}_p50", f"{base}_p95", f"{base}_max")
        return (base,)

    @property
    def count_series(self) -> str:
        """The name of the series that counts its matches."""
        return f"{PREFIX}{self.name}_total"

    @property
    def series(self) -> tuple[str, ...]:
        """The names of all series that it writes."""
        return (self.count_series, *(name for one in self.fields for name in self.field_series(one)))


def parse_rules(file: str, content: bytes) -> tuple[tuple[LogRule, ...] | None, list[ManifestError]]:
    """Return the rules of a file under `rules/` with its warnings, or None with everything wrong with it."""
    document, errors = load_document(file, content)
    if document is None:
        return None, errors
    errors += place_violations(document, violations(validator("rules"), document.value, document.conceals))
    if not errors:
        errors += log_rule_errors(document, document.value)
    if any(not error.warning for error in errors):
        return None, document_errors(errors)
    return read_log_rules(document, document.value), document_errors(errors)


def log_rule_errors(document: Document, value: Mapping[str, Any]) -> list[ManifestError]:
    """Return what is wrong inside sound `rules:`, warnings among it."""
    errors: list[ManifestError] = []
    for index, rule in enumerate(value.get("rules", ())):
        errors += _pattern_errors(document, ("rules", index), rule)
    errors += [
        document.error(("rules", index, "name"), message)
        for index, message in clashes([_read(one) for one in value.get("rules", ())])
    ]
    return errors


def read_log_rules(document: Document, value: Mapping[str, Any]) -> tuple[LogRule, ...]:
    """Return sound `rules:` as values that know where they stand."""
    return tuple(
        replace(_read(one), file=document.file, line=document.place(("rules", index)).line)
        for index, one in enumerate(value.get("rules", ()))
    )


def _pattern_errors(document: Document, path: Path, rule: Mapping[str, Any]) -> list[ManifestError]:
    place = (*path, "pattern")
    try:
        groups = set(line_matcher(rule["pattern"]).groupindex)
    except InvalidPattern as error:
        return [document.error(place, f"{named(place)}: {error}", error.suggestion)]
    names = {group.decode() if isinstance(group, bytes) else group for group in groups}
    errors = [
        document.error(
            where,
            f"{quoted(name)} is no named group of the pattern{_groups_text(names)}",
            nearest(name, names) or f"write (?P<{name}>...) around the part of the line that holds it",
            key=isinstance(where[-1], str),
        )
        for where, name in _wanted(path, rule)
        if name not in names
    ]
    doubled = [name for name in rule.get("labels", ()) if name in rule.get("fields", {})]
    errors += [
        document.error((*path, "labels"), f"{quoted(name)} is a field already: a label is a word, no number")
        for name in doubled
    ]
    if not errors and matches_everything(rule["pattern"]):
        said = f"{named(place)} matches every line, so that it counts them all"
        advice = "name a word that the lines have which are meant"
        errors.append(replace(document.error(place, said, advice), warning=True))
    return errors


def _wanted(path: Path, rule: Mapping[str, Any]) -> list[tuple[Path, str]]:
    fields: list[tuple[Path, str]] = [((*path, "fields", name), name) for name in rule.get("fields", {})]
    return fields + [((*path, "labels", place), name) for place, name in enumerate(rule.get("labels", ()))]


def _groups_text(names: set[str]) -> str:
    return f", which has {', '.join(sorted(names))}" if names else ", which has none"


def clashes(rules: Sequence[LogRule]) -> list[tuple[int, str]]:
    """Return the places of rules that share a name or a series with an earlier one, and what to say."""
    found: list[tuple[int, str]] = []
    by_name: dict[str, LogRule] = {}
    by_series: dict[str, LogRule] = {}
    for index, rule in enumerate(rules):
        where = f" in {_place(by_name[rule.name])}" if rule.name in by_name else ""
        shared = next((name for name in rule.series if name in by_series), "")
        if rule.name in by_name:
            found.append((index, f"a rule {quoted(rule.name)} is there already{where}"))
        elif len(set(rule.series)) < len(rule.series):
            found.append((index, f"two fields of rule {quoted(rule.name)} would write the same series"))
        elif shared:
            other = by_series[shared].name
            found.append((index, f"its series {shared} is written by the rule {quoted(other)} already"))
        else:
            by_name[rule.name] = rule
            by_series |= dict.fromkeys(rule.series, rule)
    return found


def _place(rule: LogRule) -> str:
    return f"{rule.file}:{rule.line}" if rule.file else "this file"


def _read(value: Mapping[str, Any]) -> LogRule:
    scope = value.get("applies_to", {})
    return LogRule(
        value["name"],
        value["pattern"],
        tuple(_field(name, given) for name, given in value.get("fields", {}).items()),
        tuple(value.get("labels", ())),
        RuleScope(
            tuple(scope.get("bots", ())),
            tuple(scope.get("programs", ())),
            tuple(scope.get("environments", ())),
            dict(scope.get("labels", {})),
        ),
        value.get("most_labels", 20),
        value.get("description", ""),
    )


def _field(name: str, given: Any) -> RuleField:
    if isinstance(given, str):
        return RuleField(name, FieldKind(given))
    return RuleField(name, FieldKind(given.get("kind", "gauge")), given.get("unit", ""))


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
