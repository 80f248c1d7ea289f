"""Readies a Python query program's process, before any of its own code runs: `prepare` alone is called.

Three things of the public SDK are fitted to a node that many bots share: its result goes to a file of this
query's own (the SDK writes to one place for all), its server listens on the loopback alone (the SDK has it
listen on every address, without any access control), and a handler that raises leaves its trace on stderr.
"""

import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any

_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared only


def prepare(environment: "os._Environ[str]") -> None:
    """Fit the process to what is asked of it."""
    port = environment.get("THE0_QUERY_PORT", "")
    if port.isdecimal() and "QUERY_PATH" not in environment:
        _listen_on_loopback(int(port))
    try:
        from the0 import query  # type: ignore[import-not-found]
    except Exception:  # noqa: BLE001 - the program has no SDK, or fails by itself when it imports it
        return
    result = environment.get("HERDSMAN_QUERY_RESULT")
    if result:
        query._QUERY_RESULT_PATH = result  # noqa: SLF001 - the SDK's own place for it
    if callable(getattr(query, "handler", None)):
        query.handler = _traced(query.handler)


def _listen_on_loopback(port: int) -> None:
    bind = socket.socket.bind

    def bind_here(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_INET and address[0] in _EVERYWHERE and address[1] == port:
            address = ("127.0.0.1", port)
        bind(self, address)

    socket.socket.bind = bind_here  # type: ignore[method-assign, assignment]


def _traced(handler: Callable[[str], Callable[[Any], Any]]) -> Callable[[str], Callable[[Any], Any]]:
    def registering(path: str) -> Callable[[Any], Any]:
        register = handler(path)

        def decorate(function: Any) -> Any:
            def answering(request: Any) -> Any:
                try:
                    return function(request)
                except Exception:
                    traceback.print_exc(file=sys.stderr)
                    raise

            register(answering)
            return function

        return decorate

    return registering
