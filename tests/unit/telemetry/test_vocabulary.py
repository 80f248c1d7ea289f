"""Lines become events and samples as the bot contract says, and nothing a bot prints can break that."""

import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.bot_series import BotSeries
from telemetry.levels import LEVELS, at_least
from telemetry.metric_types import METRIC_TYPES
from telemetry.names import bot_series
from telemetry.vocabulary import Reading, read_line

NOW = 1_790_000_000.0
BASE = {"fleet": "desk", "bot": "alpha", "program": "sma"}


def read(line: object, series: BotSeries | None = None) -> Reading:
    text = line if isinstance(line, bytes) else json.dumps(line).encode()
    return read_line(text, NOW, series or BotSeries(BASE))


def metric(kind: str, **fields: object) -> Reading:
    return read({"_metric": kind, **fields})


GOOD = {
    "heartbeat": {"state": "running"},
    "order": {"order_id": "o1", "symbol": "BTC/USDT", "side": "buy", "status": "filled"},
    "trade": {"symbol": "BTC/USDT", "side": "sell", "quantity": 2, "price": 10.5},
    "position": {"symbol": "BTC/USDT", "side": "long", "quantity": 1.5},
    "equity": {"equity": 1000},
    "balance": {"asset": "USDT", "total": 5},
    "transfer": {"amount": -5.0, "currency": "USDT"},
    "price": {"symbol": "BTC/USDT", "value": 9.5},
    "signal": {"symbol": "BTC/USDT", "direction": "BUY"},
    "risk": {"rule": "drawdown", "action": "halt"},
    "alert": {"message": "look", "severity": "warning"},
    "error": {"message": "broken"},
    "status": {"state": "ok"},
}


def test_the_examples_are_every_known_type() -> None:
    """No type of the vocabulary is left out below."""
    assert set(GOOD) == set(METRIC_TYPES)


@pytest.mark.parametrize("kind", GOOD)
def test_each_type_with_its_required_fields(kind: str) -> None:
    """A line with exactly the required fields is an event of its type, with its numbers as samples."""
    reading = metric(kind, **GOOD[kind])
    assert (reading.kind, reading.refused) == (kind, 0)
    assert {sample.name for sample in reading.samples} <= set(bot_series())
    numbers = [name for name, value in GOOD[kind].items() if isinstance(value, int | float)]
    assert len(reading.samples) == len(numbers)


_IMPLIED = ("position", "side")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in GOOD for name in GOOD[kind] if (kind, name) != _IMPLIED],
)
def test_a_missing_field_is_said_and_nothing_is_lost(kind: str, name: str) -> None:
    """Without a required field the line is a log event whose schema_error names the field."""
    fields = {key: value for key, value in GOOD[kind].items() if key != name}
    reading = metric(kind, **fields)
    assert (reading.kind, reading.level, reading.samples) == ("log", "warning", [])
    assert name in reading.data["schema_error"]
    assert fields.items() <= dict(reading.data).items()


def test_series_are_named_and_labelled_by_the_rule() -> None:
    """`bot_<type>_<field>`, or `bot_<type>`; the bot's labels and the few fields that may be labels."""
    reading = metric(
        "trade", symbol="BTC/USDT", side="buy", quantity=2, price=10.5, trade_id=17, order_id="o", note="x"
    )
    labels = {**BASE, "symbol": "BTC/USDT", "side": "buy"}
    assert [(one.name, one.labels, one.value) for one in reading.samples] == [
        ("bot_trade_quantity", labels, 2.0),
        ("bot_trade_price", labels, 10.5),
    ]
    assert [one.name for one in metric("price", symbol="A", value=1).samples] == ["bot_price"]
    assert [one.name for one in metric("equity", equity=1).samples] == ["bot_equity"]
    assert [one.name for one in metric("my.own-type", x=1, value=2).samples] == [
        "bot_my_own_type_x",
        "bot_my_own_type",
    ]


def test_ids_are_never_series_or_labels() -> None:
    """Ids and counters of a line, even numeric ones, make no series and no label."""
    reading = metric("custom", order_id=1, event_id=2, seq=3, id=4, timestamp=NOW * 1000, ts_event=NOW, x=1)
    assert [one.name for one in reading.samples] == ["bot_custom_x"]
    assert set(reading.samples[0].labels) == set(BASE)


