"""Samples as a thousand bots print them: prices and equity that wander, lines that come a little late."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import msgspec

from telemetry.records import Sample

BOTS = 1000
NAMES = ("bot_equity", "bot_price")
SERIES = [(bot, name) for bot in range(BOTS) for name in NAMES]
EVERY = 12.0
"""Seconds between two samples of a series."""
STEPS = int(os.environ.get("BENCH_SAMPLES", "100_000_000")) // len(SERIES)
"""How many samples each series has."""
FLEET = "bench-abc123"
_AT_ONCE = 50
"""Steps of all series that are written at once."""
_MOVES, _LATE = 10_007, 1009


def labels(bot: int) -> dict[str, str]:
    """Return the labels of a bot's series."""
    return {"fleet": FLEET, "bot": f"bot-{bot:04}", "program": f"program-{bot % 20}", "env": "live"}


@dataclass(frozen=True, slots=True)
class Walks:
    """By how many cents series move in a step, by how many ms lines are late; they end at `end` (Unix)."""

    end: float
    moves: tuple[int, ...]
    late: tuple[int, ...]

    @classmethod
    def until(cls, end: float) -> "Walks":
        """Return walks that are the same each time, but for when they end."""
        chance = random.Random(11)
        moves = tuple(chance.choice((0, 0, *range(-40, 41))) for _ in range(_MOVES))
        return cls(end, moves, tuple(chance.randrange(300) for _ in range(_LATE)))

    @property
    def begun(self) -> int:
        """When the first line is printed, in ms."""
        return round((self.end - STEPS * EVERY) * 1000) - 12_300

    def move(self, series: int, step: int) -> int:
        """Return how many cents a series moves in a step."""
        return self.moves[(step * 7 + series * 131) % _MOVES]

    def moment(self, series: int, step: int) -> int:
        """Return when a series' line of a step is printed, in ms."""
        late = series * 37 % 12_000 + self.late[(step + series * 17) % _LATE]
        return self.begun + step * round(EVERY * 1000) + late


def as_printed(walks: Walks) -> Iterator[list[Sample]]:
    """Yield all samples as they come after a short outage: ten minutes of each bot, one after the other."""
    known = [labels(bot) for bot in range(BOTS)]
    cents = _first_values()
    for first in range(0, STEPS, _AT_ONCE):
        steps = range(first, min(first + _AT_ONCE, STEPS))
        batch: list[Sample] = []
        for number, (bot, name) in enumerate(SERIES):
            own, value = known[bot], cents[number]
            for step in steps:
                value += walks.move(number, step)
                batch.append(Sample(name, own, walks.moment(number, step) / 1000, value / 100))
            cents[number] = value
        yield batch


def import_all(client: httpx.Client, walks: Walks) -> None:
    """Give a VictoriaMetrics the same samples by its way for imports: a day of a series at a time."""
    cents = _first_values()
    day = round(86400 / EVERY)
    for first in range(0, STEPS, day):
        steps = range(first, min(first + day, STEPS))
        lines: list[bytes] = []
        for number, (bot, name) in enumerate(SERIES):
            values = []
            for step in steps:
                cents[number] += walks.move(number, step)
                values.append(cents[number] / 100)
            times = [walks.moment(number, step) for step in steps]
            metric = {"__name__": name, **labels(bot)}
            lines.append(msgspec.json.encode({"metric": metric, "values": values, "timestamps": times}))
            if len(lines) == 100:
                client.post("/api/v1/import", content=b"\n".join(lines)).raise_for_status()
                lines = []


def _first_values() -> list[int]:
    return [1_000_000 + 100 * number for number in range(len(SERIES))]
