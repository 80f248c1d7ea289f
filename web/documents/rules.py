"""Log rules, as the API gives them."""

from msgspec import Struct


class RuleFieldDocument(Struct):
    """A named group that holds a number, what becomes of it, and in which series."""

    name: str
    kind: str
    """gauge, counter or histogram."""
    unit: str
    series: list[str]


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


class RulesAnswer(Struct):
    """`GET /api/v1/rules`."""

    rules: list[RuleDocument]
    ready: bool
    """False while the rules are not known yet, or the lines since the last start are still being read."""