def test_aliases() -> None:
    """`portfolio_value`, a position's `price` and a signal's `type` mean the contract's own words."""
    assert metric("portfolio_value", value=5).samples[0].name == "bot_equity"
    position = metric("position", symbol="A", side="LONG", quantity="1.5", price=3)
    assert [(one.name, one.value) for one in position.samples] == [
        ("bot_position_quantity", 1.5),
        ("bot_position_mark_price", 3.0),
    ]
    signal = metric("signal", symbol="A", type="BUY")
    assert signal.data["direction"] == "BUY"
    assert metric("order", **{**GOOD["order"], "status": "Cancelled"}).data["status"] == "canceled"


@pytest.mark.parametrize(("quantity", "side"), [(0.5, "long"), ("-2", "short"), (0, "flat"), (0.0, "flat")])
def test_a_position_without_a_side_has_that_of_its_quantity(quantity: object, side: str) -> None:
    """Bots that only tell what they hold, and of what, are understood."""
    position = metric("position", symbol="BTC", quantity=quantity, price=45000, value=22500)
    assert (position.kind, position.data["side"]) == ("position", side)
    assert {one.name for one in position.samples} >= {"bot_position_quantity", "bot_position_mark_price"}
    assert metric("position", symbol="BTC", quantity=None).data["schema_error"]


def test_words_outside_the_vocabulary() -> None:
    """A side that is none makes a log event that lists what there is."""
    reading = metric("trade", **{**GOOD["trade"], "side": "hold"})
    assert reading.data["schema_error"] == "side must be one of buy, sell"


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_none(text: bytes) -> None:
    """NaN and infinity are refused: the required one makes a log event, another one is left out and said."""
    wrong = read(b'{"_metric": "equity", "equity": %s}' % text)
    assert (wrong.kind, wrong.samples, wrong.refused) == ("log", [], 1)
    partly = read(b'{"_metric": "equity", "equity": 5, "fees": %s}' % text)
    assert [one.name for one in partly.samples] == ["bot_equity"]
    assert partly.data["schema_error"] == "fees is not a finite number"


def test_truth_values_are_no_numbers() -> None:
    """`true` makes no series."""
    assert metric("custom", a=True, b=1).samples[0].name == "bot_custom_b"


@pytest.mark.parametrize(
    "value",
    ["2026-09-21T14:13:20Z", "2026-09-21T14:13:20", "2026-09-21T16:13:20+02:00", 1790000000, 1790000000.0]
    + [1790000000 * unit for unit in (1000, 1000_000, 1000_000_000)],
)
def test_times_in_every_form(value: object) -> None:
    """ISO-8601 with or without a zone, and numbers from seconds to nanoseconds, mean the same moment."""
    assert metric("equity", equity=1, timestamp=value).time == pytest.approx(NOW)


def test_the_events_own_time_wins() -> None:
    """`ts_event` is the time of event and samples; an unreadable one falls back to `timestamp`."""
    reading = metric("equity", equity=1, timestamp=NOW * 1000, ts_event=(NOW - 60) * 1000)
    assert (reading.time, reading.samples[0].time) == (NOW - 60, NOW - 60)
    assert metric("equity", equity=1, timestamp=(NOW - 5) * 1000, ts_event="soon").time == NOW - 5
    assert metric("equity", equity=1).time == NOW


@pytest.mark.parametrize("at", [0, 1000.0, NOW - 40 * 86400, NOW + 3600, 4e9, "1970-01-01", "9999-12-31"])
def test_times_that_no_store_takes(at: object) -> None:
    """A metric from too long ago or the future is kept as a log event with its error, not as a sample."""
    reading = metric("equity", equity=1, timestamp=at)
    assert (reading.kind, reading.samples, reading.time) == ("log", [], NOW)
    assert "30 days ago" in reading.data["schema_error"]
    assert read({"level": "info", "message": "x", "timestamp": at}).time == NOW


def test_the_ceiling_on_series() -> None:
    """Above its ceiling a bot gets no new series; the lines stay, say so, and known series go on."""
    series = BotSeries(BASE, limit=10)
    for number in range(20):
        line = {"_metric": "price", "symbol": f"S{number}", "value": 1.0}
        reading = read(line, series)
        assert len(reading.samples) == (1 if number < 10 else 0)
    assert "more than 10 series" in reading.data["schema_error"]
    assert (reading.kind, reading.refused) == ("price", 1)
    assert len(read({"_metric": "price", "symbol": "S3", "value": 2.0}, series).samples) == 1


