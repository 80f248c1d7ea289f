"""Delivery from the database: retried, each destination by itself, and nothing lost over a restart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.database import Database
from controller.database.notifications import (
    MOST_WAITING,
    add_message,
    load_deliveries,
    load_fate,
    load_next,
    open_destinations,
)
from controller.notifications.desk import NotificationDesk
from controller.notifications.post import Post
from controller.notifications.wording import Message
from schemas.alerts import Severity
from schemas.errors import NotFound, UsageError
from tests.fakes.clock import FakeClock, settle
from tests.unit.controller.harness import CountedDatabase


class FakeSender:
    """Takes messages; destinations in `refusing` refuse, those in `hanging` never answer."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.tries = 0
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()

    async def send(self, message: Message) -> str:
        self.tries += 1
        if message.destination in self.hanging:
            await asyncio.Event().wait()
        if message.destination in self.refusing:
            return "refused with 500"
        self.sent.append(message.id)
        return ""


def message(mark: str, destination: str = "desk", subjects: int = 1) -> Message:
    return Message(mark, destination, "title", "body", Severity.WARNING, 0.0, subjects)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await CountedDatabase.open(str(tmp_path / "herdsman.db"))
    known = [("desk", "json"), ("mail", "mailto")]
    await opened.run(lambda connection: open_destinations(connection, known))
    yield opened
    await opened.close()


async def put(database: Database, *messages: Message) -> None:
    for one in messages:
        await database.run(lambda connection, one=one: add_message(connection, one))


async def posted(database: Database, sender: FakeSender, clock: FakeClock, seconds: float) -> None:
    """Run the post for that long."""
    assert isinstance(database, CountedDatabase)
    clock.busy = lambda: database.waiting > 0
    task = asyncio.create_task(Post(database, sender, clock, lambda: 0.5).run())
    await settle()
    await clock.advance(seconds, step=1.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_messages_are_sent_in_order_and_once(database: Database) -> None:
    """Each arrives once, the oldest first; the same id again is the same message."""
    await put(database, message("a"), message("b"), message("a"))
    sender = FakeSender()
    await posted(database, sender, FakeClock(), 10)
    assert sender.sent == ["a", "b"]
    desk, mail = await database.run(load_deliveries)
    assert (desk.waiting, desk.failures, mail.sent_at) == (0, 0, None)
    assert desk.sent_at is not None


async def test_a_dead_destination_is_tried_ever_less_and_delays_no_other(database: Database) -> None:
    """One refuses, one is well: the well one hears at once, the other when it is back, in order."""
    await put(database, message("a"), message("b"), message("c", "mail"))
    sender, clock = FakeSender(), FakeClock()
    sender.refusing = {"desk"}
    await posted(database, sender, clock, 60)
    assert sender.sent == ["c"]
    assert 3 <= sender.tries <= 6
    desk, _ = await database.run(load_deliveries)
    assert (desk.waiting, desk.error) == (2, "refused with 500")
    sender.refusing.clear()
    await posted(database, sender, clock, 120)
    assert sender.sent == ["c", "a", "b"]


async def test_a_destination_that_hangs_delays_no_other(database: Database) -> None:
    """While one never answers, everything goes on to the others."""
    await put(database, message("a"), message("b", "mail"), message("c", "mail"))
    sender = FakeSender()
    sender.hanging = {"desk"}
    await posted(database, sender, FakeClock(), 10)
    assert sender.sent == ["b", "c"]


async def test_what_waits_survives_a_restart(database: Database, tmp_path: Path) -> None:
    """A message that could not be sent is sent by the next process on the same database."""
    await put(database, message("a"))
    sender, clock = FakeSender(), FakeClock()
    sender.refusing = {"desk"}
    await posted(database, sender, clock, 3)
    await database.close()
    again = await CountedDatabase.open(str(tmp_path / "herdsman.db"))
    known = [("desk", "json"), ("mail", "mailto")]
    await again.run(lambda connection: open_destinations(connection, known))
    sender.refusing.clear()
    await posted(again, sender, clock, 30)
    await again.close()
    assert sender.sent == ["a"]


async def test_a_full_queue_drops_the_oldest_and_counts_them(database: Database) -> None:
    """Where too many wait, the older half becomes one message that says how much it stood for."""
    await put(database, *(message(f"m{number}", subjects=3) for number in range(MOST_WAITING + 1)))
    (first,) = await database.run(load_next)
    dropped = (MOST_WAITING + 1) // 2
    assert first.message.title == f"{dropped} messages were dropped"
    assert (first.message.subjects, f"about {dropped * 3} bots" in first.message.body) == (dropped * 3, True)
    desk, _ = await database.run(load_deliveries)
    assert (desk.waiting, desk.dropped) == (MOST_WAITING + 1 - dropped + 1, dropped)


async def test_a_test_waits_behind_nothing_and_is_tried_once(database: Database) -> None:
    """It says at once whether a destination answers, also where messages wait for it."""
    await put(database, message("a"))
    sender, clock = FakeSender(), FakeClock()
    sender.refusing = {"desk"}
    desk = NotificationDesk(database, clock, "desk-1")
    await posted(database, sender, clock, 3)
    refused, sent = await desk.test([], "ann")
    assert (refused.destination, refused.state, sent.destination) == ("desk", "waiting", "mail")
    await posted(database, sender, clock, 3)
    assert [(await desk.fate(one.id)).state for one in (refused, sent)] == ["failed", "sent"]
    assert (await desk.fate(refused.id)).error == "refused with 500"
    with pytest.raises(NotFound, match="there are: desk, mail"):
        await desk.test(["pager"], "ann")


async def test_a_destination_that_is_gone_from_the_file_is_forgotten(database: Database) -> None:
    """Its messages go with it; without any destination a test says what to do."""
    await put(database, message("a"))
    await database.run(lambda connection: open_destinations(connection, []))
    assert await database.run(load_deliveries) == []
    assert await database.run(lambda connection: load_fate(connection, "a")) is None
    with pytest.raises(UsageError, match="--notify-file"):
        await NotificationDesk(database, FakeClock(), "desk-1").test([], "ann")
