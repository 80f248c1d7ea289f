"""A bot's own record of its life: the proof that no two copies ever lived at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.e2e.service import wait_for


@dataclass(frozen=True)
class Life:
    """One process of one bot, from its first to its last line (Unix seconds)."""

    bot: str
    pid: str
    start: float
    last: float
    ended: bool
    """Whether it said goodbye (was not killed)."""


def read_lives(record: Path) -> list[Life]:
    """Return every process that wrote into the record, in the order of their starts."""
    spans: dict[tuple[str, str, int], list[tuple[str, float]]] = {}
    generation: dict[tuple[str, str], int] = {}
    # The last line may be half written.
    for line in record.read_text().split("\n")[:-1] if record.exists() else []:
        bot, pid, what, moment = line.split()
        if what == "start":
            generation[bot, pid] = generation.get((bot, pid), 0) + 1
        spans.setdefault((bot, pid, generation.get((bot, pid), 0)), []).append((what, float(moment)))
    lives = [
        Life(bot, pid, lines[0][1], lines[-1][1], lines[-1][0] == "end")
        for (bot, pid, _), lines in spans.items()
    ]
    return sorted(lives, key=lambda life: life.start)


def by_bot(lives: list[Life]) -> Mapping[str, list[Life]]:
    """Return the lives of each bot."""
    found: dict[str, list[Life]] = {}
    for life in lives:
        found.setdefault(life.bot, []).append(life)
    return found


def wait_lives(record: Path, bot: str, count: int = 1) -> list[Life]:
    """Wait until a bot has begun so many lives, and return them: it is told to run before it does."""

    def begun() -> list[Life]:
        lives = by_bot(read_lives(record)).get(bot, [])
        return lives if len(lives) >= count else []

    return wait_for(begun, f"life {count} of {bot}")


def assert_never_two(record: Path) -> None:
    """Assert that each bot's processes lived one after the other."""
    for bot, lives in by_bot(read_lives(record)).items():
        for earlier, later in pairwise(lives):
            assert earlier.last < later.start, f"two copies of {bot}: {earlier} and {later}"
