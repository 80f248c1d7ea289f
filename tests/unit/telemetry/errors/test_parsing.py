"""Stack traces of six languages are read as their runtimes print them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.errors.frames import culprit, located
from telemetry.errors.parsing import parse_trace
from telemetry.errors.trace import MOST_FRAMES, Thrown, Trace
from tests.unit.telemetry.errors import traces


def read(text: str) -> Trace:
    trace = parse_trace(text)
    assert trace is not None
    return located(trace)


def said(thrown: tuple[Thrown, ...]) -> list[tuple[str, str]]:
    return [(one.type, one.message) for one in thrown]


def own(thrown: Thrown) -> list[tuple[str, int, str]]:
    return [(one.file, one.line, one.function) for one in thrown.frames if one.in_app]


def test_python_with_a_library_that_raised() -> None:
    """The type is whole; frames below the program's folder are the bot's, by their path in it."""
    trace = read(traces.PYTHON)
    message = "binance Account has insufficient balance for BTC/USDT: 12.5"
    assert said(trace.thrown) == [("ccxt.base.errors.InsufficientFunds", message)]
    assert own(trace.last) == [("main.py", 41, "main"), ("desk/orders.py", 12, "trade")]
    assert [one.in_app for one in trace.last.frames] == [True, True, False]
    assert trace.last.frames[0].code == "trade(config)"


@pytest.mark.parametrize("text", [traces.CAUSED, traces.DURING])
def test_python_chains_end_with_their_root(text: str) -> None:
    """What was thrown last comes first, then what it came from, each with its own frames."""
    trace = read(text)
    assert said(trace.thrown) == [
        ("main.BadAnswer", "cannot read '{\"prize\": 99.0}'"),
        ("KeyError", "'price'"),
    ]
    assert own(trace.last)[-1] == ("main.py", 21, "parse")
    assert own(trace.root) == [("main.py", 19, "parse")]


def test_python_with_the_exception_named_before_its_trace() -> None:
    """A trace that ends with its frames is of the exception that its record names; Cython's are no bot's."""
    trace = read(traces.NAMED_BEFORE)
    assert said(trace.thrown) == [("KeyError", "'BTC (spot)'\nis not quoted")]
    assert own(trace.last) == [("strategy.py", 35, "on_bar"), ("desk/sizing.py", 4, "size")]
    assert [one.in_app for one in trace.last.frames] == [False, True, False, True]
    chained = read(traces.NAMED_BEFORE_CHAINED)
    assert said(chained.thrown) == [("BadAnswer", "no price"), ("KeyError", "'price'")]
    assert own(chained.last) == [("main.py", 29, "main"), ("main.py", 21, "parse")]


def test_python_groups_have_parts() -> None:
    """A group of exceptions tells of each of its parts, of a chain in a part what was thrown last."""
    trace = read(traces.GROUP)
    assert said(trace.thrown) == [("ExceptionGroup", "unhandled errors in a TaskGroup (2 sub-exceptions)")]
    assert own(trace.last) == [("main.py", 8, "main")]
    assert said(trace.parts) == [("Odd", "x 1"), ("ValueError", "bad 5")]
    assert own(trace.parts[1]) == [("main.py", 6, "hedge")]


def test_python_mistakes_of_syntax() -> None:
    """The file that cannot be compiled is the frame."""
    trace = read(traces.SYNTAX)
    assert said(trace.thrown) == [("SyntaxError", "expected ':'")]
    assert own(trace.last) == [("main.py", 4, "")]
    without_head = traces.SYNTAX.split("\n", 1)[1]
    assert read(without_head).thrown == trace.thrown


def test_python_messages_of_several_lines_and_a_log_line_before() -> None:
    """A message keeps its lines, and a logger's line before the trace does not matter."""
    trace = read("2026-01-01 12:00:00,000 - bot - ERROR - it failed\n" + traces.PYDANTIC)
    assert trace.last.type == "pydantic_core._pydantic_core.ValidationError"
    assert trace.last.message == "1 validation error for Order\nprice\n  Field required [type=missing]"


def test_node_causes_and_async_frames() -> None:
    """Causes follow; frames of Node itself and of node_modules are not the bot's."""
    trace = read(traces.NODE)
    assert said(trace.thrown) == [("Error", "order failed for BTC/USDT"), ("TypeError", "bad 12")]
    assert own(trace.last) == [("lib/run.mjs", 3, "main"), ("main.mjs", 2, "outer")]
    assert own(trace.root) == [("main.mjs", 4, ""), ("main.mjs", 1, "inner")]


