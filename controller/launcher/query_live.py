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


def ask_live(order: dict[str, Any], path: str, params: Any, seconds: float) -> dict[str, Any]:
    """Ask the bot's query server and return its answer."""
    try:
        port = int(Path(port_file(order)).read_text())
    except (OSError, ValueError):
        return failure(NOT_RUNNING, "the bot does not run here now, so that nobody can answer")
    try:
        with _at_most(seconds):
            if order.get("query_entrypoint"):
                _refresh_state(order)
            return _post(order, port, path, params)
    except TimeoutError:
        return failure(TIMED_OUT, f"the query was not answered within {seconds:g} s", _trace(order))
    except (TooLarge, OSError, http.client.HTTPException) as error:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        return failure(NO_ANSWER, f"the bot's query server gave no answer ({what})", _trace(order))


def _refresh_state(order: dict[str, Any]) -> None:
    """Bring the server's copy of the state up to date, one query at a time."""
    folder = Path(query_folder(order))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refresh(Path(order["paths"]["state"]), folder / "state")


def _post(order: dict[str, Any], port: int, path: str, params: Any) -> dict[str, Any]:
    connection = _connected(port)
    if connection is None:
        return _nobody(order)
    with_length = json.dumps(params).encode()
    connection.request("POST", path, with_length, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read(MOST_BYTES + 1)
    connection.close()
    if len(text) > MOST_BYTES:
        return failure(TOO_LARGE, f"the answer is larger than {MOST_BYTES >> 20} MiB: ask for less of it")
    failed = answer.status >= 400
    trace = _trace(order) if failed else ""
    try:
        return meaning(parse(text), failed=failed, trace=trace)
    except ValueError:
        shown = text[:200].decode("utf-8", "replace")
        return failure(NO_ANSWER, f"the query server's answer ({answer.status}) is no JSON: {shown}", trace)


def _connected(port: int) -> http.client.HTTPConnection | None:
    """Return a connection to the server, waiting a little where it is being started; None without one."""
    until = time.monotonic() + _PATIENCE
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


def _nobody(order: dict[str, Any]) -> dict[str, Any]:
    if order.get("query_entrypoint"):
        return failure(NO_ANSWER, "the bot's query server does not answer", _trace(order))
    text = "its program has no entrypoints.query, and nothing answers on the bot's own THE0_QUERY_PORT"
    return failure(NO_QUERIES, text)


def _trace(order: dict[str, Any]) -> str:
    """Return the newest trace in what the query server printed, "" where there is none."""
    folder, name = f"{order['paths']['allocation']}/logs", f"{order['task']}.query"
    try:
        newest = indices(folder, name)[-1]
        with Path(f"{folder}/{name}.{newest}").open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except (OSError, IndexError):
        return ""
    begin = text.rfind("Traceback (most recent call last):")
    return text[begin:] if begin >= 0 else ""


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
