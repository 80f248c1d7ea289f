"""A metric line in words, as a person reads it in a list of events."""

from collections.abc import Mapping
from typing import Any

_LEAVE_OUT = frozenset({"_metric", "timestamp", "ts_event", "seq", "event_id", "schema_error"})
_AT_MOST = 8
_WORDED: Mapping[str, tuple[str, ...]] = {
    "order": ("status", "side", "quantity", "symbol", "@ price", "reason"),
    "trade": ("side", "quantity", "symbol", "@ price", "fee fee"),
    "position": ("side", "quantity", "symbol", "@ mark_price", "P&L unrealized_pnl"),
    "equity": ("equity", "currency"),
    "price": ("symbol", "value"),
    "signal": ("direction", "symbol", "@ price", "reason"),
    "heartbeat": ("state",),
    "balance": ("total", "asset"),
    "transfer": ("amount", "currency", "reason"),
    "risk": ("rule", "action", "reason"),
    "alert": ("message",),
    "error": ("message",),
    "status": ("state", "reason"),
}
"""What is said of a type: fields, some with a word before them."""

_SHAPES = {
    kind: tuple((part[: part.rfind(" ") + 1], part[part.rfind(" ") + 1 :]) for part in parts)
    for kind, parts in _WORDED.items()
}


def summary(kind: str, line: Mapping[str, Any]) -> str:
    """Return one short line: the type, and what matters of it."""
    shape = _SHAPES.get(kind)
    words = _shaped(shape, line) if shape else _all_fields(line)
    if kind in {"alert", "error"}:
        return " ".join(words)
    return f"{kind} {' '.join(words)}"


def _shaped(shape: tuple[tuple[str, str], ...], line: Mapping[str, Any]) -> list[str]:
    words = []
    for before, name in shape:
        value = line.get(name)
        if value is not None and value != "":
            words.append(before + (f"{value:.10g}" if type(value) is float else str(value)))
    return words


def _all_fields(line: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in line.items():
        if name in _LEAVE_OUT or type(value) not in {str, int, float, bool}:
            continue
        words.append(_shown(value) if name == "value" else f"{name}={_shown(value)}")
        if len(words) == _AT_MOST:
            break
    return words


def _shown(value: Any) -> str:
    if type(value) is float:
        return f"{value:.10g}"
    return value if type(value) is str else str(value)
