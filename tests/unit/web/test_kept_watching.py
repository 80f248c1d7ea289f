"""Rules and limits of the fleet hold while git is away at a start."""

from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable
from schemas.fleet import Watching
from telemetry.embedded import TelemetryDatabase
from telemetry.embedded.kept import EmbeddedKeptStates
from tests.fakes.controller import FakeController
from web.alerts import Bots
from web.kept_watching import KeptWatching

BEFORE = Watching(
    {"no-data": {"when": {"metric": "bot_memory_bytes", "above": 5}}}, {"main": {"max_daily_loss": 100}}
)
AFTER = Watching({}, {"main": {"max_daily_loss": 50}})


class Life:
    """What is known in one life of herdsman, over a database that several share."""

    def __init__(self, database: TelemetryDatabase, now: Watching | None = None) -> None:
        self.now = now
        self.kept = KeptWatching(EmbeddedKeptStates(database, "watching"), lambda: self.now)
        self.bots = Bots(FakeController({}), self.kept.current)


async def test_what_the_fleet_looked_out_for_holds_until_git_says_otherwise(tmp_path: Path) -> None:
    """A start without git knows rules and limits of accounts; once git is there, it alone counts."""
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    first = Life(database, BEFORE)
    await first.kept.look()
    second = Life(database)
    assert second.bots.rules() is None
    await second.kept.look()
    rules = second.bots.rules()
    assert rules is not None
    assert [rule.name for rule in rules] == ["no-data"]
    assert list(second.bots.accounts()) == ["main"]
    second.now = AFTER
    assert second.bots.rules() == ()
    await second.kept.look()
    third = Life(database)
    await third.kept.look()
    assert third.kept.current() == AFTER
    await database.close()


async def test_what_cannot_be_read_any_more_is_as_if_never_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What another version kept stops nothing: it is said, and git tells it anew."""
    database = TelemetryDatabase(tmp_path / "telemetry.db")
    store = EmbeddedKeptStates(database, "watching")
    await store.load()
    await store.save(0, {"fleet": b"{"})
    life = Life(database)
    await life.kept.look()
    assert life.kept.current() is None
    assert "cannot be read" in caplog.text
    await database.close()


async def test_what_could_not_be_loaded_is_loaded_later() -> None:
    """Nothing is written over it before it was read."""

    class Away:
        async def load(self) -> tuple[int, list[bytes]]:
            raise StoreUnavailable("the disk is away")

        async def save(self, *_: object) -> None:
            raise AssertionError

    kept = KeptWatching(Away(), lambda: AFTER)
    with pytest.raises(StoreUnavailable):
        await kept.look()
    assert kept.current() == AFTER
