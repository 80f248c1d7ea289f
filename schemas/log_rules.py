"""Log rules: which lines of which bots become which series. Values of `rules:`, out of a sound document."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from schemas.catalog import validator
from schemas.document import Document
from schemas.errors import ManifestError
from schemas.log_patterns import InvalidPattern, named_groups, pattern_size
from schemas.log_rule_checks import rule_errors
from schemas.placed import document_errors, place_violations
from schemas.validation import violations
from schemas.words import quoted
from schemas.yaml_document import load_document

MOST_RULES = 200
"""Rules of one fleet."""
MOST_SIZE = 200_000
"""Instructions that the patterns of one fleet may have together, once they are compiled."""
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
    """What holds a number: a named group of the pattern, or the line's own field at `path`.

    `unit` is what its series is in, "" for a bare number.
    """

    name: str
    kind: FieldKind = FieldKind.GAUGE
    unit: str = ""
    path: str = ""

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
    """One rule: lines that its pattern matches ("": any) and that have all fields of `where`.

    `labels` are groups or fields whose text becomes a label, in `most_labels` combinations a bot.
    """

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
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields of a structured line (`order.venue` leads into an object), each with what it may say."""
    label_paths: Mapping[str, str] = field(default_factory=dict)
    """The labels that are fields of the line, and which."""

    @property
    def paths(self) -> dict[str, str]:
        """The fields and labels that are fields of the line, and which."""
        return {**{one.name: one.path for one in self.fields if one.path}, **self.label_paths}

    @property
    def reads_fields(self) -> bool:
        """Whether anything of it is a field of the line."""
        return bool(self.label_paths) or any(one.path for one in self.fields)

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
        errors += rule_errors(document, ("rules", index), rule)
    errors += [
        document.error(("rules", clash.place, clash.key), clash.message, clash.suggestion)
        for clash in clashes([_read(one) for one in value.get("rules", ())])
    ]
    return errors


def read_log_rules(document: Document, value: Mapping[str, Any]) -> tuple[LogRule, ...]:
    """Return sound `rules:` as values that know where they stand."""
    return tuple(
        replace(_read(one), file=document.file, line=document.place(("rules", index)).line)
        for index, one in enumerate(value.get("rules", ()))
    )


@dataclass(frozen=True, slots=True)
class Clash:
    """What a rule cannot have beside those before it, at which of its keys."""

    place: int
    message: str
    key: str = "name"
    suggestion: str | None = None


def clashes(rules: Sequence[LogRule]) -> list[Clash]:
    """Return the rules that share a name or a series with an earlier one, or are too large beside them."""
    found: list[Clash] = []
    by_name: dict[str, LogRule] = {}
    by_series: dict[str, LogRule] = {}
    size = 0
    for index, rule in enumerate(rules):
        own = pattern_size(rule.pattern) if rule.pattern else 0
        clash = _clash(index, rule, by_name, by_series) or _too_large(index, size, own)
        if clash is not None:
            found.append(clash)
            continue
        by_name[rule.name] = rule
        by_series |= dict.fromkeys(rule.series, rule)
        size += own
    return found


def _clash(
    index: int, rule: LogRule, by_name: Mapping[str, LogRule], by_series: Mapping[str, LogRule]
) -> Clash | None:
    if rule.name in by_name:
        where = f" in {_place(by_name[rule.name])}"
        return Clash(index, f"a rule {quoted(rule.name)} is there already{where}")
    if len(set(rule.series)) < len(rule.series):
        return Clash(index, f"two fields of rule {quoted(rule.name)} would write the same series")
    shared = next((name for name in rule.series if name in by_series), "")
    if shared:
        other = by_series[shared].name
        return Clash(index, f"its series {shared} is written by the rule {quoted(other)} already")
    return None


def _too_large(index: int, before: int, own: int) -> Clash | None:
    if before + own <= MOST_SIZE:
        return None
    beside = f", beside {before:,} of the rules before it" if before else ""
    return Clash(
        index,
        f"the pattern is too large: {own:,} instructions{beside}, where a fleet may have {MOST_SIZE:,}",
        "pattern",
        'write "+" or "*" instead of a counted repetition such as {1,300}, and [A-Za-z] instead of \\pL',
    )


def _place(rule: LogRule) -> str:
    return f"{rule.file}:{rule.line}" if rule.file else "this file"


def _read(value: Mapping[str, Any]) -> LogRule:
    scope = value.get("applies_to", {})
    groups = _groups(value.get("pattern", ""))
    labels = _label_paths(value.get("labels", ()))
    return LogRule(
        value["name"],
        value.get("pattern", ""),
        tuple(_field(name, given, groups) for name, given in value.get("fields", {}).items()),
        tuple(labels),
        RuleScope(
            tuple(scope.get("bots", ())),
            tuple(scope.get("programs", ())),
            tuple(scope.get("environments", ())),
            dict(scope.get("labels", {})),
        ),
        value.get("most_labels", 20),
        value.get("description", ""),
        where={path: _words(wanted) for path, wanted in value.get("where", {}).items()},
        label_paths={name: path or name for name, path in labels.items() if path or name not in groups},
    )


def _field(name: str, given: Any, groups: frozenset[str]) -> RuleField:
    given = {"kind": given} if isinstance(given, str) else given
    path = given.get("from") or ("" if name in groups else name)
    return RuleField(name, FieldKind(given.get("kind", "gauge")), given.get("unit", ""), path)


def _label_paths(given: Any) -> dict[str, str]:
    """Return labels by name, each with the field that it is given for, "" for none."""
    return dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, "")


def _words(wanted: Any) -> tuple[str, ...]:
    return tuple(_word(one) for one in (wanted if isinstance(wanted, list) else [wanted]))


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _groups(pattern: str) -> frozenset[str]:
    """Return the names of a pattern's groups, none of one that is not sound."""
    try:
        return named_groups(pattern) if pattern else frozenset()
    except InvalidPattern:
        return frozenset()


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
