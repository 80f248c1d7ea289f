"""Log rules, as the API gives them."""

from msgspec import Struct


class RuleFieldDocument(Struct):
    """What holds a number (a named group, or the line's field `path`), and what becomes of it."""

    name: str
    kind: str
    """gauge, counter or histogram."""
    unit: str
    series: list[str]
    path: str = ""


class RuleDocument(Struct):
    """A log rule that holds now, and what it did since the start of the process that matches."""

    name: str
    description: str
    pattern: str
    fields: list[RuleFieldDocument]
    labels: list[str]
    applies_to: dict[str, list[str]]
    """Names of bots, programs and environments, and labels as `name=value`; empty for every bot."""
    count_series: str
    file: str
    line: int
    source: str
    matches: int
    misses: int
    """Groups that should have held a number and did not."""
    others: int
    """Matches that were counted under the label "other"."""
    refused: int
    """Numbers that were not kept, since their bot has too many series of rules."""
    bots: int
    """Bots in whose lines it matched."""
    matched_at: float | None
    """When it matched last, Unix seconds."""
    where: dict[str, list[str]] = {}
    """Fields that a line has, each with what it may say."""
    label_fields: dict[str, str] = {}
    """The labels that are fields of the line, and which."""
    alone: bool = False
    """Whether its pattern is too large to be looked for with others, which costs more for each line."""


class RulesAnswer(Struct):
    """`GET /api/v1/rules`."""

    rules: list[RuleDocument]
    ready: bool
    """False while the rules are not known yet, or the lines since the last start are still being read."""