def test_labels_of_any_type() -> None:
    """Numbers become text, lists and objects are left out, control characters and length are bounded."""
    labels = metric("custom", symbol=7, side=["x"], exchange={"a": 1}, account="a\nb" + "c" * 500, x=1)
    found = labels.samples[0].labels
    assert found["symbol"] == "7"
    assert "side" not in found
    assert "exchange" not in found
    assert found["account"].startswith("a bc")
    assert len(found["account"]) == 128


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (b"INFO:main:text", "info", None),
        (b"WARNING:root:text", "warning", None),
        (b"2026-01-01 12:00:00,000 - name - WARNING - text", "warning", None),
        (b"2026-01-01T12:00:00.123Z ERROR something", "error", None),
        (b"[2026-01-01 12:00:00] [CRITICAL] text", "critical", None),
        (b"2026-01-01 12:00:00 | DEBUG    | mod:fn:1 - text", "debug", None),
        (b"[ERROR] text", "error", None),
        (b"ERROR", "error", None),
        (b"just text", "info", None),
        (b"there was no ERROR today", "info", None),
        (b"INFORMATION is power", "info", None),
        (b"", "info", ""),
        (b'{"level": 50, "msg": "pino", "time": 1790000000000}', "error", "pino"),
        (b'{"level": 60, "msg": "pino"}', "critical", "pino"),
        (b'{"level": "WARN", "fields": {"message": "rust"}, "target": "bot"}', "warning", "rust"),
        (b'{"level": "DEBUG", "message": "python"}', "debug", "python"),
        (b'{"message": {"a": 1}}', "info", '{"a":1}'),
        (b'{"foo": 1}', "info", '{"foo": 1}'),
        (b'{"level": "info", "message": "x", "stack": "Error: y\\n at z"}', "info", "x\nError: y\n at z"),
        (b'{"broken": ', "info", None),
        (b"[1, 2]", "info", None),
    ],
)
def test_logs_in_every_form(line: bytes, level: str, message: str | None) -> None:
    """The level and the text are read from JSON of any logging library, and from plain lines."""
    reading = read(line)
    expected = line.decode() if message is None else message
    assert (reading.kind, reading.level, reading.message) == ("log", level, expected)


def test_a_stack_trace_is_an_error() -> None:
    """Joined lines that are a trace have the level error where they show none."""
    assert read(b"Traceback (most recent call last):\n  File\nValueError: x").level == "error"
    assert read(b"WARNING:root:x\nTraceback (most recent call last):\n  File\nE: x").level == "warning"


def test_summaries_read_well() -> None:
    """A metric's message says what matters, in words."""
    assert metric("trade", **GOOD["trade"]).message == "trade sell 2 BTC/USDT @ 10.5"
    assert metric("equity", equity=1000.5, currency="USDT").message == "equity 1000.5 USDT"
    assert metric("error", message="broken").message == "broken"
    assert metric("custom", a=1, b="x", c=[1]).message == "custom a=1 b=x"


def test_severities() -> None:
    """Errors, alerts, risk and rejected orders are events of their level."""
    assert metric("error", message="x").level == "error"
    assert metric("alert", message="x", severity="critical").level == "critical"
    assert metric("risk", rule="x", action="warn").level == "warning"
    assert metric("order", **{**GOOD["order"], "status": "rejected"}).level == "warning"
    assert at_least("error") == ("error", "critical")
    assert at_least("nonsense") == LEVELS


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = ("timestamp", "ts_event", "symbol", "side", "status", "equity", "quantity", "price", "level")
_KEYS = st.sampled_from([*_FIELDS, "message", "msg", "fields", "time", "state", "asset"]) | st.text()
_METRICS = st.fixed_dictionaries(
    {"_metric": st.sampled_from([*METRIC_TYPES, "portfolio_value", "x"]) | _JSON},
    optional=dict.fromkeys(_FIELDS, _JSON),
)
_LINES = (
    st.binary(max_size=300)
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.dictionaries(_KEYS, _JSON, max_size=6).map(lambda value: json.dumps(value).encode())
    | _METRICS.map(lambda value: json.dumps(value).encode())
)


@given(_LINES)
@settings(max_examples=600, deadline=None)
def test_no_line_breaks_the_reader(line: bytes) -> None:
    """Whatever a bot prints becomes an event that every store can keep, and samples that are numbers."""
    reading = read(line)
    assert reading.level in LEVELS
    assert reading.kind
    reading.message.encode()
    reading.kind.encode()
    msgspec.json.encode(reading.data)
    assert NOW - 31 * 86400 < reading.time < NOW + 3600
    for sample in reading.samples:
        assert math.isfinite(sample.value)
        assert sample.name.startswith("bot_")
        assert all(value.encode() and len(value) <= 128 for value in sample.labels.values())


def test_deep_nesting_is_bounded() -> None:
    """A line of a hundred thousand brackets is a plain line."""
    assert read(b'{"a":' * 100_000).kind == "log"
    assert read(b"[" * 100_000).kind == "log"
