"""Getting a bot's code and dependency layer onto the node, by `fetch.py` in a process of its own."""

import posix
import sys

from controller.launcher.keeper import now
from controller.launcher.processes import SIGKILL, Program, StartFailed, signal_group, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from controller.launcher.loop import Loop
    from controller.launcher.reporting import Reports

_FETCH = __file__.rpartition("/")[0] + "/fetch.py"
_MESSAGE = 4096


class Unprepared(Exception):
    """A bundle is not there and could not be fetched; the text says why."""


def folders(order: "dict[str, Any]", reports: "Reports", loop: "Loop") -> tuple[str, str]:
    """Return the folders of code and dependencies ("" for none), fetched where they are missing.

    Raises Unprepared, also when it is interrupted by a stop.
    """
    missing = [content for content in (order["code"], order["dependencies"]) if _missing(order, content)]
    if missing:
        reports.write("preparing")
    for content in missing:
        _fetch(order, content, loop)
    return _folder(order, order["code"]), _folder(order, order["dependencies"])


def _folder(order: "dict[str, Any]", content: dict[str, str] | None) -> str:
    if content is None:
        return ""
    return content["path"] or f"{order['paths']['cache']}/{content['digest']}"


def _missing(order: "dict[str, Any]", content: dict[str, str] | None) -> bool:
    return content is not None and not content["path"] and not _exists(_folder(order, content))


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def _fetch(order: "dict[str, Any]", content: dict[str, str], loop: "Loop") -> None:
    reading, writing = posix.pipe2(posix.O_CLOEXEC)
    posix.set_blocking(reading, False)
    program = Program(
        [sys.executable, "-I", "-S", _FETCH, content["digest"], order["paths"]["cache"]],
        {"HERDSMAN_BUNDLE_URL": content["url"], **_certificates()},
        "/",
    )
    try:
        child = start(program, (writing, writing))
    except StartFailed as trouble:
        raise Unprepared(str(trouble)) from trouble
    finally:
        posix.close(writing)
    try:
        _wait(child, loop)
        if loop.ended.pop(child):
            raise Unprepared(_said(reading) or "the bundle could not be fetched")
    finally:
        posix.close(reading)


def _certificates() -> dict[str, str]:
    """Return where this machine keeps the authorities that it trusts, if it says so."""
    names = (b"SSL_CERT_FILE", b"SSL_CERT_DIR")
    return {name.decode(): posix.environ[name].decode() for name in names if name in posix.environ}


def _wait(child: int, loop: "Loop") -> None:
    while child not in loop.ended:
        loop.turn(now() + 60)
        if loop.stop:
            signal_group(child, SIGKILL)


def _said(reading: int) -> str:
    """Return the last line that the child wrote."""
    try:
        lines = posix.read(reading, _MESSAGE).decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        return ""
    return lines[-1] if lines else ""
