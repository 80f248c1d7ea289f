"""The query server of a realtime bot: a second process beside it, which ends with it and holds no lease.

It runs the program's query entrypoint with `THE0_QUERY_PORT`, a free port of the loopback, and a copy of the
state that each query brings up to date. What it prints goes to a stream of its own, `query`. No trouble of
its own touches the bot. A bot whose program has no such entrypoint gets the port itself, and may serve.
"""

import posix
from _socket import AF_INET, SOCK_STREAM, socket

from controller.launcher.files import LogFile, make_folder, replace
from controller.launcher.keeper import now
from controller.launcher.processes import Program, StartFailed, start
from controller.launcher.streams import Pump
from controller.launcher.surroundings import (
    LEASE_VARIABLES,
    MissingSecret,
    UnknownRuntime,
    command,
    environment,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from controller.launcher.loop import Loop

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_NEVER = 3600.0


def query_folder(order: "dict[str, Any]") -> str:
    """Return the server's own folder."""
    return f"{order['paths']['work']}/query"


def port_file(order: "dict[str, Any]") -> str:
    """Return the file that holds the port while the bot runs."""
    return f"{query_folder(order)}/port"


class QueryServer:
    """Keeps one bot's query server running while the bot runs (`own`: the launcher's environment)."""

    def __init__(self, order: "dict[str, Any]", own: dict[str, str], logs: str) -> None:
        self._order, self._own, self._logs = order, own, logs
        self._wanted = order["type"] == "realtime"
        self._served = self._wanted and bool(order.get("query_entrypoint"))
        self._pid = self._failures = self._port = 0
        self._start_at = 0.0
        self._pump: Pump | None = None
        self._content = ("", "")

    def prepare(self) -> dict[str, str]:
        """Choose a port, and return what the bot itself is told of it."""
        if not self._wanted:
            return {}
        try:
            self._port = free_port()
            make_folder(query_folder(self._order), 0o700)
            replace(port_file(self._order), str(self._port), 0o600)
        except OSError:  # no port, or a full disk: no query is answered then
            self._port = 0
        return {} if self._served or not self._port else {"THE0_QUERY_PORT": str(self._port)}

    def begin(self, code: str, dependencies: str, loop: "Loop") -> None:
        """Start the server, now that the bot runs."""
        if not (self._served and self._port):
            return
        self._content = (code, dependencies)
        self._failures = 0
        output, task = self._order["output"], self._order["task"]
        try:
            self._pump = Pump(LogFile(self._logs, f"{task}.query", output["size"], output["files"]))
        except OSError:
            return
        loop.carry_also(self._pump)
        self._start()

    def _start(self) -> None:
        assert self._pump is not None
        try:
            program = self._program()
            self._pid = start(program, (self._pump.writing, self._pump.writing))
        except (StartFailed, MissingSecret, UnknownRuntime, OSError):
            self._pid = 0
            self._pause()

    def _program(self) -> Program:
        order, folder = self._order, query_folder(self._order)
        code, dependencies = self._content
        paths = {**order["paths"], "work": folder, "state": f"{folder}/state"}
        inside = {**order, "entrypoint": order["query_entrypoint"], "paths": paths}
        for made in ("home", "temporary", "result", "state"):
            make_folder(f"{folder}/{made}", 0o700)
        given = environment(inside, self._own, code, dependencies)
        for name in LEASE_VARIABLES:
            given.pop(name, None)
        given |= {"ENTRYPOINT_TYPE": "query", "THE0_QUERY_PORT": str(self._port)}
        return Program(command(inside, dependencies, "query"), given, code)

    def attend(self, ended: dict[int, int]) -> None:
        """Start the server again, after a pause, where it has ended by itself (`ended`: the loop's)."""
        if self._pid and ended.pop(self._pid, None) is not None:
            self._pid = 0
            self._pause()
        if self._start_at and now() >= self._start_at:
            self._start_at = 0.0
            self._start()

    def _pause(self) -> None:
        self._start_at = now() + min(_FIRST_PAUSE * 2 ** min(self._failures, 16), _LONGEST_PAUSE)
        self._failures += 1

    def next_event(self) -> float:
        """Return when `attend` has something to do."""
        return self._start_at or now() + _NEVER

    def end(self) -> None:
        """Forget the server: the bot has ended, and everything beside it was killed."""
        self._pid, self._start_at = 0, 0.0
        if self._pump is not None:
            self._pump.hand_over()
            self._pump = None
        if self._wanted:
            try:
                posix.unlink(port_file(self._order))
            except OSError:
                return


def free_port() -> int:
    """Return a port of the loopback that is free now."""
    probe = socket(AF_INET, SOCK_STREAM)
    try:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
    finally:
        probe.close()
