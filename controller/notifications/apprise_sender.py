"""Sending through apprise, which speaks to Slack, Telegram, Discord, mail, webhooks and a hundred others.

apprise blocks, and it logs addresses with their credentials. So each try runs in a thread of its own that
may be given up, and nothing of its log gets further than the code of a refusal.
"""

import asyncio
import logging
import re
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.notifications.destinations import Destination
from controller.notifications.wording import Message
from schemas.alerts import Severity
from schemas.errors import UsageError

PATIENCE = 30.0
"""Seconds that a try may take."""
_REFUSED = re.compile(r"error=(\d{3})\b")
_HANGS = "it has not answered the last try yet"


class _Heard(logging.Handler):
    """Keeps of what a target logs the code with which its server refused."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.code = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Look for the code and forget the text, which may hold credentials."""
        if found := _REFUSED.search(record.getMessage()):
            self.code = found[1]


@dataclass(frozen=True, slots=True)
class _Target:
    """What apprise makes of an address, and what it says while it sends."""

    apprise: Any
    heard: _Heard


_LOUD = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
"""Loggers that write addresses or their paths."""


class AppriseSender:
    """Fulfils `Sender`. At most one try at a time for each destination, also where one hangs."""

    def __init__(self, destinations: Sequence[Destination], patience: float = PATIENCE) -> None:
        _silence()
        self._targets = {one.name: _target(one) for one in destinations}
        self._patience = patience
        self._busy: dict[str, asyncio.Future[str]] = {}

    async def send(self, message: Message) -> str:
        """Send a message and return "", or why it did not arrive."""
        name = message.destination
        target = self._targets.get(name)
        if target is None:
            return "it is not in the service's --notify-file"
        if name in self._busy and not self._busy[name].done():
            return _HANGS
        trying = self._busy[name] = _in_thread(f"herdsman-notify-{name}", lambda: _notify(target, message))
        try:
            return await asyncio.wait_for(asyncio.shield(trying), self._patience)
        except TimeoutError:
            return f"no answer within {self._patience:g} s"


def _silence() -> None:
    for name in _LOUD:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _target(destination: Destination) -> _Target:
    """Return what apprise makes of an address. Raises UsageError, which does not repeat it."""
    with warnings.catch_warnings():
        # It looks for modules of older Pythons, and loads its plugins with the first address.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        asset = apprise.AppriseAsset(app_id="herdsman", app_desc="herdsman")
        made = apprise.Apprise(asset=asset)
        known = made.add(destination.url)
    if not known:
        raise UsageError(
            f"--notify-file: the address of {destination.name} ({destination.service}://...) is none that "
            "can be used: docs/notifications.md shows how each service's looks"
        )
    return _Target(made, _listen(made, destination.name))


def _listen(made: Any, name: str) -> _Heard:
    """Have what sends speak to a logger of its own, which nobody reads but us."""
    heard, logger = _Heard(), logging.getLogger(f"apprise.{name}")
    logger.propagate, logger.handlers = False, [heard]
    logger.setLevel(logging.WARNING)
    for service in made:
        service.logger = logger
    return heard


def _notify(target: _Target, message: Message) -> str:
    """Send it; runs in a thread of its own."""
    target.heard.code = ""
    kinds = {Severity.CRITICAL: "failure", Severity.WARNING: "warning"}
    try:
        arrived = target.apprise.notify(
            title=message.title,
            body=message.body,
            notify_type=kinds.get(Severity(message.severity), "info"),
            body_format="text",
        )
    except Exception as error:  # noqa: BLE001 - a plugin's error may hold the address: only its kind is told
        return f"it could not be sent ({type(error).__name__})"
    if arrived:
        return ""
    code = target.heard.code
    return f"refused with {code}" if code else "it cannot be reached, or refused it"


def _in_thread(name: str, work: Callable[[], str]) -> "asyncio.Future[str]":
    """Run work in a daemon thread: one that hangs keeps neither a pool nor the process's end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def finish(text: str) -> None:
        if not done.done():
            done.set_result(text)

    def run() -> None:
        text = work()
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, text)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done
