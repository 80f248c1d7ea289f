"""Market calendars, read from the real library by a process of its own."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise

import exchange_calendars

from controller.clock import SystemClock
from controller.markets import Markets
from schemas.market_calendars import NAMES


def test_every_known_calendar_is_accepted():
    """The names that a manifest may use are those of the library."""
    assert frozenset(exchange_calendars.get_calendar_names()) == NAMES


async def test_sessions_are_read_once_they_are_wanted():
    """The sessions of New York, and of Hong Kong with its break at noon."""
    changed = asyncio.Event()
    markets = Markets(SystemClock(), changed.set)
    running = asyncio.create_task(markets.run())
    markets.want(frozenset({"XNYS", "XHKG"}))
    await asyncio.wait_for(changed.wait(), 110)
    running.cancel()
    now = SystemClock().time()
    coming = [session for session in markets.sessions["XNYS"] if session[0] > now]
    opens = datetime.fromtimestamp(coming[0][0], UTC)
    assert (opens.hour, opens.minute) in {(13, 30), (14, 30)}
    assert all(end <= start for (_, end), (start, _) in pairwise(coming))
    assert len(markets.sessions["XHKG"]) > 1.8 * len(markets.sessions["XNYS"])


def test_service_does_not_carry_the_library():
    """Importing the controller brings no pandas along."""
    code = "import controller.controller, sys; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
