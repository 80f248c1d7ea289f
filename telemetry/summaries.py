"""A metric line in words, as a person reads it in a list of events."""

from collections.abc import Mapping
from typing import Any

_LEAVE_OUT = frozenset({"_metric", "timestamp", "ts_event", "seq", "event_id", "schema_error"})
_AT_MOST = 8
_SHAPES: Mapping[str, tuple[str, ...]] = {
    "order": ("status", "side", "quantity", "symbol", "@price", "reason"),
    "trade": ("side", "quantity", "symbol", "@price", "fee fee"),
    "position": ("side", "quantity", "symbol", "@mark_price", "P&L unrealized_pnl"),
    "equity": ("equity", "currency"),
    "price": ("symbol", "value"),
    "signal": ("direction", "symbol", "@price", "reason"),
    "heartbeat": ("state",),
    "balance": ("total", "asset"),
    "transfer": ("amount", "currency", "reason"),
    "risk": ("rule", "action", "reason"),
    "alert": ("message",),
    "error": ("message",),
    "status": ("state", "reason"),
}


def summary(kind: str, line: Mapping[str, Any]) -> str:
    """Return one short line: the type, and what matters of it."""
    shape = _SHAPES.get(kind)
    words = _shaped(shape, line) if shape else _all_fields(line)
    if kind in {"alert", "error"}:
        return " ".join(words)
    return f"{kind} {' '.join(words)}"


def _shaped(shape: tuple[str, ...], line: Mapping[str, Any]) -> list[str]:
    words = []
    for part in shape:
        before, _, name = part.rpartition(" ")
        at = name[0] == "@"
        value = line.get(name[1:] if at else name)
        if value is not None and value != "":
            shown = _shown(value)
            words.append(f"@ {shown}" if at else f"{before} {shown}" if before else shown)
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
