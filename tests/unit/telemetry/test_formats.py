"""Lines of common loggers are read for what they are: level, message, time, fields; one sample of each."""

import pytest

from telemetry.bot_series import BotSeries
from telemetry.vocabulary import Reading, read_line

NOW = 1_790_000_000.0
AT = NOW - 60
"""2026-09-21T14:12:20Z, when each sample that tells its time was printed."""

FORMATS: list[tuple[str, str, str, str, bool, dict[str, object]]] = [
    (
        "pino",
        '{"level":50,"time":1789999940000,"pid":9,"hostname":"h","msg":"order refused","symbol":"BTC/USDT"}',
        "error",
        "order refused",
        True,
        {"symbol": "BTC/USDT", "pid": 9},
    ),
    (
        "pino with an error",
        '{"level":60,"time":1789999940000,"msg":"boom","err":{"stack":"Error: x\\n    at f (a.js:1:2)"}}',
        "critical",
        "boom\nError: x\n    at f (a.js:1:2)",
        True,
        {},
    ),
    (
        "structlog",
        '{"event": "filled", "quantity": 2, "level": "warning", "timestamp": "2026-09-21T14:12:20Z"}',
        "warning",
        "filled",
        True,
        {"quantity": 2},
    ),
    (
        "structlog with an exception",
        '{"event": "no", "level": "error", "timestamp": "2026-09-21T14:12:20Z", "exception": "Traceback: y"}',
        "error",
        "no\nTraceback: y",
        True,
        {},
    ),
    (
        "tracing (Rust)",
        '{"timestamp":"2026-09-21T14:12:20.000000Z","level":"WARN","fields":{"message":"slow","ms":40},"target":"b"}',
        "warning",
        "slow",
        True,
        {"target": "b"},
    ),
    (
        "python-json-logger",
        '{"asctime": "2026-09-21 16:12:20,000", "levelname": "CRITICAL", "name": "main", "message": "down"}',
        "critical",
        "down",
        False,
        {"name": "main"},
    ),
    (
        "zap (Go)",
        '{"level":"debug","ts":1789999940.0,"caller":"bot/main.go:12","msg":"tick"}',
        "debug",
        "tick",
        True,
        {"caller": "bot/main.go:12"},
    ),
    (
        "a cloud's severity",
        '{"severity":"ERROR","message":"x","time":"2026-09-21T14:12:20Z"}',
        "error",
        "x",
        True,
        {"severity": "ERROR"},
    ),
    (
        "Serilog",
        '{"@t":"2026-09-21T14:12:20Z","@m":"Sold 5","@l":"Warning","Lots":5}',
        "warning",
        "Sold 5",
        True,
        {"Lots": 5},
    ),
    (
        "winston",
        '{"level":"info","message":"ready","timestamp":"2026-09-21T14:12:20.000Z"}',
        "info",
        "ready",
        True,
        {},
    ),
    (
        "logfmt (Go, slog, logrus)",
        'time=2026-09-21T14:12:20Z level=WARN msg="retry in \\"5 s\\"" symbol=ETH/USDT attempt=3',
        "warning",
        'retry in "5 s"',
        True,
        {"symbol": "ETH/USDT", "attempt": "3"},
    ),
    ("logfmt, short", "level=error msg=refused", "error", "refused", False, {}),
    (
        "a line that only has level=",
        "set level=5 for msg=x now",
        "info",
        "set level=5 for msg=x now",
        False,
        {},
    ),
    (
        "nautilus_trader, in colour",
        "\x1b[1m2026-11-23T11:21:11.542281025Z\x1b[0m \x1b[1;33m[WARN] BOT-001.Node: shutting down\x1b[0m",
        "warning",
        "2026-11-23T11:21:11.542281025Z [WARN] BOT-001.Node: shutting down",
        False,
        {},
    ),
    (
        "tracing (Rust), in colour",
        "\x1b[2m2026-11-23T11:21:11.54Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mbot\x1b[0m\x1b[2m:\x1b[0m refused",
        "error",
        "2026-11-23T11:21:11.54Z ERROR bot: refused",
        False,
        {},
    ),
    (
        "Python's logging with a format",
        "2026-11-23 11:22:38,910 WARNING strategy: order 3 was refused: Margin",
        "warning",
        "",
        False,
        {},
    ),
    (
        "JSON that a quote in its message breaks",
        '{"level":"ERROR","message":"no "price" in the answer","timestamp":"2026-11-23 11:22:38,910"}',
        "error",
        "",
        False,
        {},
    ),
    ("text in braces", '{ERROR: "level": 5}', "info", "", False, {}),
    ("Python's basicConfig", "ERROR:main:refused", "error", "ERROR:main:refused", False, {}),
    (
        "Python's usual format",
        "2026-09-21 14:12:20,000 - main - WARNING - slow",
        "warning",
        "2026-09-21 14:12:20,000 - main - WARNING - slow",
        False,
        {},
    ),
    ("env_logger (Rust)", "[2026-09-21T14:12:20Z WARN  bot] slow", "warning", "", False, {}),
    ("plain", "started", "info", "started", False, {}),
    ("JSON without a message", '{"level": "error", "code": 5}', "error", "", False, {"code": 5}),
    ("JSON whose event is an object", '{"event": {"a": 1}, "level": "info"}', "info", "", False, {}),
]


def read(line: bytes) -> Reading:
    return read_line(line, NOW, BotSeries({"bot": "alpha"}))


@pytest.mark.parametrize(
    ("line", "level", "message", "timed", "fields"),
    [one[1:] for one in FORMATS],
    ids=[one[0] for one in FORMATS],
)
def test_a_line_of_a_logger_is_read(
    line: str, level: str, message: str, timed: bool, fields: dict[str, object]
) -> None:
    """Its level and message are the logger's own, its time where it tells one, its fields are kept."""
    reading = read(line.encode())
    assert reading.kind == "log"
    assert reading.level == level
    assert reading.message == (message or line)
    assert reading.time == (AT if timed else NOW)
    assert fields.items() <= dict(reading.data).items()


HOSTILE = {
    "one key for ever": "level=x msg=x " + "a" * 60_000,
    "equals for ever": "level=" + "=" * 60_000 + " msg=x",
    "a quote that never ends": 'level=x msg="' + "\\\\" * 30_000,
    "quotes for ever": "level=x msg=x " + 'a="" ' * 12_000,
    "pairs for ever": "level=x msg=x " + "a=b " * 15_000,
    "space for ever": "level=x msg=x" + " " * 60_000 + '"',
    "escapes for ever": 'level=x msg="' + "\\n" * 30_000 + '"',
    "too long": "level=x msg=x " + "y" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pairs_are_read_again_and_again(text: str) -> None:
    """What is made to be hard to read is read as often as a bot likes to print it: as a line that is kept."""
    for _ in range(10):
        assert read(text.encode()).message
