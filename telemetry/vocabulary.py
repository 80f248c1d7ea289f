"""One printed line becomes one event, and the samples of its numbers. Pure.

A metric is a JSON object with `_metric`; a log is a JSON object with a level or a message, or a plain line.
A metric line that breaks its type's rules is kept as a log event whose data has a `schema_error`.
"""

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from telemetry.bot_series import BotSeries
from telemetry.levels import level_named, level_of_text
from telemetry.logfmt import read_logfmt
from telemetry.metric_types import METRIC_TYPES, NOT_SERIES, TYPE_ALIASES, WORD_ALIASES, MetricType
from telemetry.records import Sample
from telemetry.summaries import summary
from telemetry.times import unix_seconds

MAX_AGE = 30 * 86400.0
"""Samples older than this, in seconds, are refused: the stores would drop them silently."""
MAX_AHEAD = 600.0
"""Samples further than this in the future, in seconds, are refused."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_TRACE = (
    *("Traceback (most recent call last)", "\n\tat ", "\n    at ", "panic: ", "panicked at "),
    *("terminate called", "Sanitizer: ", "\ngoroutine "),
)
_NO_TYPE = "_metric must be a type's name: letters, digits, at most 64 of them"
_TRACES = ("stack", "exc_info", "exception", "stack_trace", "stacktrace", "@x")
"""Fields in which loggers put a trace."""
_STACKS = frozenset({*_TRACES, "err"})
_TIMES = ("timestamp", "time", "ts", "@timestamp", "@t")
"""Where loggers say when; Python's `asctime` has no zone, so that the time of its arrival is nearer."""
_SAID = frozenset({"level", "message", "msg"})
"""What is not repeated beside the event's own level and message."""
_decode = msgspec.json.Decoder().decode


class Reading(msgspec.Struct, gc=False):
    """What a line means: the parts of an event that the line decides, and its samples."""

    time: float
    kind: str
    level: str
    message: str
    data: Mapping[str, Any]
    samples: list[Sample]
    refused: int = 0
    """Numbers of the line that were not kept."""


def read_line(line: bytes, received: float, series: BotSeries) -> Reading:
    """Read one line, without its newline; `received` (Unix seconds) stands in for a time it does not show."""
    if line[:1] == b"{":
        document = _object(line)
        if document is not None:
            if "_metric" in document:
                return _metric(document, received, series)
            return _json_log(line, document, received)
    if b"level=" in line or b"lvl=" in line:
        fields = read_logfmt(_text(line))
        if fields is not None and ("msg" in fields or "message" in fields):
            return _pairs(line, fields, received)
    return _plain(_text(line), received)


def _text(line: bytes) -> str:
    """Return a line as text, without what colours it: that is for eyes, and in the way of every search."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    return _COLOURS.sub("", text).rstrip("\n") if "\x1b" in text else text


def _object(line: bytes) -> dict[str, Any] | None:
    """Return the JSON object on the line, None where there is none. Python's own NaN is understood."""
    try:
        document = _decode(line)
    except UnicodeDecodeError:
        document = _lenient(_text(line))
    except (ValueError, RecursionError):
        document = _lenient(_text(line))
    return document if type(document) is dict else None


def _lenient(text: str) -> Any:
    """Decode JSON as Python's own encoder writes it: with NaN, Infinity and lone surrogates."""
    try:
        document = json.loads(text)
        if "\\u" in text:
            document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document


def _plain(text: str, received: float) -> Reading:
    level = level_of_text(text)
    if "\n" in text and level in {None, "info"} and any(sign in text for sign in _TRACE):
        level = "error"
    return Reading(received, "log", level or "info", text, {}, [])


def _json_log(line: bytes, document: dict[str, Any], received: float) -> Reading:
    level = level_named(document.get("level"))
    if level is None:
        level = _level_of(document)
    message = document.get("message", document.get("msg"))
    if message is None:
        message = _message_of(document)
    if message is None:
        return Reading(received, "log", level or "info", _text(line), document, [])
    time = _time_of(document, _TIMES)
    text = message if type(message) is str else _shown(message)
    stack = _stack_of(document)
    if stack and stack not in text:
        text = f"{text}\n{stack}"
    rest = {key: value for key, value in document.items() if key not in _SAID}
    return Reading(_kept_time(time, received), "log", level or "info", text, rest, [])


def _level_of(document: Mapping[str, Any]) -> str | None:
    """Return the level where it is not called so: Python's JSON formatters, clouds, Serilog."""
    for key in ("levelname", "severity", "log.level", "@l", "lvl"):
        level = level_named(document.get(key))
        if level is not None:
            return level
    return None


def _message_of(document: Mapping[str, Any]) -> Any:
    """Return the message where it is not called so: Rust's tracing, structlog, Serilog."""
    fields = document.get("fields")
    if type(fields) is dict and fields.get("message") is not None:
        return fields["message"]
    event = document.get("event")
    if type(event) is str:
        return event
    return document.get("@m", document.get("@mt"))


def _stack_of(document: Mapping[str, Any]) -> str:
    """Return the trace that goes with a message: pino has it in its error, the others beside."""
    if _STACKS.isdisjoint(document):
        return ""
    for key in _TRACES:
        if type(stack := document.get(key)) is str:
            return stack
    error = document.get("err")
    stack = error.get("stack") if type(error) is dict else ""
    return stack if type(stack) is str else ""


