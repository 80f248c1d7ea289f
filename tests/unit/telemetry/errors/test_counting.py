"""Errors on their way through the intake: counted once, whatever fails and comes again."""

import asyncio
from collections.abc import Sequence

from schemas.errors import StoreUnavailable
from telemetry.embedded.errors import EmbeddedErrorStore
from telemetry.errors.desk import ErrorDesk
from telemetry.errors.groups import ErrorGroup
from telemetry.errors.occurrence import Occurrence
from telemetry.errors.store import GroupQuery
from telemetry.intake import Intake
from tests.unit.telemetry.bots import Node, OneAfterTheOther
from tests.unit.telemetry.errors.traces import PYTHON
from tests.unit.telemetry.test_intake import Stalled, batch, chunk

TRACE = PYTHON.encode()
LINES = TRACE.count(b"\n")


class Counting:
    """A desk over the node's own file, which may fail, and what it told."""

    def __init__(self, node: Node) -> None:
        self.store = EmbeddedErrorStore(node.events._database)
        self.told: list[ErrorGroup] = []
        self.broken = False
        self._desk = ErrorDesk(self.store, self.told.extend)

    async def record(self, occurrences: Sequence[Occurrence]) -> None:
        if self.broken:
            raise StoreUnavailable("the disk is full")
        await self._desk.record(occurrences)

    async def counts(self) -> list[tuple[str, int]]:
        return [(one.type, one.count) for one in await self.store.groups(GroupQuery(0.0))]


async def test_only_errors_are_counted(node: Node) -> None:
    """A joined trace and a line at the level of an error are groups; ordinary lines are not."""
    desk = Counting(node)
    intake = Intake(node.events, node.told, node.output, errors=desk)
    lines = b"hello\n" + TRACE + b'ERROR:main:order 7 refused\n{"_metric":"equity","equity":5}\n'
    assert (await intake.accept(batch(chunk(lines, joins=[(1, LINES)])))).status == 204
    assert sorted(await desk.counts()) == [("ccxt.base.errors.InsufficientFunds", 1), ("error", 1)]
    assert [one.samples[0].event for one in desk.told] == ["a1/stdout/0/6", f"a1/stdout/0/{6 + len(TRACE)}"]
    assert desk.told[0].program == "sma"


async def test_a_batch_that_comes_again_is_counted_once(node: Node) -> None:
    """Whichever store failed at the first try, and also where another intake takes the second."""
    desk = Counting(node)
    body = batch(
        chunk(TRACE, joins=[(0, LINES)]), chunk(b'{"_metric":"equity","equity":5}\n', offset=len(TRACE))
    )
    no_series = Intake(
        node.events, node.told, OneAfterTheOther(Stalled(broken=True), node.events), errors=desk
    )
    assert (await no_series.accept(body)).status == 503
    assert (await no_series.accept(body)).status == 503
    desk.broken = True
    intake = Intake(node.events, node.told, node.output, errors=desk)
    assert (await intake.accept(body)).status in (204, 503)
    desk.broken = False
    assert (await intake.accept(body)).status == 204
    assert (await Intake(node.events, node.told, node.output, errors=desk).accept(body)).status == 204
    assert await desk.counts() == [("ccxt.base.errors.InsufficientFunds", 1)]


async def test_errors_that_could_not_be_counted_come_again(node: Node) -> None:
    """A batch whose errors were not counted is not acknowledged."""
    desk = Counting(node)
    desk.broken = True
    intake = Intake(node.events, node.told, node.output, errors=desk)
    body = batch(chunk(TRACE, joins=[(0, LINES)]))
    assert (await intake.accept(body)).status == 503
    desk.broken = False
    assert (await intake.accept(body)).status == 204
    assert await desk.counts() == [("ccxt.base.errors.InsufficientFunds", 1)]


async def test_many_agents_at_once(node: Node) -> None:
    """Batches of several allocations at once are all counted."""
    desk = Counting(node)
    intake = Intake(node.events, node.told, node.output, errors=desk)
    bodies = [batch(chunk(TRACE, offset=number * len(TRACE), joins=[(0, LINES)])) for number in range(20)]
    answers = await asyncio.gather(*map(intake.accept, bodies))
    assert {answer.status for answer in answers} == {204}
    assert await desk.counts() == [("ccxt.base.errors.InsufficientFunds", 20)]
