"""What the bots themselves wrote of their lives, and which processes of a run are alive."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.engines.launching import Life, lives, overlaps


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
            pid, lines = int(path.name.split("-")[0]), path.read_text().splitlines()
            if lines and not lines[-1].startswith("end") and _lives(pid):
                found[pid] = lines[0].split()[2]
        return found


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
