"""Memory that large passes leave behind: given back, and not held in the first place."""

import asyncio
import ctypes
import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.content import Contents
from controller.leftovers import EVERY, MANY, Leftovers, release
from controller.status import Health
from schemas.errors import BuildFailed
from tests.fakes.clock import FakeClock
from tests.unit.controller.examples import program, spec
from tests.unit.controller.harness import FakeBundles, World


class Releases:
    """Counts how often memory was given back, and where."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self) -> None:
        self.threads.append(threading.get_ident())


async def test_memory_is_given_back_once_after_many_bots() -> None:
    """Many statuses, written in however many steps, are followed by one release off the loop's thread."""
    releases = Releases()
    leftovers = Leftovers(FakeClock(), releases)
    for _ in range(3):
        await leftovers.clear(MANY // 2, lambda: False)
    assert len(releases.threads) == 1
    assert releases.threads[0] != threading.get_ident()


async def test_memory_is_given_back_now_and_then_where_much_moves() -> None:
    """Bots that never come to rest cost a release every ten seconds, not one with every write."""
    clock, releases = FakeClock(), Releases()
    leftovers = Leftovers(clock, releases)
    for _ in range(3):
        await leftovers.clear(MANY, lambda: False)
    assert len(releases.threads) == 1
    await clock.advance(EVERY)
    await leftovers.clear(0, lambda: False)
    assert len(releases.threads) == 2


async def test_few_bots_cost_no_release() -> None:
    """A pass that changed few bots leaves nothing worth the time."""
    releases = Releases()
    await Leftovers(FakeClock(), releases).clear(MANY - 1, lambda: False)
    assert not releases.threads


async def test_memory_is_kept_while_more_is_on_its_way() -> None:
    """What would be needed again at once is not given back before the bots' changes have come to an end."""
    releases = Releases()
    leftovers = Leftovers(FakeClock(), releases)
    await leftovers.clear(5 * MANY, lambda: True)
    assert not releases.threads
    await leftovers.clear(0, lambda: False)
    assert len(releases.threads) == 1


def test_release_works_with_any_c_library() -> None:
    """It gives back what there is, and again where nothing is left; without glibc it does nothing."""
    known = hasattr(ctypes.CDLL(None), "malloc_trim")
    assert [release(), release()] == [known, known]


async def test_pass_that_ended_is_held_by_nobody(world: World) -> None:
    """A pass keeps every step of every bot: it goes with the last who follows it."""
    async with world.life() as controller:
        world.source.push([spec("a")], 1)
        asked = controller.request_pass("push")
        await asked.wait()
        await world.clock.advance(11)
        await world.until(lambda: world.health("a") is Health.HEALTHY and not controller.work().passing)
        held = weakref.ref(asked)
        del asked
        gc.collect()
        assert held() is None


def contents(bundles: FakeBundles) -> Contents:
    return Contents(bundles, lambda: Path("/nowhere"), "3.11", 1)


async def asked(
    of: Contents, count: int, obsolete: Callable[[], bool] = lambda: False
) -> tuple[list[asyncio.Task[object]], list[asyncio.Event]]:
    """Return bots that wait for the same content, and what wakes each."""
    events = [asyncio.Event() for _ in range(count)]
    bots: list[asyncio.Task[object]] = [
        asyncio.create_task(of.unless(program(), lambda _text: None, woken, obsolete)) for woken in events
    ]
    await asyncio.sleep(0)
    return bots, events


@pytest.fixture
def gated() -> FakeBundles:
    bundles = FakeBundles()
    bundles.gate = asyncio.Event()
    return bundles


async def test_bots_that_wait_for_content_take_no_task_of_their_own(gated: FakeBundles) -> None:
    """However many bots wait for a program, there is one task more: its build. Each gets what was built."""
    before = len(asyncio.all_tasks())
    bots, _ = await asked(contents(gated), 50)
    assert len(asyncio.all_tasks()) == before + 50 + 1
    assert gated.gate is not None
    gated.gate.set()
    assert len({id(found) for found in await asyncio.gather(*bots)}) == 1
    assert gated.built == ["1.0.0"]


async def test_failed_build_is_told_to_all_who_wait(gated: FakeBundles) -> None:
    """Every bot of a program that cannot be built learns why."""
    gated.broken.add("1.0.0")
    bots, _ = await asked(contents(gated), 3)
    assert gated.gate is not None
    gated.gate.set()
    ends = await asyncio.gather(*bots, return_exceptions=True)
    assert [type(end) for end in ends] == [BuildFailed] * 3


async def test_woken_bot_leaves_only_where_its_content_is_obsolete(gated: FakeBundles) -> None:
    """A bot that is woken waits on for what it still wants; one that wants it no more leaves at once."""
    wanted: list[bool] = [True]
    bots, (first, second) = await asked(contents(gated), 2, lambda: not wanted[0])
    first.set()
    await asyncio.sleep(0)
    assert not first.is_set()
    wanted[0] = False
    first.set()
    assert await bots[0] is None
    assert not bots[1].done()
    assert gated.gate is not None
    gated.gate.set()
    assert await bots[1] is not None
    assert not second.is_set()
