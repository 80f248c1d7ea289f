"""A bot that records its life and that of a process it starts, and what such a record says.

It may count in its state folder, and may end by itself after a while. Every line has the machine's monotonic
clock, which all nodes of a test's cluster share and no test steps.
"""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

LIVING_BOT = '''\
"""Write start, alive and end, with a worker in a session of its own; ask the lease before each order."""
import json, os, signal, time

config = json.loads(os.environ["BOT_CONFIG"])
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(time.monotonic()))
life = f"{config['record']}/{os.getpid()}-{time.monotonic_ns()}"
state = os.path.join(os.environ["STATE_DIR"], "count.json")
ends = time.monotonic() + config["lasts"] if config["lasts"] else float("inf")


def may_trade():
    with open(os.environ["HERDSMAN_LEASE_BOOTTIME"]) as file:
        return time.clock_gettime(time.CLOCK_BOOTTIME) < float(file.read())


def counted():
    if not os.path.exists(state):
        return 0
    with open(state) as file:
        return int(file.read())


def keep(count):
    with open(state + ".part", "w") as file:
        file.write(str(count))
    os.replace(state + ".part", state)


def live(role):
    keeps = role == "bot" and config["keeps"]
    with open(f"{life}.{role}", "w", buffering=1) as record:
        record.write(f"start {time.monotonic()} {config['spec']}\\n")
        count = counted() if keeps else 0
        record.write(f"began {time.monotonic()} {count}\\n")
        while time.monotonic() < ends and (not asked or time.monotonic() - asked[0] < config["grace"]):
            if keeps:
                count += 1
                keep(count)
                record.write(f"kept {time.monotonic()} {count}\\n")
            if role == "bot":
                record.write(f"{'order' if may_trade() else 'held'} {time.monotonic()}\\n")
            record.write(f"alive {time.monotonic()}\\n")
            time.sleep(0.05)
        record.write(f"end {time.monotonic()}\\n")


if os.fork() == 0:
    os.setsid()
    live("worker")
else:
    live("bot")
'''
BEAT = 0.05
"""Seconds between two writes."""
FRESH = 0.7
"""Seconds within which a living bot has written, also on a busy machine."""


@dataclass(frozen=True)
class Life:
    """One copy of a bot, with all that it started: the moments at which it wrote, and sent orders."""

    times: tuple[float, ...]
    orders: tuple[float, ...]
    spec: str
    began: int = 0
    """To what its state had been counted when it began."""
    kept: int = 0
    """To what it counted there itself."""

    @property
    def first(self) -> float:
        return self.times[0]

    @property
    def last(self) -> float:
        return self.times[-1]


def lives(record: Path) -> list[Life]:
    """Return every copy that ever lived, in the order of their starts."""
    found = []
    for path in record.glob("*.bot"):
        texts = [path.read_text(), *(one.read_text() for one in record.glob(f"{path.stem}.worker"))]
        # The last line may be half written.
        lines = [line.split() for text in texts for line in text.split("\n")[:-1]]
        if lines:
            times = sorted(float(line[1]) for line in lines)
            orders = sorted(float(line[1]) for line in lines if line[0] == "order")
            began = max((int(line[2]) for line in lines if line[0] == "began"), default=0)
            kept = max((int(line[2]) for line in lines if line[0] == "kept"), default=0)
            found.append(Life(tuple(times), tuple(orders), lines[0][2], began, kept))
    return sorted(found, key=lambda life: life.first)


@dataclass(frozen=True)
class Record:
    """What a bot's record says: how many copies, which met, and how long there was none."""

    lives: int
    overlaps: int
    together: float
    """Seconds for which a copy wrote after another had begun, at the most."""
    orders_together: float
    """Seconds for which a copy that asks its lease sent orders after another had begun, at the most."""
    gap: float
    """The longest time without a copy between two."""
    lost: int = 0
    """By how much a copy began with less in its state than the one before it had kept there, at the most."""


def read(record: Path) -> Record:
    """Judge a bot's record."""
    known = lives(record)
    pairs = list(itertools.combinations(known, 2))
    met = [_after(one.times, other.first) for one, other in pairs if one.last >= other.first]
    orders = [_after(one.orders, other.first) for one, other in pairs]
    ends = itertools.accumulate((life.last for life in known), max)
    gaps = [later.first - end for end, later in zip(ends, known[1:], strict=False)]
    lost = [one.kept - later.began for one, later in itertools.pairwise(known)]
    return Record(
        len(known),
        len(met),
        max(met, default=0.0),
        max(orders, default=0.0),
        max([*gaps, 0.0]),
        max([*lost, 0]),
    )


def _after(times: tuple[float, ...], moment: float) -> float:
    """Return from the first to the last of the times that are not before a moment, at least a beat."""
    later = [time for time in times if time >= moment]
    return max(later[-1] - later[0], BEAT) if later else 0.0


def living(record: Path) -> str:
    """Return the spec of the copy that wrote just now, "" for none."""
    now = time.monotonic()
    for path in record.iterdir():
        with path.open("rb") as file:
            first = file.readline().split()
            file.seek(max(0, path.stat().st_size - 120))
            lines = file.read().split(b"\n")[1:-1]  # the first may be cut, the last half written
            times = [line.split()[1] for line in lines]
        if len(first) == 3 and lines and now - float(times[-1]) < FRESH:
            return first[2].decode()
    return ""
