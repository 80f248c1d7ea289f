"""Log lines as templates: a message without its values, and how often it came a minute. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from telemetry.errors.fingerprint import normalised, without_prefix
from telemetry.records import Event

MOST_TEMPLATES = 2000
OTHERS = "(other lines)"
"""Stands for the templates that are too many."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of one revision that were looked at, of `seconds` of its time; by template.

    `all_read` is False where there are more lines than are looked at: those of the last `seconds` are in it.
    """

    seconds: float
    counts: Mapping[str, int]
    examples: Mapping[str, str]
    all_read: bool = True

    def per_minute(self, template: str) -> float:
        """Return how often a template came."""
        return self.counts.get(template, 0) / max(self.seconds, 1.0) * 60


def template_of(message: str) -> str:
    """Return a message's first line without time, logger and level before it, and without its values."""
    return normalised(without_prefix(message))


def count_templates(events: Iterable[Event]) -> tuple[Counter[str], dict[str, str]]:
    """Return how often each template came, and one line of each."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for event in events:
        template = template_of(event.message)
        if template not in counts and len(counts) >= MOST_TEMPLATES:
            template = OTHERS
        counts[template] += 1
        examples.setdefault(template, event.message.split("\n", 1)[0][:300])
    return counts, examples
