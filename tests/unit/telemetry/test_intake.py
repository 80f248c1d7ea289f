"""The intake: acknowledgement, slow and broken stores, repeated batches, other fleets."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from schemas.errors import StoreUnavailable
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.bot_series import BotSeries, KnownSeries, base_labels
from telemetry.errors.occurrence import ErrorReader, Occurrence
from telemetry.intake import Intake
from telemetry.reading import AllocationReader
from telemetry.records import Event, Sample
from telemetry.wire import WIRE_VERSION, Batch, Chunk, Gap, Use, encode_batch
from tests.unit.telemetry.bots import Node, OneAfterTheOther, Told, labels_of

EQUITY = b'{"_metric": "equity", "equity": 5}\n'


def batch(*chunks: Chunk, labels: AllocationLabels | None = None, **parts: object) -> bytes:
    whole = Batch(WIRE_VERSION, "node-1", [labels or labels_of("a1", "alpha")], list(chunks), **parts)  # type: ignore[arg-type]
    return encode_batch(whole)


def chunk(data: bytes, offset: int = 0, index: int = 0, stream: str = "stdout", **parts: object) -> Chunk:
    return Chunk(0, stream, index, offset, 1_790_000_000.0, data, **parts)  # type: ignore[arg-type]


class Stalled:
    """A series store that fails, or waits for leave to write."""

    def __init__(self, *, broken: bool = False) -> None:
        self.may_write = asyncio.Event()
        self.writing = asyncio.Event()
        self.broken = broken
        self.written: list[Sample] = []

    async def write(self, samples: Sequence[Sample]) -> None:
        if self.broken:
            raise StoreUnavailable("the series store does not answer")
        self.writing.set()
        await self.may_write.wait()
        self.written += samples


async def test_a_batch_is_acknowledged_once_stored(node: Node) -> None:
    """204 means that events and samples can be read from the stores."""
    answer = await node.intake.accept(batch(chunk(EQUITY + b"hello\n")))
    assert answer.status == 204
    assert [event.kind for event in (await node.stored())] == ["equity", "log"]
    assert await node.series.metrics("alpha") == ["bot_equity"]


async def test_a_batch_again_changes_nothing(node: Node) -> None:
    """The same batch, or one that overlaps it, adds only what is new, and tells only that."""
    await node.intake.accept(batch(chunk(b"one\ntwo\n")))
    await node.intake.accept(batch(chunk(b"one\ntwo\n")))
    await node.intake.accept(batch(chunk(b"two\nthree\n", offset=4)))
    assert node.told.messages == ["one", "two", "three"]
    assert [event.id for event in await node.stored()] == [
        "a1/stdout/0/0",
        "a1/stdout/0/4",
        "a1/stdout/0/8",
    ]
    assert node.intake.health.value("herdsman_intake_repeated_lines_total") == 2


def order(**fields: object) -> bytes:
    return json.dumps({"_metric": "fill", "value": 1, **fields}).encode() + b"\n"


async def test_a_line_with_a_known_event_id_is_kept_once(node: Node) -> None:
    """An event that comes again, also after a restart, counts once; the ids of another bot are its own."""
    first, other = order(event_id="x1"), order(event_id="x2")
    await node.intake.accept(batch(chunk(first + first + other)))
    await node.intake.accept(batch(chunk(first), labels=labels_of("a2", "alpha")))
    await node.intake.accept(batch(chunk(first), labels=labels_of("b1", "beta")))
    stored = [(event.bot, event.data["event_id"]) for event in await node.stored()]
    assert stored == [("alpha", "x1"), ("alpha", "x2"), ("beta", "x1")]
    assert node.intake.health.value("herdsman_intake_repeated_events_total") == 2
    samples = [sample for sample in node.told.values if sample.labels["bot"] == "alpha"]
    assert len(samples) == 2


async def test_a_batch_that_comes_again_repeats_no_event_id(node: Node) -> None:
    """The same lines read again after a store failed are not taken for repetitions."""
    series = Stalled(broken=True)
    series.may_write.set()
    broken = Intake(node.events, node.told, OneAfterTheOther(series, node.events))
    body = batch(chunk(order(event_id="x1", seq=1) + order(event_id="x2", seq=5)))
    assert (await broken.accept(body)).status == 503
    series.broken = False
    assert (await broken.accept(body)).status == 204
    kinds = [(event.kind, event.data.get("event_id")) for event in await node.stored()]
    assert kinds == [("fill", "x1"), ("log", None), ("fill", "x2")]


async def test_a_gap_in_seq_is_an_event_and_a_count(node: Node) -> None:
    """Missing numbers are told before the line after them; a new run, and a lower number, begin anew."""
    numbered = [order(seq=number) for number in (1, 2, 5, 6, 1, 2)]
    await node.intake.accept(batch(chunk(b"".join(numbered), run="r1")))
    offset = sum(map(len, numbered))
    await node.intake.accept(batch(chunk(order(seq=9), offset=offset, run="r2")))
    told = [event for event in await node.stored() if event.data.get("gap")]
    assert [(event.message, event.level) for event in told] == [("2 lines are missing: seq 2, 5", "warning")]
    assert node.intake.health.value("herdsman_intake_seq_gaps_total") == 1


async def test_a_trace_that_comes_again_joined_otherwise_loses_no_line(node: Node) -> None:
    """Where the first part of joined lines is stored already, the rest still becomes an event."""
    await node.intake.accept(batch(chunk(b"head\n  one\n", joins=[(0, 2)])))
    again = b"head\n  one\n  two\n  three\nnext\n"
    await node.intake.accept(batch(chunk(again, joins=[(0, 4)])))
    assert [event.message for event in await node.stored()] == ["head\n  one", "  two\n  three", "next"]


async def test_a_store_that_fails_keeps_the_batch_with_the_agent(node: Node) -> None:
    """A store that does not answer makes 503; the batch sent again is stored whole and told once."""
    broken = Stalled(broken=True)
    intake = Intake(node.events, node.told, OneAfterTheOther(broken, node.events))
    body = batch(chunk(EQUITY + b"hello\n"))
    answer = await intake.accept(body)
    assert (answer.status, answer.message) == (503, "the series store does not answer")
    assert answer.retry_after > 0
    broken.broken = False
    broken.may_write.set()
    assert (await intake.accept(body)).status == 204
    assert len(broken.written) == 1
    assert len(await node.stored()) == 2
    assert len(node.told.seen) == 2
    assert len(node.told.values) == 1


async def test_a_gap_is_told_once_however_often_its_batch_comes(node: Node) -> None:
    """Tries that a store does not take tell the listener of the lines, and of what is missing, but once."""
    broken = Stalled(broken=True)
    broken.may_write.set()
    intake = Intake(node.events, node.told, OneAfterTheOther(broken, node.events))
    gap = Gap(2, 200, 0.0, 100)
    body = batch(chunk(EQUITY, index=2, missed="files 0 to 1 are gone", gap=gap))
    for _ in range(3):
        assert (await intake.accept(body)).status == 503
    broken.broken = False
    assert (await intake.accept(body)).status == 204
    kinds = [event.kind for event in await node.stored()]
    assert kinds == [event.kind for event in node.told.seen] == ["log", "equity"]


async def test_no_line_however_odd_holds_its_batch_up(node: Node) -> None:
    """What a bot writes among its launcher's lines, nested without end, is a line like any other."""
    nested = b'{"t": 1, "a": ' + b'{"a":' * 5000 + b"\n"
    started = b'{"t": 1790000000.0, "kind": "started", "run": "r1"}\n'
    body = batch(chunk(nested + started, stream="launcher"))
    assert (await node.intake.accept(body)).status == 204
    assert [event.kind for event in await node.stored()] == ["log", "lifecycle"]
    assert [report.run for _, report in node.told.heard] == ["r1"]


