"""What the bots themselves wrote of their lives, and which processes of a run are alive."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.engines.launching import Life, lives, overlaps

_LINE = 64
"""More bytes than a record's last line has."""


@dataclass(frozen=True)
class Record:
    """The record of one bot, by name."""

    bot: str
    folder: Path

    def lives(self) -> list[Life]:
        return lives(self.folder)

    def overlaps(self) -> list[tuple[Life, Life]]:
        return overlaps(self.folder)

    def alive(self) -> dict[int, str]:
        """Return the processes of this bot that live now, with the spec each was started with."""
        found = {}
        for path in self.folder.glob("*.log"):
            pid = int(path.name.split("-")[0])
            if (spec := _running(path)) and self._lives(pid):
                found[pid] = spec
        return found

    def _lives(self, pid: int) -> bool:
        """Whether a process lives and is of this bot: ids are given again, after some thousand others."""
        try:
            process = psutil.Process(pid)
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return not zombie and f'{self.folder}"' in process.environ().get("BOT_CONFIG", "")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False


def _running(path: Path) -> str:
    """Return the spec in a record that says no end, "" where it does; only its ends are read, often."""
    with path.open("rb") as file:
        first = file.readline().split()
        file.seek(-min(_LINE, file.seek(0, os.SEEK_END)), os.SEEK_END)
        over = file.read().splitlines()[-1:]
    return first[2].decode() if len(first) > 2 and not over[0].startswith(b"end") else ""


def of_run(home: Path) -> list[psutil.Process]:
    """Return every process that runs from, or on, a run's home."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [
                *process.cmdline(),
                process.environ().get("HOME", ""),
                process.environ().get("STATE_DIR", ""),
            ]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if any(text.startswith(str(home)) for text in told):
            found.append(process)
    return found


def agents_of(folder: Path) -> list[psutil.Process]:
    """Return the processes of herdsman's agent whose data lies in a run's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            told = process.cmdline()
            if "agent" in told and any(str(folder) in text for text in told):
                found.append(process)
    return found


def end_all(home: Path) -> None:
    """End whatever still runs from, or on, a run's home."""
    for process in of_run(home):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
