"""Stack traces of six languages are one event each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.agent.traces import group

PYTHON = b"""Traceback (most recent call last):
  File "a.py", line 1, in <module>
    f()
ValueError: x
"""
CHAINED = (
    PYTHON
    + b"""
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    g()
  File "b.py", line 9, in g
    raise KeyError("x") from None
KeyError: 'x'
"""
)
CAUSED = PYTHON + b"\nThe above exception was the direct cause of the following exception:\n\n" + PYTHON
LOGGED = b"ERROR:main:could not trade\n" + PYTHON
GROUPED = b"""  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: x
    +---------------- 2 ----------------
    | KeyError: 'y'
    +------------------------------------
"""
VALIDATED = (
    PYTHON.replace(b"ValueError: x", b"pydantic.ValidationError: 2 validation errors for Order")
    + b"""price
  Input should be a valid number [type=float_parsing]
    For further information visit https://errors.pydantic.dev/2/v/float_parsing
size
  Field required
"""
)
QUERIED = (
    PYTHON.replace(b"ValueError: x", b"sqlalchemy.exc.OperationalError: no such table: trades")
    + b"""[SQL: SELECT * FROM trades]
(Background on this error at: https://sqlalche.me/e/20/e3q8)
"""
)
LISTED = PYTHON.replace(b"ValueError: x", b"ValueError: the orders do not add up:") + b"1 of BTC\n2 of ETH\n"
NODE = b"""Error: connect ECONNREFUSED 127.0.0.1:1
    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {
  errno: -111,
  code: 'ECONNREFUSED'
}
"""
NODE_UNCAUGHT = b"""/app/bot.js:10
    throw new TypeError("x");
    ^

TypeError: x
    at Object.<anonymous> (/app/bot.js:10:11)
    at Module._compile (node:internal/modules/cjs/loader:1254:14)

Node.js v20.1.0
"""
NAUTILUS = b"""\x1b[1m2026-11-23T11:19:52.426646334Z\x1b[0m \x1b[1;31m[ERROR] BOT-001.Cross: Error on Bar(...)
ZeroDivisionError(division by zero)
Traceback (most recent call last):
  File "nautilus_trader/common/actor.pyx", line 3952, in nautilus_trader.common.actor.Actor.handle_bar
  File "/srv/local/code/strategy.py", line 35, in on_bar
    self.hold(1 / spread)
              ~~^~~~~~~~
\x1b[0m
"""
"""As nautilus_trader's logger prints an exception: its name before the trace, and not behind it."""
NAUTILUS_TOLD = b"""\x1b[1m2026-11-23T11:19:52.426646334Z\x1b[0m [INFO] BOT-001.TradingNode: Timed out waiting
Status
------
DataEngine.check_connected() == False\x1b[0m
"""
NAUTILUS_PLAIN = NAUTILUS.replace(b"\x1b[1;31m", b"").replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"")
JAVA = b"""Exception in thread "main" java.lang.IllegalStateException: a
\tat com.x.Main.main(Main.java:5)
Caused by: java.lang.RuntimeException: b
\tat com.x.A.b(A.java:1)
\t... 3 more
"""
JAVA_LOGGED = b"""2026-01-01 12:00:00 SEVERE something failed
\tat com.x.Main.main(Main.java:5)
"""
GO = b"""panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Bot).run(0x1, {0x2, 0x3})
\t/src/main.go:5 +0x1d
main.main()
\t/src/main.go:9 +0x1d
exit status 2
"""
RUST = b"""thread 'main' panicked at src/main.rs:2:5:
no money
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
"""
RUST_OLD = b"""thread 'main' panicked at 'no money', src/main.rs:2:5
stack backtrace:
   0: rust_begin_unwind
             at /rustc/x/library/std/src/panicking.rs:593:5
note: Some details are omitted
"""
CPP = b"""terminate called after throwing an instance of 'std::runtime_error'
  what():  no feed
"""
SANITIZED = b"""==41==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010
READ of size 4 at 0x602000000010 thread T0
    #0 0x55d0c1 in Book::best() /build/program/book.cpp:21:10

SUMMARY: AddressSanitizer: heap-use-after-free /build/program/book.cpp:21 in Book::best()
==41==ABORTING
"""
NODE_CUSTOM = b"""file:///app/bot.mjs:3
  throw new InsufficientFunds("no money");
        ^

InsufficientFunds: no money
    at main (file:///app/bot.mjs:3:9)

Node.js v20.1.0
"""
NODE_TOGETHER = b"""node:internal/process/promises:391
    triggerUncaughtException(err, true /* fromPromise */);
    ^

[AggregateError: All promises were rejected] {
  [errors]: [
    Error: one
        at one (file:///app/bot.mjs:2:39)
  ]
}

Node.js v20.1.0
"""
TRACES = {
    "python": PYTHON,
    "python chained": CHAINED,
    "python caused": CAUSED,
    "python logged": LOGGED,
    "python with fields that are wrong": VALIDATED,
    "python with a statement": QUERIED,
    "python group": GROUPED,
    "python named before, in colour": NAUTILUS,
    "several lines in colour": NAUTILUS_TOLD,
    "node": NODE,
    "node uncaught": NODE_UNCAUGHT,
    "java": JAVA,
    "java logged": JAVA_LOGGED,
    "go": GO,
    "rust": RUST,
    "rust before 1.73": RUST_OLD,
    "c++": CPP,
    "c++ with a sanitizer": SANITIZED,
    "node with a class of its own": NODE_CUSTOM,
    "node with several at once": NODE_TOGETHER,
}


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_is_one_event(name: str) -> None:
    """A trace between other lines is joined whole, and they are not."""
    trace = TRACES[name]
    found = group(b"before\n" + trace + b"INFO after\n")
    lines = trace.count(b"\n")
    assert found.joins == [(1, lines)]
    assert found.open_from == lines + 2


def test_a_message_of_several_lines_ends_before_a_record() -> None:
    """Lines that the exception announced are part of it; one with a time or a level is not."""
    for record in (b"2026-01-01 12:00:00 next\n", b"INFO:main:next\n", b'{"level": "info"}\n'):
        found = group(LISTED + record)
        assert found.joins == [(0, LISTED.count(b"\n"))], record


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_at_the_end_may_go_on(name: str) -> None:
    """At the end of what was read, the trace's first line is where more may belong to."""
    found = group(b"before\n" + TRACES[name])
    assert found.open_from == 1


@pytest.mark.parametrize(
    "name", ["python", "python chained", "node", "java", "go", "rust", "python named before, in colour"]
)
def test_a_trace_cut_anywhere_stays_open(name: str) -> None:
    """Whatever line a trace is cut after, nothing of it is handed out before the rest may come."""
    lines = TRACES[name].splitlines(keepends=True)
    for count in range(1, len(lines)):
        assert group(b"before\n" + b"".join(lines[:count])).open_from == 1, lines[:count]


def test_a_trace_without_its_exception_ends_before_a_record() -> None:
    """Frames alone take no line with a time, nor JSON, for the exception that is missing behind them."""
    for record in (
        b"2026-11-23T11:19:52.426646334Z [INFO] BOT-001.Cross: STOPPED\n",
        b'{"_metric": "equity", "equity": 1}\n',
    ):
        found = group(NAUTILUS_PLAIN + record)
        assert found.joins == [(0, NAUTILUS_PLAIN.count(b"\n"))], record


def test_colour_that_never_ends_takes_no_other_record() -> None:
    """A record that was cut off by a kill ends where the next one begins."""
    cut = NAUTILUS_TOLD.split(b"\n")[0] + b"\n"
    assert group(cut + NAUTILUS_TOLD + b"after\n").joins == [(1, 4)]
    assert group(cut + b'{"_metric": "equity", "equity": 1}\nafter\n').joins == []


@pytest.mark.parametrize(
    "text",
    [
        NAUTILUS_TOLD.rstrip().replace(b"\n", b" ") + b"\nafter\n",
        b"\x1b[2m2026-11-23T11:19:52.1Z\x1b[0m \x1b[32m INFO\x1b[0m bot: one line\nafter\n",
        b"INFO all is well\n  indented list\n  of things\nend\n",
        b'{"level": "error", "message": "Error: x"}\n    at the end\n',
        b"no Error today\nno Exception either\n",
        b"table:\n\ta\tb\n\tc\td\n",
        b"/usr/bin/thing started\npanic button pressed\nfile: a.txt\n",
    ],
)
def test_ordinary_lines_stay_their_own(text: bytes) -> None:
    """Indented lists, JSON and words that sound like trouble are no traces."""
    assert group(text).joins == []


def test_a_json_line_is_never_joined() -> None:
    """A JSON line between two traces ends the first and begins nothing."""
    found = group(PYTHON + b'{"_metric": "equity", "equity": 1}\n' + PYTHON + b"end\n")
    assert found.joins == [(0, 4), (5, 4)]


def test_an_endless_trace_is_cut() -> None:
    """A trace of any length is handed out in pieces of bounded length."""
    frames = b"  File 'x', line 1, in f\n" * 12_000
    found = group(b"Traceback (most recent call last):\n" + frames)
    assert found.joins[0] == (0, 5000)


def test_a_chain_of_many_tries_is_one_event() -> None:
    """A retried call that logs its trace chains each try to the one before: thousands of lines, one event."""
    between = b"\nDuring handling of the above exception, another exception occurred:\n\n"
    chain = between.join([PYTHON] * 400)
    lines = b"2026-01-01 12:00:00,000 - bot - INFO - cannot query due to " + chain + b"2026-01-01 next\n"
    found = group(lines)
    assert found.joins == [(0, lines.count(b"\n") - 1)]
    assert lines.count(b"\n") > 2500


_PIECES = st.sampled_from(
    [line for trace in TRACES.values() for line in trace.splitlines(keepends=True)]
    + [b"plain\n", b"{}\n", b"\n", b"\xff\xfe\n", b"  x\n"]
)


@given(st.lists(_PIECES, max_size=60).map(b"".join))
def test_groups_never_overlap_or_leave_the_block(block: bytes) -> None:
    """Joined lines are in order, apart from each other and inside the block, whatever comes."""
    found = group(block)
    at = 0
    for first, count in found.joins:
        assert first >= at
        assert count > 1
        at = first + count
    assert at <= block.count(b"\n")
    assert 0 <= found.open_from <= block.count(b"\n")
