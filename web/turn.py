"""Work that is dear enough to be done for one asker at a time, and for so long at most."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.errors import SearchTooLong, TooBusy

PATIENCE = 10.0
"""Seconds that one waits for the turn: whoever loads a page again still has the last answer coming."""
LONGEST = 30.0


class Turn:
    """Lets one in at a time. `what` says what others are waiting for, as in "other bots are compared"."""

    def __init__(self, what: str, *, patience: float = PATIENCE, longest: float = LONGEST) -> None:
        self._what = what
        self._patience = patience
        self._longest = longest
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for the turn, and have it. Raises TooBusy, and SearchTooLong where the work does not end."""
        try:
            async with asyncio.timeout(self._patience):
                await self._lock.acquire()
        except TimeoutError as error:
            raise TooBusy(f"{self._what} right now; ask again in a moment") from error
        deadline = asyncio.timeout(self._longest)
        try:
            async with deadline:
                yield
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise SearchTooLong(f"this takes longer than {self._longest:g} s: ask for fewer bots") from error
        finally:
            self._lock.release()


def turn_of_comparisons() -> Turn:
    """Return the turn of comparing many bots: it reads thousands of lines of each."""
    return Turn("other bots are being compared")
