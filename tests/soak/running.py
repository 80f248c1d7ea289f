"""One soak from its seed: print, break, mend, wait until all is stored, count."""

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.counting import Count, Points, count, embedded_points, newest, stored
from tests.soak.lines import SERIES
from tests.soak.machine import Machine, Printer, machine
from tests.soak.steps import Step, away, name_of

_PATIENCE = 900.0


@dataclass(frozen=True)
class Soak:
    """What is to be done; everything else follows from the seed."""

    seed: int
    lines: int
    steps: tuple[Step, ...]
    bots: int = 100
    rate: float = 6000.0
    embedded: bool = False
    size: str = "300m"


@dataclass
class Outcome:
    """What came of it."""

    seed: int
    series: str
    bots: int
    printed: int
    count: Count
    steps: dict[str, int]
    seconds: float
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))


def run(soak: Soak, root: Path) -> Outcome:
    """Play one soak below an empty folder."""
    began = time.monotonic()
    chance = random.Random(soak.seed)
    started = int(time.time() * 1000)
    with machine(root, soak.size, embedded=soak.embedded) as made:
        printer = made.print_for(soak.bots, started)
        try:
            _print(soak, made, printer, chance)
        finally:
            printer.end()
        _wait_stored(made, printer.printed)
        points = embedded_points(made.database) if soak.embedded else _points(made)
        found = count(printer.printed, stored(made.database), points, started)
    return Outcome(
        soak.seed,
        "embedded" if soak.embedded else "VictoriaMetrics",
        soak.bots,
        sum(printer.printed.values()),
        found,
        dict(Counter(map(name_of, soak.steps))),
        round(time.monotonic() - began, 1),
    )


def _print(soak: Soak, made: Machine, printer: Printer, chance: random.Random) -> None:
    """Print in as many parts as there are steps, each step somewhere in the middle of its part."""
    part = soak.lines // len(soak.steps)
    rest = soak.lines - part * len(soak.steps)
    for number, step in enumerate(soak.steps):
        if step is away:
            made.kill_agent()  # before a line is printed: what it misses hangs on no speed of ours
        printer.go(part if number else part + rest, soak.rate)
        printer.until(number * part + rest + chance.randrange(part // 2))
        step(made, printer, chance)
        if step is not away:
            printer.wait()


def _wait_stored(made: Machine, printed: dict[str, int]) -> None:
    """Return once every bot's last line is stored: those before it were taken earlier, or never will be."""
    ends = time.monotonic() + _PATIENCE
    while True:
        seen = newest(made.database)
        late = [name for name, total in printed.items() if seen.get(name, -1) < total - 1]
        if not late:
            break
        assert time.monotonic() < ends, f"not all is stored, such as the last lines of {late[:3]}"
        time.sleep(1)
    made.service.stop()  # what is on its way to VictoriaMetrics is written before it ends


def _points(made: Machine) -> Points:
    points: dict[tuple[str, str], Counter[tuple[int, float]]] = {}
    for series in SERIES.values():
        for bot, times, values in made.exported(series):
            points.setdefault((bot, series), Counter()).update(zip(times, values, strict=True))
    return points