def test_node_errors_that_failed_together() -> None:
    """An AggregateError without a stack of its own has its parts, of whatever class and with all lines."""
    trace = read(traces.AGGREGATE)
    assert said(trace.thrown) == [("AggregateError", "All promises were rejected")]
    assert said(trace.parts) == [("Error", "one"), ("InsufficientFunds", "two\n    lines")]
    where = culprit(trace)
    assert where is not None
    assert (where.file, where.line) == ("main.mjs", 2)


def test_java_causes_and_suppressed() -> None:
    """Causes are the chain, what was suppressed is a part; the JDK is not the bot's."""
    trace = read(traces.JAVA)
    assert said(trace.thrown) == [
        ("java.lang.RuntimeException", "outer"),
        ("java.lang.IllegalStateException", "x 5"),
    ]
    assert said(trace.parts) == [("java.lang.Error", "sup")]
    assert own(trace.root) == [("Main.java", 9, "com.desk.Main.lambda$f$0")]


def test_rust_panics_without_a_backtrace() -> None:
    """The place of the panic is its frame, in the form of today and in the older one."""
    trace = read(traces.RUST)
    assert said(trace.thrown) == [("panic", "called `Option::unwrap()` on a `None` value")]
    assert own(trace.last) == [("src/book.rs", 41, "")]
    old = read(traces.RUST_OLD)
    assert said(old.thrown) == [("panic", "no money: 12")]
    assert own(old.last) == [("src/main.rs", 2, "")]


def test_rust_backtraces() -> None:
    """Of a backtrace the frames of the program are the bot's: not the standard library's, nor a crate's."""
    trace = read(traces.RUST_BACKTRACE)
    assert own(trace.last) == [("src/main.rs", 2, "grid::main"), ("src/book.rs", 1, "grid::book::best")]
    assert len(trace.last.frames) == 6


def test_go_panics() -> None:
    """The goroutine that panicked is read, functions without their arguments."""
    trace = read(traces.GO)
    assert said(trace.thrown) == [("panic", "assignment to entry in nil map")]
    assert own(trace.last)[-2:] == [("main.go", 4, "main.main.func1"), ("bot.go", 3, "main.(*Bot).run")]
    runtime = read(traces.GO_RUNTIME)
    assert said(runtime.thrown) == [("runtime error", "index out of range [5] with length 3")]
    assert own(runtime.last) == [("main.go", 9, "main.main")]


def test_cpp_exceptions_sanitizers_and_debuggers() -> None:
    """What the C++ runtime, a sanitizer, gdb and backtrace() print are errors with their frames."""
    assert said(read(traces.CPP).thrown) == [("std::runtime_error", "no feed 12")]
    sanitized = read(traces.SANITIZER)
    assert sanitized.last.type == "AddressSanitizer: heap-use-after-free"
    assert own(sanitized.last) == [("main.cpp", 9, "main"), ("book.cpp", 21, "Book::best")]
    assert len(sanitized.last.frames) == 4
    debugged = read(traces.GDB)
    assert debugged.last.type == "HeapCorruption"
    assert own(debugged.last) == [("main.cpp", 9, "main"), ("book.cpp", 44, "Book::~Book")]
    assert read(traces.BACKTRACE).last.frames[-1].function == "_ZN4Book4bestEv"
    asserted = read("bot: book.cpp:12: int Book::best(): Assertion `size > 0' failed.")
    assert said(asserted.thrown) == [("Assertion", "size > 0")]


@pytest.mark.parametrize(
    "text",
    ["", "all is well", "we met at (noon)\n    at last", "Error: no frames", "panic at the exchange", "free"],
)
def test_prose_is_no_trace(text: str) -> None:
    """Words of a trace alone are none."""
    assert parse_trace(text) is None


def test_recursion_is_kept_within_bounds() -> None:
    """Of very many frames the first and the last are kept."""
    frame = '  File "/app/local/code/main.py", line 3, in again\n    again()\n'
    trace = read(f"Traceback (most recent call last):\n{frame * 1000}RecursionError: too deep\n")
    assert len(trace.last.frames) == MOST_FRAMES
    assert trace.last.type == "RecursionError"


def test_colours_are_passed_over() -> None:
    """A trace in colours, and with carriage returns, is read as the plain one."""
    coloured = traces.PYTHON.replace("File", "\x1b[31mFile\x1b[0m").replace("\n", "\r\n")
    assert read(coloured) == read(traces.PYTHON)


@settings(max_examples=60)
@given(st.sampled_from(sorted(traces.EVERY)), st.data())
def test_a_trace_cut_anywhere_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """No piece of a trace makes a parser fail: it is one, or none."""
    text = traces.EVERY[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    trace = parse_trace(text[start:end])
    assert trace is None or trace.last.type
