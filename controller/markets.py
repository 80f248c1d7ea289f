"""When markets are open, read by a process of its own: the library is heavy, and its memory is given back."""

import asyncio
import logging
import sys
from collections.abc import Callable

import msgspec

from controller.clock import Clock
from controller.windows import Sessions

_LOG = logging.getLogger(__name__)
_FRESH = 86400.0
_RETRY = 300.0
_PATIENCE = 120.0


class Markets:
    """Reads the calendars that are wanted, and again every day; `changed` is called with each reading."""

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self.sessions: Sessions = {}
        self._clock = clock
        self._changed = changed
        self._wanted = frozenset[str]()
        self._news = asyncio.Event()

    def want(self, names: frozenset[str]) -> None:
        """Have these calendars known."""
        if names != self._wanted:
            self._wanted = names
            self._news.set()

    async def run(self) -> None:
        """Keep them known, for ever; nothing is read where none is wanted."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                good = await self._read(self._wanted)
                sleeping = asyncio.ensure_future(self._clock.sleep(_FRESH if good else _RETRY))
                waking = asyncio.ensure_future(self._news.wait())
                await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
                sleeping.cancel()
                waking.cancel()
                self._news.clear()

    async def _read(self, names: frozenset[str]) -> bool:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "controller.market_sessions",
            str(self._clock.time()),
            *sorted(names),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(child.communicate(), _PATIENCE)
        except TimeoutError:
            out, errors = b"", b"it took too long"
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0:
            said = errors.decode(errors="replace").strip().splitlines()[-1:]
            _LOG.error("the market calendars cannot be read: %s", *said or ["no reason was given"])
            return False
        self.sessions = msgspec.json.decode(out, type=dict[str, tuple[tuple[float, float], ...]])
        self._changed()
        return True
