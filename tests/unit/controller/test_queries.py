"""What a bot may be asked, how much at once, and what becomes of its answers."""

import asyncio
import json

import pytest

from controller.launcher.query_answer import MOST_BYTES, encoded, failure, meaning
from controller.queries import AT_ONCE
from controller.schedulers.answers import answer_of
from controller.schedulers.protocol import Question
from schemas.errors import NotFound, QueryFailed, QueryRefused, QueryTimedOut, TooBusy, UsageError
from tests.unit.controller.examples import spec


async def test_a_question_reaches_the_scheduler_and_its_answer_comes_back(world):
    """Path and parameters arrive with the time limit; the JSON comes back as it is."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.scheduler.answer = '{"price": 1.10}'
        assert await controller.query("a", "/status", {"limit": 5}) == '{"price": 1.10}'
        assert world.scheduler.questions == [("a", Question("/status", {"limit": 5}, 30.0))]


async def test_questions_that_make_no_sense_are_refused(world):
    """Unknown bots, odd paths and large parameters never reach a node."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        with pytest.raises(NotFound):
            await controller.query("b", "/status", {})
        for path in ("status", "/a b", "/a\r\nHost: x", "/a?b", "/" + "a" * 600, ""):
            with pytest.raises(UsageError, match="no path"):
                await controller.query("a", path, {})
        with pytest.raises(UsageError, match="64 KiB"):
            await controller.query("a", "/status", {"x": "y" * 70_000})
        assert world.scheduler.questions == []


async def test_a_bot_is_asked_so_many_things_at_once_and_others_are_not_kept(world):
    """One bot's slow queries refuse its own next one alone, and only until they are answered."""
    async with world.life() as controller:
        await world.push([spec("a"), spec("b")], 1)
        world.scheduler.gate = asyncio.Event()
        asked = [asyncio.create_task(controller.query("a", "/slow", {})) for _ in range(AT_ONCE)]
        await world.until(lambda: len(world.scheduler.questions) == AT_ONCE)
        with pytest.raises(TooBusy, match="a is being asked 4 things"):
            await controller.query("a", "/more", {})
        other = asyncio.create_task(controller.query("b", "/status", {}))
        await world.until(lambda: world.scheduler.questions[-1][0] == "b")
        world.scheduler.gate.set()
        await asyncio.gather(*asked, other)
        assert await controller.query("a", "/more", {}) == "null"


async def test_a_bot_without_a_job_cannot_answer(world):
    """A bot whose job is gone is refused as not running."""
    async with world.life() as controller:
        await world.push([spec("a")], 1)
        world.scheduler.answer = NotFound("no job")
        with pytest.raises(QueryRefused, match="does not run"):
            await controller.query("a", "/status", {})


@pytest.mark.parametrize(
    ("document", "failed", "expected"),
    [
        ({"status": "ok", "data": [1]}, False, {"status": "ok", "data": [1]}),
        ({"status": "ok"}, False, {"status": "ok", "data": {"status": "ok"}}),
        ([1, 2], False, {"status": "ok", "data": [1, 2]}),
        (None, False, {"status": "ok", "data": None}),
        ({"x": 1}, True, failure("raised", "the query program failed")),
        ({"status": "error", "error": "no"}, True, failure("raised", "no")),
        (
            {"status": "error", "error": "No handler", "available": ["/a"]},
            True,
            failure("no_handler", "No handler", available=["/a"]),
        ),
    ],
)
def test_what_a_programs_document_means(document, failed, expected):
    """The SDK's envelope is opened; anything else is taken as it is, unless the program failed."""
    assert meaning(document, failed=failed) == expected


def test_answers_become_errors_of_ours():
    """Each reason becomes the error that says it, with trace and known paths."""
    assert answer_of("a", b'{"status": "ok", "data": {"x": 1.50}}') == '{"x": 1.50}'
    for reason, kind in (
        ("not_running", QueryRefused),
        ("timed_out", QueryTimedOut),
        ("raised", QueryFailed),
    ):
        with pytest.raises(kind, match="a: why"):
            answer_of("a", encoded(failure(reason, "why")).encode())
    with pytest.raises(QueryFailed, match="there is /x, /y") as caught:
        answer_of("a", encoded(failure("no_handler", "No", available=["/x", "/y"])).encode())
    assert caught.value.available == ("/x", "/y")
    with pytest.raises(QueryFailed) as broken:
        answer_of("a", b"python: no such file")
    assert broken.value.trace == "python: no such file"


def test_a_large_answer_is_refused_and_says_so():
    """An answer beyond the limit never leaves the node."""
    assert json.loads(encoded({"status": "ok", "data": "x" * MOST_BYTES}))["reason"] == "too_large"
