"""Which events are errors, and what each one says."""

import pytest

from schemas.labels import AllocationLabels
from telemetry.bot_series import BotSeries
from telemetry.errors.occurrence import ErrorReader, Occurrence
from telemetry.reading import AllocationReader
from telemetry.records import Event
from telemetry.vocabulary import read_line
from telemetry.wire import Chunk
from tests.unit.telemetry.errors import traces

LABELS = AllocationLabels("fleet", "alpha", "trend", "1.2.0", "realtime", "live", "rev-a", "d", "alloc-1")


def printed(text: str) -> Occurrence | None:
    """Return the error in what a bot printed as one event."""
    reading = read_line(text.rstrip("\n").encode(), 1000.0, BotSeries({}))
    event = Event(
        "alloc-1/stderr/0/0",
        "alpha",
        reading.time,
        reading.kind,
        reading.level,
        reading.message,
        data=reading.data,
    )
    return ErrorReader().read(event, LABELS)


def reported(line: str) -> Occurrence | None:
    """Return the error in a line of the launcher's."""
    chunk = Chunk(0, "launcher", 0, 0, 1000.0, f"{line}\n".encode())
    (event,) = AllocationReader(LABELS).read(chunk, 0).events
    return ErrorReader().read(event, LABELS)


def facts(found: Occurrence | None) -> tuple[str, str]:
    assert found is not None
    return found.facts.type, found.facts.message


def test_a_trace_is_an_error_with_its_place() -> None:
    """Type, message, language and the bot's own frame; whose it is comes from the labels."""
    found = printed(traces.PYTHON)
    assert found is not None
    assert found.facts.type == "ccxt.base.errors.InsufficientFunds"
    assert found.facts.language == "python"
    where = found.facts.where
    assert where is not None
    assert (where.file, where.line, where.function) == ("desk/orders.py", 12, "trade")
    assert (found.bot, found.program, found.version, found.event) == (
        "alpha",
        "trend",
        "1.2.0",
        "alloc-1/stderr/0/0",
    )


@pytest.mark.parametrize(
    "text",
    ["all is well", "INFO:main:no error", "WARNING:main:slow", '{"_metric":"price","symbol":"X","value":1}'],
)
def test_ordinary_lines_are_no_errors(text: str) -> None:
    """Only what shows the level of an error, or is one, counts."""
    assert printed(text) is None


@pytest.mark.parametrize(
    ("text", "type_", "message"),
    [
        ("ERROR:main:order 5 refused", "error", "order 5 refused"),
        ("CRITICAL:bot:giving up", "error", "giving up"),
        (
            "2026-01-01 12:00:00,000 - bot - ERROR - failed: ccxt.base.errors.RateLimitExceeded: bybit 10006",
            "RateLimitExceeded",
            "failed: ccxt.base.errors.RateLimitExceeded: bybit 10006",
        ),
        ('{"level":"error","message":"feed is gone"}', "error", "feed is gone"),
        (
            '{"_metric":"error","message":"cannot place","error_type":"InvalidOrder"}',
            "InvalidOrder",
            "cannot place",
        ),
    ],
)
def test_lines_at_the_level_of_an_error(text: str, type_: str, message: str) -> None:
    """A line without a trace is an error of the type that it names, without the logger's words."""
    assert facts(printed(text)) == (type_, message)


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        (
            "2026-11-23 11:24:52,900 - freqtrade.exchange.common - WARNING - fetch_l2_order_book() returned "
            'exception: "Could not get order book due to NetworkError. Message: binance GET http://x/depth". '
            "Giving up.",
            "NetworkError",
        ),
        ('{"level":"warn","msg":"feed: gave up after 5 tries"}', "error"),
        ("WARNING:bot:ConnectTimeout: " + "x" * 1000 + " Max retries exceeded", "ConnectTimeout"),
    ],
)
def test_a_warning_that_the_bot_gave_up_is_an_error(text: str, type_: str) -> None:
    """A framework that only warns, as freqtrade does, tells of an error with the last of its tries."""
    assert facts(printed(text))[0] == type_
    assert not facts(printed(text))[1].startswith("ING")


def test_a_warning_before_the_last_try_is_no_error() -> None:
    """What is tried again may still go through."""
    assert printed("WARNING:x:returned exception: NetworkError. Retrying still for 4 times.") is None


@pytest.mark.parametrize(
    "line",
    [
        '{"_metric":"error","message":"x","stack":"STACK"}',
        '{"level":"error","msg":"x","stack":"STACK"}',
        '{"level":50,"msg":"x","err":{"type":"Error","stack":"STACK"}}',
        '{"level":"error","message":"x","exc_info":"STACK"}',
    ],
)
def test_stacks_in_structured_lines(line: str) -> None:
    """The stack that a logging library puts into a field is read as a printed one is."""
    stack = traces.PYTHON.rstrip("\n").replace("\n", "\\n").replace('"', '\\"')
    found = printed(line.replace("STACK", stack))
    assert found is not None
    plain = printed(traces.PYTHON)
    assert plain is not None
    assert found.facts.fingerprint == plain.facts.fingerprint


