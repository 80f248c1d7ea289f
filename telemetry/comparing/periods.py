"""When a bot ran at which revision. Pure; times are Unix seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[float, float]
MOST_SECONDS = 7 * 86400.0
"""Of a revision that ran for longer its last seven days are looked at."""


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a bot ran at one revision: spans in their order, none overlaps another."""

    revision: str
    spans: tuple[Span, ...]

    @property
    def start(self) -> float:
        """When it began."""
        return self.spans[0][0]

    @property
    def end(self) -> float:
        """When it ended."""
        return self.spans[-1][1]

    @property
    def seconds(self) -> float:
        """How long the bot ran in all."""
        return sum(end - start for start, end in self.spans)

    @property
    def longest(self) -> Span:
        """The longest time without a restart."""
        return max(self.spans, key=lambda span: span[1] - span[0])

    def covers(self, at: float) -> bool:
        """Say whether the bot ran at this revision at a time."""
        return any(start <= at <= end for start, end in self.spans)


def periods_of(runs: Iterable[tuple[str, float | None, float | None]], now: float) -> list[Period]:
    """Return the periods by revision, the one that began last first; a run: revision, start, end."""
    spans: dict[str, list[Span]] = {}
    for revision, start, end in runs:
        if start is not None and revision:
            spans.setdefault(revision, []).append((start, max(end if end is not None else now, start)))
    found = [Period(revision, _recent(_joined(own))) for revision, own in spans.items()]
    return sorted(found, key=lambda one: one.start, reverse=True)


def _joined(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _recent(spans: list[Span]) -> tuple[Span, ...]:
    since = spans[-1][1] - MOST_SECONDS
    return tuple((max(start, since), end) for start, end in spans if end >= since)
