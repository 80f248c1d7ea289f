"""Getting a bot's code and layer onto the node, by processes of their own: `fetch.py` and `view.py`."""

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
_VIEW = __file__.rpartition("/")[0] + "/view.py"
_MESSAGE = 4096


class Unprepared(Exception):
    """The bot's folders are not there and could not be made; the text says why."""


def folders(order: "dict[str, Any]", reports: "Reports", loop: "Loop") -> tuple[str, str]:
    """Return the folders of code and dependencies ("" for none), fetched where they are missing.

    Raises Unprepared, also when it is interrupted by a stop.
    """
    missing = [content for content in (order["code"], order["dependencies"]) if _missing(order, content)]
    if missing:
        reports.write("preparing")
    for content in missing:
        _fetch(order, content, loop)
    code, layer = _folder(order, order["code"]), _folder(order, order["dependencies"])
    if layer and order["runtime"].startswith("nodejs"):
        return _view(order, code, layer, loop), layer
    return code, layer


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


def _view(order: "dict[str, Any]", code: str, layer: str, loop: "Loop") -> str:
    """Return this allocation's own folder of the code with the layer's modules in it."""
    view = f"{order['paths']['work']}/program"
    if not _exists(view):
        _carry_out([_VIEW, code, layer, view], {}, loop, "the program's folder could not be made")
    return view


def _fetch(order: "dict[str, Any]", content: dict[str, str], loop: "Loop") -> None:
    environment = {"HERDSMAN_BUNDLE_URL": content["url"], **_certificates()}
    arguments = [_FETCH, content["digest"], order["paths"]["cache"]]
    _carry_out(arguments, environment, loop, "the bundle could not be fetched")


def _carry_out(arguments: list[str], environment: dict[str, str], loop: "Loop", failure: str) -> None:
    """Run one of our files to its end. Raises Unprepared with what it said, or `failure`."""
    reading, writing = posix.pipe2(posix.O_CLOEXEC)
    posix.set_blocking(reading, False)
    program = Program([sys.executable, "-I", "-S", *arguments], environment, "/")
    try:
        child = start(program, (writing, writing))
    except StartFailed as trouble:
        raise Unprepared(str(trouble)) from trouble
    finally:
        posix.close(writing)
    try:
        _wait(child, loop)
        if loop.ended.pop(child):
            raise Unprepared(_said(reading) or failure)
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