def test_lines_that_differ_in_numbers_are_one_error() -> None:
    """The reader's memory of lines gives the same answer as reading each."""
    reader = ErrorReader()
    texts = [f"ERROR:main:order {number} refused" for number in (5, 17)]
    events = [Event(str(number), "alpha", 1.0, "log", "error", text) for number, text in enumerate(texts)]
    found = [reader.read(event, LABELS) for event in events]
    alone = [ErrorReader().read(event, LABELS) for event in events]
    assert found == alone
    assert len({one.facts.fingerprint for one in found if one}) == 1


@pytest.mark.parametrize(
    "texts",
    [
        ("ERROR:main:GET /v1/orders failed", "ERROR:main:GET /v2/orders failed"),
        ("ERROR:main:no deadbe1 there", "ERROR:main:no deadbe12 there"),
        ("ERROR:main:Http404Error: gone", "ERROR:main:Http500Error: gone"),
        ("ERROR:main:KeyError: 'price'", "ERROR:main:KeyError: 'size'"),
    ],
)
def test_what_was_read_before_does_not_change_an_error(texts: tuple[str, str]) -> None:
    """Two lines that are two errors are so in each order, also where they are alike but for a number."""
    events = [Event(text, "alpha", 1.0, "log", "error", text) for text in texts]
    alone = [ErrorReader().read(event, LABELS) for event in events]
    assert len({one.facts.fingerprint for one in alone if one}) == 2
    reader = ErrorReader()
    assert [reader.read(event, LABELS) for event in events] == alone
    reader = ErrorReader()
    assert [reader.read(event, LABELS) for event in reversed(events)] == alone[::-1]


@pytest.mark.parametrize(
    ("kind", "message", "data"),
    [
        ("error", "x" * 100_000, {"error_type": "E" * 100_000}),
        ("log", f"{'E' * 1500}Error: {'x' * 100_000}", {}),
        ("log", f"[{'E' * 1500}: {'x' * 1500}]\n    at f (/x.js:1:1)", {}),
    ],
)
def test_what_is_kept_of_an_error_is_bounded(kind: str, message: str, data: dict[str, str]) -> None:
    """However long a type or message is, only its beginning is kept."""
    found = ErrorReader().read(Event("1", "alpha", 1.0, kind, "error", message, data=data), LABELS)
    assert found is not None
    assert 0 < len(found.facts.type) <= 200
    assert len(found.facts.message) <= 500


def test_a_trace_that_comes_again_is_the_same_error() -> None:
    """The reader's memory of traces gives the same answer as reading each; the next trace is its own."""
    reader = ErrorReader()
    texts = [traces.PYTHON, traces.CAUSED, traces.PYTHON]
    events = [Event(str(number), "alpha", 1.0, "log", "error", text) for number, text in enumerate(texts)]
    found = [reader.read(event, LABELS) for event in events]
    assert found == [ErrorReader().read(event, LABELS) for event in events]
    assert len({one.facts.fingerprint for one in found if one}) == 2


def test_ends_that_nothing_printed_tells_of() -> None:
    """A signal, a time-out, an exit without a trace, a start that failed: each is an error."""
    exited = '{"t":5,"kind":"exited","outcome":"crashed","run":"r",'
    assert facts(reported(exited + '"signal":11,"message":"ended by signal 11"}')) == (
        "SIGSEGV",
        "the process was ended by SIGSEGV",
    )
    assert facts(reported(exited + '"exit_code":3,"message":"giving up"}')) == ("exit code 3", "giving up")
    assert facts(reported(exited + '"exit_code":1,"message":"Error: ParseIntError"}'))[0] == "exit code 1"
    timed = '{"t":5,"kind":"exited","outcome":"timed_out","signal":null,"message":"ended after its time-out"}'
    assert facts(reported(timed)) == ("TimedOut", "ended after its time-out")
    failed = '{"t":5,"kind":"failed","message":"no interpreter"}'
    assert facts(reported(failed)) == ("LaunchFailed", "no interpreter")


@pytest.mark.parametrize(
    "rest",
    [
        '"outcome":"crashed","exit_code":1,"message":"ValueError: bad"',
        '"outcome":"crashed","exit_code":1,"message":"Node.js v20.1.0"',
        '"outcome":"crashed","exit_code":101,"message":"note: run with `RUST_BACKTRACE=1`"',
        '"outcome":"crashed","signal":6,"message":"  what():  no feed"',
        '"outcome":"stopped","exit_code":0,"message":""',
        '"outcome":"killed","signal":9,"message":""',
    ],
)
def test_ends_that_are_told_already_or_were_asked_for(rest: str) -> None:
    """A crash whose trace was printed is that error and no second one; a stop is none."""
    assert reported(f'{{"t":5,"kind":"exited",{rest}}}') is None
