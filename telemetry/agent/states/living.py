"""Whether anything of a bot still lives on this node, by the marks in its processes' environment.

A launcher that was killed, with its machine or alone, cannot say that it has ended. Only what was seen alive
before, or began before this machine did, counts as gone: an agent that cannot see the bots concludes nothing.
Nor does it of a holder that came after the look: between two launchers of an allocation nothing lives there.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from telemetry.agent.states.saver import Whose

_EVERY = 5.0
_INIT = "1"
_MARKS = (b"HERDSMAN_BOT=", b"HERDSMAN_LAUNCHER=", b"NOMAD_ALLOC_ID=")
"""Variables whose value is an allocation, or ends with `/` and one."""


class Living:
    """Remembers which allocations were seen alive; `proc` is the system's own folder of processes."""

    def __init__(self, proc: Path = Path("/proc"), every: float = _EVERY) -> None:
        self._proc, self._every = proc, every
        self._seen: set[str] = set()
        self._gone: set[tuple[str, int]] = set()
        self._looked_at = -every
        self._booted = _boot_time(proc)

    def look(self, running: Iterable[tuple[Whose, int, float]]) -> None:
        """Look at all processes, where it is time to.

        `running`: who should be there, as which holder (its token), and said so when.
        """
        wanted = {whose.allocation: (token, said_at) for whose, token, said_at in running}
        if not wanted or time.monotonic() < self._looked_at + self._every:
            return
        self._looked_at = time.monotonic()
        alive = self._alive()
        self._seen = {name for name in self._seen | (alive or set()) if name in wanted}
        if alive is None:
            self._gone = set()
            return
        self._gone = {
            (name, token)
            for name, (token, said_at) in wanted.items()
            if name not in alive and (name in self._seen or said_at < self._booted)
        }

    def are_gone(self, whose: Whose, token: int) -> bool:
        """Whether nothing of an allocation was left when its holder was last looked at."""
        return (whose.allocation, token) in self._gone

    def _alive(self) -> set[str] | None:
        """Return the allocations that have a process; None where some processes cannot be looked at."""
        found = set()
        for process in self._proc.iterdir():
            if not process.name.isdigit():
                continue
            try:
                environment = (process / "environ").read_bytes()
            except PermissionError:
                if process.name == _INIT:  # of a sandbox, it may be closed to root as well; a bot it is not
                    continue
                return None
            except OSError:  # it ended just now
                continue
            for variable in environment.split(b"\0"):
                if variable.startswith(_MARKS):
                    value = variable.partition(b"=")[2]
                    found.add(value.rpartition(b"/")[2].decode("utf-8", "replace"))
        return found


def _boot_time(proc: Path) -> float:
    """Return when this machine began, in Unix seconds; 0 where that cannot be known."""
    with suppress(OSError, ValueError, IndexError):
        for line in (proc / "stat").read_text().splitlines():
            if line.startswith("btime "):
                return float(line.split()[1])
    return 0.0