async def test_a_line_that_cannot_be_read_is_kept_as_it_is(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours in reading lines costs neither the batch nor the line, and is logged once."""

    class Mistaken(BotSeries):
        def of_line(self, kind: str, line: Mapping[str, Any]) -> KnownSeries:
            raise KeyError("a mistake")

    labels = labels_of("a1", "alpha")
    reader = AllocationReader(labels, Mistaken(base_labels(labels)))
    output = reader.read(chunk(EQUITY + b"two\n" + EQUITY), 0)
    plain = EQUITY.decode().strip()
    assert [event.message for event in output.events] == [plain, "two", plain]
    assert [event.id for event in output.events][1:] == ["a1/stdout/0/35", "a1/stdout/0/39"]
    assert caplog.text.count("could not be read; said once") == 1


async def test_a_listener_that_fails_costs_no_batch(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """Who only follows what bots print cannot hold it up: it is stored, and the mistake logged once."""

    class Failing(Told):
        def events(self, bot: str, events: Sequence[Event]) -> None:
            raise KeyError("a mistake")

    told = Failing()
    intake = Intake(node.events, told, node.output)
    for number in range(3):
        answer = await intake.accept(batch(chunk(EQUITY, offset=number * len(EQUITY))))
        assert answer.status == 204
    assert len(await node.stored()) == len(told.values) == 3
    assert caplog.text.count("KeyError: 'a mistake'") == 1


async def test_two_agents_of_one_node_double_nothing(node: Node) -> None:
    """Both send the same line while it is on its way to the store: it is told, stored and measured once."""
    slow = Stalled()
    intake = Intake(node.events, node.told, OneAfterTheOther(slow, node.events))
    line = chunk(b'{"_metric": "equity", "equity": 5}\n')
    later = chunk(line.data)
    later.time += 1
    labels = labels_of("a1", "alpha")
    first, second = (
        asyncio.create_task(intake.accept(encode_batch(Batch(WIRE_VERSION, name, [labels], [one]))))
        for name, one in (("node-1", line), ("node-1-again", later))
    )
    await slow.writing.wait()
    await asyncio.sleep(0)
    slow.may_write.set()
    assert [(await one).status for one in (first, second)] == [204, 204]
    assert len(slow.written) == len(node.told.values) == len(node.told.seen) == 1
    assert len(await node.stored()) == 1


async def test_reports_that_were_not_taken_come_again(node: Node) -> None:
    """A listener that cannot take reports makes 503, and gets them with the next try."""

    class Failing(Told):
        failing = True

        async def reports(self, reports: Sequence[tuple[AllocationLabels, LauncherReport]]) -> None:
            if self.failing:
                raise RuntimeError("the database is locked")
            await super().reports(reports)

    told = Failing()
    intake = Intake(node.events, told, node.output)
    body = batch(chunk(b'{"t": 1790000000.0, "kind": "exited", "outcome": "crashed"}\n', stream="launcher"))
    assert (await intake.accept(body)).status == 503
    told.failing = False
    assert (await intake.accept(body)).status == 204
    assert [report.outcome for _, report in told.heard] == ["crashed"]
    (event,) = await node.stored()
    assert (event.kind, event.level, event.message) == ("lifecycle", "error", "exited: crashed")
    assert event.data["outcome"] == "crashed"


async def test_too_much_waiting_is_refused_with_a_delay(node: Node) -> None:
    """While a store is slow, batches over the bound get 429 and a time to come again; then they are taken."""
    slow = Stalled()
    intake = Intake(node.events, node.told, OneAfterTheOther(slow, node.events), most_waiting=1000)
    first = asyncio.create_task(intake.accept(batch(chunk(EQUITY))))
    await slow.writing.wait()
    more = batch(chunk(b"x" * 1000 + b"\n", stream="stderr"))
    answer = await intake.accept(more)
    assert answer.status == 429
    assert answer.retry_after > 0
    slow.may_write.set()
    assert (await first).status == 204
    assert (await intake.accept(more)).status == 204


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"", "no batch"), (b"\x93rubbish", "no batch"), (b"{}", "no batch"), (b"\x94\x63", "no batch")],
)
async def test_rubbish_is_refused_in_words(node: Node, body: bytes, text: str) -> None:
    """A body that is no batch gets 400 and says so."""
    answer = await node.intake.accept(body)
    assert answer.status == 400
    assert text in answer.message


async def test_another_wire_version_is_refused_in_words(node: Node) -> None:
    """An agent of another version is told which one is spoken here."""
    answer = await node.intake.accept(encode_batch(Batch(99, "node-1", [], [])))
    assert answer.status == 400
    assert "version 99" in answer.message


async def test_another_fleets_output_is_left_out(node: Node) -> None:
    """An intake of one fleet acknowledges other fleets' lines and keeps none of them."""
    intake = Intake(node.events, node.told, node.output, fleet="desk-abc123")
    assert (await intake.accept(batch(chunk(EQUITY), labels=labels_of("b1", fleet="other")))).status == 204
    assert (await intake.accept(batch(chunk(EQUITY)))).status == 204
    assert [event.allocation for event in await node.stored()] == ["a1"]


async def test_resource_use_becomes_series(node: Node) -> None:
    """What the agent measured is told and stored as series of the bot."""
    body = batch(uses=[Use(0, 1_790_000_000.0, {"bot_cpu_percent": 12.5, "bot_memory_bytes": 1e6})])
    assert (await node.intake.accept(body)).status == 204
    assert {sample.name: sample.value for sample in node.told.values} == {
        "bot_cpu_percent": 12.5,
        "bot_memory_bytes": 1e6,
    }
    assert await node.series.metrics("alpha") == ["bot_cpu_percent", "bot_memory_bytes"]


async def test_an_agent_is_known_by_its_release(node: Node) -> None:
    """It says with each batch which herdsman it is; an older one says nothing, and is taken too."""
    older = msgspec.msgpack.encode(msgspec.msgpack.decode(batch(chunk(b"one\n")))[:-1])
    assert (await node.intake.accept(older)).status == 204
    assert node.intake.agents["node-1"].release == ""
    await node.intake.accept(batch(chunk(b"two\n", offset=4), release="0.2.0"))
    assert node.intake.agents["node-1"].release == "0.2.0"


async def test_drained_is_what_the_agent_said_last(node: Node) -> None:
    """An allocation is drained once its agent said so, and no more after new lines."""
    now = [1_790_000_000.0]
    intake = Intake(node.events, node.told, node.output, clock=lambda: now[0])
    assert not intake.drained("alpha"), "agents have not spoken yet"
    await intake.accept(batch(chunk(b"one\n")))
    assert not intake.drained("alpha")
    await intake.accept(batch(drained=[0]))
    assert intake.drained("alpha")
    await intake.accept(batch(chunk(b"two\n", offset=4)))
    assert not intake.drained("alpha")
    now[0] += 100
    assert intake.drained("beta")


async def test_many_agents_at_once(node: Node) -> None:
    """Batches of many agents are taken side by side, and each line once."""

    def body(agent: int, turn: int) -> bytes:
        labels = labels_of(f"a{agent}", f"bot-{agent}")
        lines = chunk(b"line of %02d\n" % turn, offset=turn * 11)
        return encode_batch(Batch(WIRE_VERSION, f"node-{agent}", [labels], [lines]))

    for turn in range(5):
        answers = await asyncio.gather(*(node.intake.accept(body(agent, turn)) for agent in range(40)))
        assert {answer.status for answer in answers} == {204}
    events: list[Event] = await node.stored()
    assert len(events) == 200
    assert node.intake.health.value("herdsman_intake_batches_total", status="204") == 200


class Counted:
    """An error desk that keeps what it was given, and fails while it is told to."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.errors: list[Occurrence] = []

    async def record(self, occurrences: Sequence[Occurrence]) -> None:
        if self.broken:
            raise StoreUnavailable("the error store does not answer")
        self.errors += occurrences


async def test_an_error_that_cannot_be_read_costs_no_batch(node: Node) -> None:
    """A mistake in reading one error is logged; the batch is stored, and the other errors count."""

    class Mistaken(ErrorReader):
        def read(self, event: Event, labels: AllocationLabels) -> Occurrence | None:
            if "odd" in event.message:
                raise RecursionError("too deep")
            return super().read(event, labels)

    counted = Counted()
    intake = Intake(node.events, node.told, node.output, errors=counted)
    intake._error_reader = Mistaken()
    assert (await intake.accept(batch(chunk(b"ERROR:m:odd\nERROR:m:plain\n")))).status == 204
    assert [one.facts.message for one in counted.errors] == ["plain"]
    assert len(await node.stored()) == 2


async def test_an_error_is_counted_before_its_event_is_stored(node: Node) -> None:
    """Whoever dies between the two counts it in the next life, as its event is not stored yet."""
    body = batch(chunk(b"ERROR:m:order refused\n"))
    before = Intake(node.events, node.told, node.output, errors=Counted(broken=True))
    assert (await before.accept(body)).status == 503
    assert await node.stored() == []
    counted = Counted()
    after = Intake(node.events, node.told, node.output, errors=counted)
    assert (await after.accept(body)).status == 204
    assert [one.facts.message for one in counted.errors] == ["order refused"]
    assert len(await node.stored()) == 1
