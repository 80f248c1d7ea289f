"""What every store of error groups must do."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from schemas.errors import NotFound
from telemetry.embedded import TelemetryDatabase
from telemetry.embedded.errors import MOST_GROUPS, EmbeddedErrorStore
from telemetry.errors.groups import MOST_SAMPLES, NEW_FOR, ErrorGroup, State, since_revision, state_of
from telemetry.errors.occurrence import ErrorFacts, Occurrence
from telemetry.errors.store import ErrorStore, GroupQuery
from telemetry.errors.trace import Frame

NOW = 1_790_000_000.0
WHERE = Frame("trade", "main.py", 12, in_app=True)


@dataclass
class StoreUnderTest:
    """A store, and a way to open it anew."""

    store: ErrorStore
    reopen: Callable[[], ErrorStore]


@pytest.fixture
async def under_test(tmp_path: Path) -> AsyncIterator[StoreUnderTest]:
    async with AsyncExitStack() as stack:

        def make() -> ErrorStore:
            store = EmbeddedErrorStore(TelemetryDatabase(tmp_path / "telemetry.db"), lambda: NOW)
            stack.push_async_callback(store.close)
            return store

        yield StoreUnderTest(make(), make)


@pytest.fixture
def store(under_test: StoreUnderTest) -> ErrorStore:
    return under_test.store


def happened(number: int, fingerprint: str = "f1", **parts: object) -> Occurrence:
    facts = ErrorFacts(fingerprint, "KeyError", f"message {number}", "python", WHERE)
    event = f"alloc-1/stderr/0/{number * 100}"
    plain = Occurrence(event, "alpha", "trend", "1.0.0", "rev-a", "dry", NOW + number, facts)
    return replace(plain, **parts)  # type: ignore[arg-type]


async def everything(store: ErrorStore, **query: object) -> list[ErrorGroup]:
    return await store.groups(GroupQuery(NOW, **query))  # type: ignore[arg-type]


async def test_occurrences_become_a_group_that_is_there_again(under_test: StoreUnderTest) -> None:
    """A group counts, knows when it was first and last seen and at which revisions, also after a restart."""
    changed = await under_test.store.record([happened(1), happened(2)])
    changed = await under_test.store.record([happened(3, revision="rev-b", version="1.1.0")])
    for store in (under_test.store, under_test.reopen()):
        assert await everything(store) == changed
    (group,) = changed
    assert (group.count, group.first_seen, group.last_seen) == (3, NOW + 1, NOW + 3)
    assert [(one.revision, one.count) for one in group.revisions] == [("rev-a", 2), ("rev-b", 1)]
    assert (group.first_revision, group.last_revision, group.version) == ("rev-a", "rev-b", "1.1.0")
    assert (group.type, group.message) == ("KeyError", "message 3")
    assert (group.file, group.line, group.function) == ("main.py", 12, "trade")
    assert group.samples[0].event == "alloc-1/stderr/0/300"


async def test_an_event_again_is_not_counted_again(under_test: StoreUnderTest) -> None:
    """A batch that comes again changes nothing: whole, overlapping, and after a restart of the store."""
    await under_test.store.record([happened(1), happened(2)])
    assert await under_test.store.record([happened(1), happened(2)]) == []
    await under_test.store.record([happened(2), happened(3), happened(3)])
    again = under_test.reopen()
    assert await again.record([happened(1), happened(3)]) == []
    (group,) = await everything(again)
    assert group.count == 3


async def test_streams_are_counted_by_themselves(store: ErrorStore) -> None:
    """The same place in another stream, file or allocation is another event; so is one of any other id."""
    places = [
        "alloc-1/stderr/0/100",
        "alloc-1/stdout/0/100",
        "alloc-1/stderr/1/100",
        "alloc-2/stderr/0/100",
        "x",
    ]
    await store.record([happened(1, event=one) for one in places])
    await store.record([happened(1, event=one) for one in places])
    (group,) = await everything(store)
    assert group.count == len(places)


async def test_bots_and_fingerprints_have_their_own_groups(store: ErrorStore) -> None:
    """Groups are of one bot; they are found by bot, program, time and state, those seen last first."""
    await store.record(
        [happened(1), happened(2, "f2"), happened(3, bot="beta", program="grid", event="b/x/0/1")]
    )
    assert [(one.bot, one.fingerprint) for one in await everything(store)] == [
        ("beta", "f1"),
        ("alpha", "f2"),
        ("alpha", "f1"),
    ]
    assert [one.fingerprint for one in await everything(store, bot="alpha")] == ["f2", "f1"]
    assert [one.bot for one in await everything(store, program="grid")] == ["beta"]
    assert [one.bot for one in await everything(store, since=NOW + 2.5)] == ["beta"]
    assert len(await everything(store, limit=2)) == 2
    assert await everything(store, states=(State.RESOLVED,)) == []


async def test_new_then_ongoing(store: ErrorStore) -> None:
    """A group is new for a day at the one revision that has it, then ongoing; with a second at once."""
    await store.record([happened(1)])
    (group,) = await everything(store)
    assert state_of(group, NOW + 60) is State.NEW
    assert state_of(group, NOW + 1 + NEW_FOR) is State.ONGOING
    (group,) = await store.record([happened(2, revision="rev-b")])
    assert state_of(group, NOW + 60) is State.ONGOING
    assert since_revision(group) == "rev-a"


async def test_resolved_then_regressed(store: ErrorStore) -> None:
    """Resolved it stays while revisions have it that had it before; at another one it has regressed."""
    (group,) = await store.record([happened(1)])
    group = await store.resolve(group.id, NOW + 5, "ann", "fixed in rev-b")
    assert (state_of(group, NOW + 9), since_revision(group)) == (State.RESOLVED, "rev-a")
    assert group.resolution is not None
    assert (group.resolution.by, group.resolution.reason) == ("ann", "fixed in rev-b")
    (group,) = await store.record([happened(10)])
    assert (state_of(group, NOW + 10), group.since_resolved) == (State.RESOLVED, 1)
    (group,) = await store.record([happened(11, revision="rev-c")])
    assert (state_of(group, NOW + 12), since_revision(group)) == (State.REGRESSED, "rev-c")
    assert [one.id for one in await everything(store, states=(State.REGRESSED,))] == [group.id]
    group = await store.resolve(group.id, NOW + 20, "ann", "")
    assert state_of(group, NOW + 20) is State.RESOLVED


async def test_a_late_line_does_not_regress(store: ErrorStore) -> None:
    """What happened before it was resolved, and arrives after that, says nothing against it."""
    (group,) = await store.record([happened(1)])
    await store.resolve(group.id, NOW + 50, "ann", "")
    (group,) = await store.record([happened(2, revision="rev-b", event="alloc-2/stderr/0/1")])
    assert state_of(group, NOW + 60) is State.RESOLVED


async def test_a_resolution_is_taken_back(store: ErrorStore) -> None:
    """A group that was resolved by mistake is what it was before."""
    (group,) = await store.record([happened(1)])
    await store.resolve(group.id, NOW + 5, "ann", "")
    assert state_of(await store.reopen(group.id), NOW + 6) is State.NEW


async def test_what_is_not_there_is_said_so(store: ErrorStore) -> None:
    """An unknown id is NotFound, in words that say where ids are listed."""
    for attempt in (store.group("none"), store.resolve("none", NOW, "ann", ""), store.reopen("none")):
        with pytest.raises(NotFound, match="herdsman errors"):
            await attempt


async def test_samples_are_the_newest(store: ErrorStore) -> None:
    """Of many occurrences the last few events are named, the newest first."""
    (group,) = await store.record([happened(number) for number in range(1, 31)])
    assert [one.time for one in group.samples] == [
        NOW + number for number in range(30, 30 - MOST_SAMPLES, -1)
    ]
    assert group.count == 30


async def test_too_many_kinds_of_errors_are_counted_together(store: ErrorStore) -> None:
    """A bot whose every error looks new fills no disk: beyond a number of groups they share one."""
    await store.record([happened(number, f"f{number}") for number in range(1, MOST_GROUPS + 4)])
    found = await everything(store, limit=1000)
    assert len(found) == MOST_GROUPS + 1
    others = next(one for one in found if one.type == "other errors")
    assert others.count == 3