def _pairs(line: bytes, fields: dict[str, str], received: float) -> Reading:
    level = level_named(fields.get("level", fields.get("lvl")))
    message = fields.get("msg") or fields.get("message", "") or _text(line)
    time = _time_of(fields, _TIMES)
    rest = {key: value for key, value in fields.items() if key not in _SAID}
    return Reading(_kept_time(time, received), "log", level or "info", message, rest, [])


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _time_of(document: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = document.get(key)
        if value is not None and (time := unix_seconds(value)) is not None:
            return time
    return None


def _kept_time(time: float | None, received: float) -> float:
    """Return the line's own time where it is believable: an event outside of that could not be found."""
    if time is None or not received - MAX_AGE <= time <= received + MAX_AHEAD:
        return received
    return time


def _metric(document: dict[str, Any], received: float, series: BotSeries) -> Reading:
    kind = document["_metric"]
    if type(kind) is not str:
        return _wrong(document, received, _NO_TYPE)
    own_kind = TYPE_ALIASES.get(kind, kind)
    rules = METRIC_TYPES.get(own_kind)
    if rules is None:
        if not _TYPE_NAME.fullmatch(kind):
            return _wrong(document, received, _NO_TYPE)
    else:
        document = _canonical(document, rules)
        if own_kind == "position" and "side" not in document:
            document = _with_side(document)
        mistake = _mistake(own_kind, document, rules)
        if mistake:
            return _wrong(document, received, mistake)
    time = _time_of(document, ("ts_event", "timestamp"))
    kept = _kept_time(time, received)
    if time is not None and kept != time:
        return _wrong(document, received, "its time is more than 30 days ago or 10 minutes ahead")
    samples, trouble = _samples(own_kind, document, kept, series)
    if trouble:
        document = {**document, "schema_error": "; ".join(trouble)}
    level = _metric_level(own_kind, document)
    return Reading(kept, own_kind, level, summary(own_kind, document), document, samples, len(trouble))


def _wrong(document: dict[str, Any], received: float, mistake: str) -> Reading:
    text = f"a metric line is wrong: {mistake}"
    return Reading(received, "log", "warning", text, {**document, "schema_error": mistake}, [], 1)


def _canonical(document: dict[str, Any], rules: MetricType) -> dict[str, Any]:
    """Return the line with its aliases resolved: fields, words in any case, numbers printed as text."""
    for alias, name in rules.aliases.items():
        if alias in document and name not in document:
            document = {name if key == alias else key: value for key, value in document.items()}
    for name, words in rules.words.items():
        word = document.get(name)
        if word not in words and type(word) is str:
            document = {**document, name: WORD_ALIASES.get(word.lower(), word.lower())}
    for name in rules.numbers:
        number = document.get(name)
        if type(number) is str:
            document = {**document, name: _number_in(number)}
    return document


def _with_side(position: dict[str, Any]) -> dict[str, Any]:
    """Return a position that tells no side with that of its quantity's sign, as the0's own bots print it."""
    quantity = position.get("quantity")
    if type(quantity) is not float and type(quantity) is not int:
        return position
    return {**position, "side": "long" if quantity > 0 else "short" if quantity < 0 else "flat"}


def _number_in(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _mistake(kind: str, document: Mapping[str, Any], rules: MetricType) -> str:
    """Return in words how the line breaks its type's rules, "" where it does not."""
    for name in rules.texts:
        value = document.get(name)
        if (type(value) is not str and type(value) is not int) or value == "":
            return f"{kind} needs the field {name}"
    for name in rules.numbers:
        value = document.get(name)
        if value is None:
            return f"{kind} needs the field {name}"
        if type(value) not in {int, float} or not _finite(value):
            return f"{name} is not a finite number"
    for name, words in rules.words.items():
        if document[name] not in words:
            return f"{name} must be one of {', '.join(words)}"
    return ""


def _finite(number: float) -> bool:
    try:
        return isfinite(number)
    except OverflowError:
        return False


def _samples(
    kind: str, document: Mapping[str, Any], time: float, series: BotSeries
) -> tuple[list[Sample], list[str]]:
    samples: list[Sample] = []
    trouble: list[str] = []
    known = series.of_line(kind, document)
    for name, value in document.items():
        if type(value) is not float and type(value) is not int:
            continue
        if name in NOT_SERIES or name[-3:] == "_id":
            continue
        identity = known.get(name) or series.admit(known, kind, name)
        if identity is None:
            trouble.append(f"{name} is not kept: the bot has more than {series.limit} series")
        elif not (isfinite(value) if type(value) is float else _finite(value)):
            trouble.append(f"{name} is not a finite number")
        else:
            samples.append(Sample(identity.name, identity.labels, time, float(value)))
    return samples, trouble


_ALWAYS = {"error": "error", "risk": "warning"}


def _metric_level(kind: str, document: Mapping[str, Any]) -> str:
    if kind == "alert":
        return level_named(document.get("severity")) or "warning"
    if kind == "order":
        return "warning" if document.get("status") == "rejected" else "info"
    if kind == "heartbeat":
        return "warning" if document.get("state") == "degraded" else "info"
    return _ALWAYS.get(kind, "info")
