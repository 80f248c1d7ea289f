"""Dear work is done for one asker at a time, and given up after a while."""

import asyncio

import pytest

from schemas.errors import SearchTooLong, TooBusy
from web.turn import Turn


async def test_second_asker_waits_and_is_refused_where_it_takes_long():
    """Who waits is let in once the first is done, also where that failed."""
    turn = Turn("others are compared", patience=0.01)
    async with turn.taken():
        with pytest.raises(TooBusy, match="others are compared right now"):
            async with turn.taken():
                pass
    patient, order = Turn("x", patience=60.0), []

    async def work(name):
        async with patient.taken():
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)
            raise ValueError(name)

    failed = await asyncio.gather(work("a"), work("b"), return_exceptions=True)
    assert [str(error) for error in failed] == ["a", "b"]
    assert order == ["a", "a", "b", "b"]


async def test_work_that_does_not_end_is_given_up():
    """The turn is free again; another time-out of the work itself is its own error."""
    turn = Turn("x", longest=0.01)
    with pytest.raises(SearchTooLong, match="fewer bots"):
        async with turn.taken():
            await asyncio.Event().wait()
    with pytest.raises(TimeoutError, match="mine"):
        async with Turn("x").taken():
            raise TimeoutError("mine")
    with pytest.raises(SearchTooLong):
        async with turn.taken():
            await asyncio.Event().wait()
