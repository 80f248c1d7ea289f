"""A query to a realtime bot: HTTP to its query server, on this machine's loopback alone."""

import fcntl
import http.client
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.launcher.files import indices
from controller.launcher.query_answer import (
    MOST_BYTES,
    NO_ANSWER,
    NO_QUERIES,
    NOT_RUNNING,
    TIMED_OUT,
    TOO_LARGE,
    failure,
    meaning,
    parse,
)
from controller.launcher.query_server import port_file, query_folder
from controller.launcher.snapshot import TooLarge, refresh

_PATIENCE = 5.0
"""Seconds that a query waits for a server that is being started."""
_RETRY = 0.05
_TAIL = 16384
_PRINTING = 2.0
"""Seconds that a trace may take from the program to its file."""


def ask_live(order: dict[str, Any], path: str, params: Any, seconds: float) -> dict[str, Any]:
    """Ask the bot's query server and return its answer."""
    try:
        port = int(Path(port_file(order)).read_text())
    except (OSError, ValueError):
        return failure(NOT_RUNNING, "the bot does not run here now, so that nobody can answer")
    printed = _Printed(order)
    try:
        with _at_most(seconds):
            if order.get("query_entrypoint"):
                _refresh_state(order)
            return _post(order, port, path, params, printed)
    except TimeoutError:
        return failure(TIMED_OUT, f"the query was not answered within {seconds:g} s", printed.trace())
    except (TooLarge, OSError, http.client.HTTPException) as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        return failure(NO_ANSWER, f"the bot's query server gave no answer ({what})", printed.trace())


def _refresh_state(order: dict[str, Any]) -> None:
    """Bring the server's copy of the state up to date, one query at a time."""
    folder = Path(query_folder(order))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refresh(Path(order["paths"]["state"]), folder / "state")


def _post(order: dict[str, Any], port: int, path: str, params: Any, printed: "_Printed") -> dict[str, Any]:
    connection = _connected(port, _PATIENCE if order.get("query_entrypoint") else 0.0)
    if connection is None:
        return _nobody(order, printed)
    with_length = json.dumps(params).encode()
    connection.request("POST", path, with_length, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read(MOST_BYTES + 1)
    connection.close()
    if len(text) > MOST_BYTES:
        return failure(TOO_LARGE, f"the answer is larger than {MOST_BYTES >> 20} MiB: ask for less of it")
    failed = answer.status >= 400
    trace = printed.trace() if failed else ""
    try:
        return meaning(parse(text), failed=failed, trace=trace)
    except ValueError:
        shown = text[:200].decode("utf-8", "replace")
        return failure(NO_ANSWER, f"the query server's answer ({answer.status}) is no JSON: {shown}", trace)


def _connected(port: int, patience: float) -> http.client.HTTPConnection | None:
    """Return a connection to the server, waiting a little where it is being started; None without one."""
    until = time.monotonic() + patience
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() >= until:
                return None
            time.sleep(_RETRY)
        else:
            return connection


def _nobody(order: dict[str, Any], printed: "_Printed") -> dict[str, Any]:
    if order.get("query_entrypoint"):
        return failure(NO_ANSWER, "the bot's query server does not answer", printed.last_trace())
    text = "its program has no entrypoints.query, and nothing answers on the bot's own THE0_QUERY_PORT"
    return failure(NO_QUERIES, text)


class _Printed:
    """What the query server prints from now on."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._folder, self._name = f"{order['paths']['allocation']}/logs", f"{order['task']}.query"
        self._file, self._begin = self._newest()

    def _newest(self) -> tuple[str, int]:
        try:
            path = f"{self._folder}/{self._name}.{indices(self._folder, self._name)[-1]}"
            return path, Path(path).stat().st_size
        except (OSError, IndexError):
            return "", 0

    def trace(self) -> str:
        """Return the newest trace, waiting a moment until the whole of it is there; "" without one."""
        until = time.monotonic() + _PRINTING
        while True:
            found = self._found()
            if _is_whole(found) or time.monotonic() >= until:
                return found
            time.sleep(_RETRY)

    def last_trace(self) -> str:
        """Return the newest trace, from whenever it is: why a server is not there."""
        self._begin = 0
        return self._found()

    def _found(self) -> str:
        path, size = self._newest()
        begin = max(self._begin if path == self._file else 0, size - _TAIL)
        try:
            with Path(path).open("rb") as file:
                file.seek(begin)
                text = file.read(_TAIL).decode("utf-8", "replace")
        except OSError:
            return ""
        head = text.rfind("Traceback (most recent call last):")
        return text[head:] if head >= 0 else ""


def _is_whole(trace: str) -> bool:
    """Say whether a trace has come to its exception's line."""
    return any(line and not line.startswith(" ") for line in trace.splitlines()[1:]) and trace.endswith("\n")


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in what is done inside once the time is over, whatever it waits for."""

    def over(_number: int, _frame: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
