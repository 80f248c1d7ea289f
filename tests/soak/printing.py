"""A process that prints for many bots, through the launcher's own rotated files, as fast as it is told.

It reads `go <lines> <lines a second>` on stdin, and answers `at <lines printed>` as it goes and `done`. What
a full disk does not take waits, as it does in a bot's pipe, and the bot with it.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from controller.launcher.files import LogFile
from schemas.labels import LABELS_FILE, AllocationLabels
from tests.soak.lines import line

LOUD = 2
"""The first bots print more, into files that are soon rotated away."""
TIMES = 8
"""As many lines as another prints in the same time."""
SMALL, FEW = 8 << 10, 2
LARGE, MANY = 4 << 20, 10
_SAY_EVERY = 200


@dataclass
class Bot:
    """One bot's file and what it has printed."""

    name: str
    file: LogFile
    turn: int
    printed: int = 0
    waiting: bytes = b""


def name_of(number: int) -> str:
    """Return the name of the bot of a number."""
    return f"soak-{number:03}"


def lay_out(root: Path, fleet: str, number: int) -> Bot:
    """Make an allocation as a scheduler does."""
    name = name_of(number)
    logs = root / f"alloc-{name}" / "alloc" / "logs"
    logs.mkdir(parents=True)
    labels = AllocationLabels(
        fleet, name, "soak", "1.0.0", "realtime", "dry", "0" * 40, "s", logs.parent.parent.name
    )
    (logs.parent / LABELS_FILE).write_bytes(msgspec.json.encode(labels))
    loud = number < LOUD
    file = LogFile(str(logs), "bot.stdout", SMALL if loud else LARGE, FEW if loud else MANY)
    return Bot(name, file, TIMES if loud else 1)


def print_more(bots: list[Bot], lines: int, rate: float, started: int) -> None:
    """Print so many lines in turns, at most `rate` a second."""
    began, done, said = time.monotonic(), 0, 0
    while done < lines:
        for bot in bots:
            if bot.waiting:
                bot.waiting = bot.file.write(bot.waiting)
            if not bot.waiting and done < lines:
                new = range(bot.printed, bot.printed + min(bot.turn, lines - done))
                bot.waiting = bot.file.write(b"".join(line(number, started) for number in new))
                bot.printed += len(new)
                done += len(new)
        if done >= said + _SAY_EVERY:
            said = done
            print("at", sum(bot.printed for bot in bots), flush=True)
        time.sleep(max(0.001, began + done / rate - time.monotonic()))


def finish(bots: list[Bot]) -> None:
    """Print what a full disk has held up."""
    while held := [bot for bot in bots if bot.waiting]:
        for bot in held:
            bot.waiting = bot.file.write(bot.waiting)
        time.sleep(0.01)


def main(root: Path, fleet: str, count: int, started: int) -> None:
    """Print as told until stdin ends; then say how many lines each bot has printed."""
    bots = [lay_out(root, fleet, number) for number in range(count)]
    for told in sys.stdin:
        _, lines, rate = told.split()
        print_more(bots, int(lines), float(rate), started)
        print("done", flush=True)
    finish(bots)
    print(json.dumps({bot.name: bot.printed for bot in bots}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
