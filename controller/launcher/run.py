"""One execution of a bot: from its start to its end, and what its end means."""

import posix

from controller.launcher.files import read
from controller.launcher.keeper import now
from controller.launcher.processes import SIGKILL, SIGTERM, signal_group
from controller.launcher.surroundings import result_folder
from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STOP, LEASE, TIMEOUT, KILL = "stop", "lease_lost", "timeout", "kill_switch"


class Run:
    """A bot's process, and how far its ending has come. Times are `keeper.now()` seconds."""

    def __init__(
        self,
        pid: int,
        attempt: int,
        started_at: float,
        order: "dict[str, Any]",
        may_ask: "Callable[[], bool]",
    ) -> None:
        self.pid = pid
        self._may_ask = may_ask
        self._attempt, self._allocation = attempt, order["allocation"]
        self.started_at = started_at
        """Unix time, for reports."""
        self.code: int | None = None
        """Exit code once it has ended, negative for a signal."""
        self.ending = ""
        """Why it was asked to end: STOP, LEASE, TIMEOUT or KILL; "" while it was not."""
        self.killed = False
        self._began = now()
        self._grace = order["kill_timeout"]
        self._asked_at = 0.0
        self._ends_at = self._began + order["timeout"] if order["timeout"] else None

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return now() - self._began

    def identity(self) -> "dict[str, Any]":
        """Return what names this run in a report."""
        return {"run": f"{self._allocation}-{self._attempt}", "pid": self.pid, "attempt": self._attempt}

    def ask_to_end(self, why: str) -> bool:
        """Have the bot's processes get SIGTERM, once; return whether this was the first time."""
        if self.ending:
            return False
        self.ending = why
        self._asked_at = now()
        if self._may_ask():
            signal_group(self.pid, SIGTERM)
        return True

    def kill(self) -> None:
        """Send SIGKILL to the bot's processes, once."""
        if not self.killed:
            self.killed = True
            signal_group(self.pid, SIGKILL)

    def clear_group(self) -> None:
        """Kill what the bot left behind in its group; that does not count as killing the bot."""
        signal_group(self.pid, SIGKILL)

    def enforce(self) -> None:
        """Let the time-out and the end of the grace period take effect."""
        moment = now()
        if self._ends_at is not None and moment >= self._ends_at:
            self.ask_to_end(TIMEOUT)
        if self.ending and moment >= self._asked_at + self._grace:
            self.kill()

    def next_event(self) -> float:
        """Return when `enforce` has something to do; a far moment where it has nothing."""
        if self.ending:
            return self._asked_at + self._grace if not self.killed else now() + 3600
        return self._ends_at if self._ends_at is not None else now() + 3600


def outcome(run: Run, scheduled: bool, result: "Any") -> str:
    """Return what the end of a run means: a value of `schemas.reports.Outcome`."""
    if run.ending == TIMEOUT:
        return "timed_out"
    if run.ending:
        return "killed" if run.killed else "stopped"
    failed = isinstance(result, dict) and result.get("status") == "error"
    assert run.code is not None
    if not scheduled or run.code < 0:
        return "crashed"
    if failed:  # the SDK's error() leaves this result and exits with 1
        return "error"
    return "crashed" if run.code else "success"


def clear_result(order: "dict[str, Any]") -> None:
    """Remove an earlier run's result, where there is one that can be removed."""
    try:
        posix.unlink(f"{result_folder(order)}/result.json")
    except OSError:  # also where the bot made a folder of it
        return


def read_result(order: "dict[str, Any]") -> "Any":
    """Return the bot's `result.json`, None where it left none that can be read."""
    text = read(f"{result_folder(order)}/result.json", links=False)
    if text is None:
        return None
    try:
        result = decode(text)
        encode(result)  # what cannot be told is no result
    except (ValueError, RecursionError):
        return None
    return result


def explanation(run: Run, kind: str, result: "Any", last_words: str) -> str:
    """Return one line for people on how a run ended; for a crash its last line on stderr."""
    if kind in ("error", "success") and isinstance(result, dict):
        return str(result.get("message") or "")[:500]
    if kind == "timed_out":
        return f"ended after its time-out of {run.age:.0f} s"
    if kind != "crashed":
        return {LEASE: "the lease could not be renewed", KILL: "the kill switch"}.get(run.ending, "")
    return _message_of(last_words)[:500] or _ending(run.code or 0)


def _ending(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _message_of(line: str) -> str:
    """Return the message of a log line that is JSON, else the line."""
    if not line.startswith("{"):
        return line
    try:
        entry = decode(line)
    except ValueError:
        return line
    return str(entry.get("message") or entry.get("msg") or line)
