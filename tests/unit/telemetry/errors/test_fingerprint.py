"""Errors with the same cause have the same fingerprint, and no others."""

import pytest

from telemetry.errors.fingerprint import normalised, of_line, of_trace, without_prefix
from telemetry.errors.frames import located
from telemetry.errors.parsing import parse_trace
from tests.unit.telemetry.errors import traces


def fingerprint(text: str, code: str = "") -> str:
    trace = parse_trace(text)
    assert trace is not None
    return of_trace(located(trace, code))


@pytest.mark.parametrize("name", traces.EVERY)
def test_other_lines_numbers_and_places_are_the_same_error(name: str) -> None:
    """A moved line, another address and another node's folders change nothing."""
    text = traces.EVERY[name]
    moved = text.replace("line 41", "line 47").replace("0x602000000010", "0x603000000999")
    moved = moved.replace("12.5", "13.75").replace(traces.CODE, "c" * 64).replace(":41:29", ":52:7")
    moved = moved.replace("/tmp/build/", "/var/other/").replace("/allocations/one/", "/allocations/two/")
    assert fingerprint(moved) == fingerprint(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("InsufficientFunds", "InvalidOrder"),
        ("in trade", "in hedge"),
        ("desk/orders.py", "desk/hedges.py"),
        ("insufficient balance", "no permission"),
    ],
)
def test_another_type_function_file_or_message_is_another_error(old: str, new: str) -> None:
    """What tells errors apart: the type, the bot's own functions and files, the message's words."""
    assert fingerprint(traces.PYTHON.replace(old, new)) != fingerprint(traces.PYTHON)


def test_a_library_that_moved_is_the_same_error() -> None:
    """Frames of libraries do not count: an upgrade of one makes no new error."""
    other = traces.PYTHON.replace("ccxt/binance.py", "ccxt/base/exchange.py").replace(
        "in create_order", "in fetch"
    )
    assert fingerprint(other) == fingerprint(traces.PYTHON)


def test_another_root_is_another_error() -> None:
    """Errors that are raised from different causes are told apart."""
    other = traces.CAUSED.replace("KeyError: 'price'", "TypeError: 'price'")
    assert fingerprint(other) != fingerprint(traces.CAUSED)


def test_depth_of_a_recursion_does_not_count() -> None:
    """However deep a recursion went, it is one error."""
    frame = '  File "/app/local/code/main.py", line 3, in again\n    again()\n'
    deep, deeper = (f"Traceback (most recent call last):\n{frame * n}RecursionError: x\n" for n in (5, 9))
    assert fingerprint(deep) == fingerprint(deeper)


def test_the_digest_of_the_program_decides_where_it_is_known() -> None:
    """A thread that a library began has its outermost frame in the layer; the bot's are found."""
    text = f"""Traceback (most recent call last):
  File "/data/cache/{traces.LAYER}/websocket/_app.py", line 3, in run
    callback()
  File "/data/cache/{traces.CODE}/main.py", line 9, in on_message
    book[0]
IndexError: list index out of range
"""
    trace = parse_trace(text)
    assert trace is not None
    for placed in (located(trace), located(trace, traces.CODE)):
        assert [one.in_app for one in placed.last.frames] == [False, True]


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("order 12345 of 0.5 failed", "order <n> of <n> failed"),
        ("id 3f9a2c1e-8d4b-4c1a-9f00-1234567890ab gone", "id <id> gone"),
        ("object at 0x7f3f674ba038", "object at <address>"),
        ("no answer of 10.0.0.7:8443", "no answer of <address>"),
        ("at 2026-01-01T12:00:00.123Z it was late", "at <time> it was late"),
        ("cannot read '<html>502'", "cannot read <text>"),
        (
            "GET https://api.example/v1/order?timestamp=1&signature=ab failed",
            "GET https://api.example/v1/order?<query> failed",
        ),
        ("BTC/USDT is thin", "<symbol> is thin"),
        ("commit 9f8e7d6c5b4a3f2e", "commit <id>"),
        ("it can't be, don't ask", "it can't be, don't ask"),
        ("first\nsecond", "first"),
    ],
)
def test_values_are_masked(message: str, masked: str) -> None:
    """Numbers, ids, addresses, times, symbols and quoted texts do not tell errors apart."""
    assert normalised(message) == masked


def test_names_in_errors_about_names_are_kept() -> None:
    """Which attribute or key is missing tells errors apart; a symbol as the key does not."""
    assert normalised("name 'prices' is not defined", "NameError") == "name 'prices' is not defined"
    assert normalised("'price'", "KeyError") != normalised("'size'", "KeyError")
    assert normalised("'BTCUSDT'", "KeyError") == normalised("'ETHUSDT'", "KeyError")


@pytest.mark.parametrize(
    "line",
    [
        "ERROR:main:order 5 failed",
        "2026-01-01 12:00:00,000 - main - ERROR - order 7 failed",
        "[ERROR] order 9 failed",
    ],
)
def test_lines_are_compared_without_what_a_logger_puts_before(line: str) -> None:
    """Time and level before a message do not count."""
    assert without_prefix(line).endswith("failed")
    assert "ERROR" not in without_prefix(line)
    assert of_line("", "[ERROR] order 9 failed") == of_line("", "2026-01-02 01:00:00 ERROR order 3 failed")
