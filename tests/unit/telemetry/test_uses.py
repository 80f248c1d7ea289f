"""What is told of measurements live, and what is kept of them."""

from pathlib import Path

from telemetry.agent.uses import Uses
from telemetry.stores import SeriesQuery
from telemetry.wire import KEPT, TOLD, TOLD_AND_KEPT, WIRE_VERSION, Batch, Use, encode_batch
from tests.unit.telemetry.bots import Node, labels_of

NOW = 1_790_000_000.0


def use(cpu: float, memory: float, **more: float) -> dict[str, float]:
    return {"bot_cpu_percent": cpu, "bot_memory_bytes": memory, **more}


def whole_step(uses: Uses) -> float:
    """Take the beginning of an allocation and of a step; return when that step begins."""
    at = NOW
    uses.add(at, {"a1": use(0, 0)})
    while not any(one.way == KEPT for one in uses.take()):
        at += 1.0
        uses.add(at, {"a1": use(0, 0)})
    return at


def test_the_first_measurement_is_told_and_kept() -> None:
    """The history of a bot begins with it, and need not wait for a whole step."""
    uses = Uses()
    uses.add(NOW, {"a1": use(5, 100)})
    (first,) = uses.take()
    assert (first.allocation, first.time, first.way) == ("a1", NOW, TOLD_AND_KEPT)
    assert first.values == use(5, 100)


def test_each_is_told_and_one_of_ten_seconds_kept() -> None:
    """Of rates the mean is kept, of what is held the highest, of all else the newest."""
    uses = Uses()
    began = whole_step(uses)
    told = []
    for second in range(1, 11):
        uses.add(began + second, {"a1": use(second, 100 - second, bot_disk_free_bytes=second)})
        told += uses.take()
    assert [one.way for one in told].count(TOLD) == 10
    (kept,) = [one for one in told if one.way == KEPT]
    assert kept.time == began + 9
    assert kept.values == use(45 / 10, 99, bot_disk_free_bytes=9)


def test_a_bot_that_ends_has_its_last_seconds_kept() -> None:
    """What it used when it ended is what is asked for then; so it is when the agent ends."""
    uses = Uses()
    uses.add(NOW, {"a1": use(1, 100), "a2": use(1, 1)})
    uses.add(NOW + 0.001, {"a1": use(3, 512), "a2": use(3, 2)})
    uses.take()
    uses.add(NOW + 0.002, {"a2": use(5, 3)})
    ended, goes_on = uses.take()
    assert (ended.allocation, ended.way, ended.values) == ("a1", KEPT, use(3, 512))
    assert (goes_on.allocation, goes_on.way) == ("a2", TOLD)
    uses.end()
    assert [(one.allocation, one.values) for one in uses.take()] == [("a2", use(4, 3))]


def test_what_waits_for_a_service_that_is_away_is_bounded() -> None:
    """Of what is told live only the newest is of any use; what is kept waits."""
    uses = Uses()
    for second in range(100):
        uses.add(NOW + second, {"a1": use(second, 1)})
    found = uses.take()
    assert [one.time for one in found if one.way == TOLD] == [NOW + 99]
    assert 10 <= len([one for one in found if one.way != TOLD]) <= 12
    assert uses.take() == []


def test_what_is_measured_in_some_rounds_only_outlives_a_newer_round() -> None:
    """A value that the newest round lacks is told all the same, once; of those that it has, the newest."""
    uses = Uses()
    uses.add(NOW, {"a1": use(1, 1)})
    uses.take()
    uses.add(NOW + 0.001, {"a1": use(2, 2, bot_state_bytes=5)})
    uses.add(NOW + 0.002, {"a1": use(3, 3)})
    (told,) = uses.take()
    assert (told.time, told.values) == (NOW + 0.002, use(3, 3, bot_state_bytes=5))
    uses.add(NOW + 0.003, {"a1": use(4, 4)})
    (told,) = uses.take()
    assert told.values == use(4, 4)


def test_nothing_is_taken_after_the_end() -> None:
    """A round that was under way when the agent was to end holds up nothing."""
    uses = Uses()
    uses.add(NOW, {"a1": use(1, 1)})
    uses.end()
    uses.take()
    uses.add(NOW + 1, {"a1": use(2, 2), "a2": use(2, 2)})
    assert uses.take() == []


async def test_the_intake_tells_one_kind_and_keeps_the_other(tmp_path: Path) -> None:
    """A measurement that is kept has the time of one that was told, and is no repetition of it."""
    node = Node(tmp_path)

    def batch(*uses: Use) -> bytes:
        return encode_batch(Batch(WIRE_VERSION, "n", [labels_of("a1", "sma")], [], list(uses)))

    first = batch(Use(0, NOW, use(1, 1)), Use(0, NOW + 1, use(2, 2), TOLD))
    second = batch(Use(0, NOW + 1, use(1.5, 3), KEPT), Use(0, NOW + 2, use(7, 7), TOLD))
    for body in (first, first, second, second):
        assert (await node.intake.accept(body)).status == 204
    assert [one.value for one in node.told.values] == [1, 1, 2, 2, 7, 7]
    (kept,) = await node.series.query(SeriesQuery("sma", "bot_memory_bytes", NOW - 1, NOW + 9))
    assert kept.points == [(NOW, 1.0), (NOW + 1, 3.0)]
    await node.close()


def test_what_waited_for_long_is_given_in_parts_and_whole() -> None:
    """However much is kept while no batch is taken, one batch holds a few hundred, and none is left out."""
    uses = Uses()
    for number in range(1200):
        uses.add(1000.0 + number, {f"a{number}": use(1, 1)})
    found = []
    while page := uses.take():
        assert len(page) <= 501
        found += [one.allocation for one in page if one.way != TOLD]
    assert sorted(set(found)) == sorted(f"a{number}" for number in range(1200))
