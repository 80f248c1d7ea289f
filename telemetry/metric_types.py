"""The event vocabulary as data: what each `_metric` type must and may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LABEL_FIELDS = ("symbol", "side", "currency", "exchange", "account", "asset", "status")
"""The only fields of a line that become labels. Never an order, trade or event id."""

ORDER_STATUSES = ("submitted", "accepted", "rejected", "partially_filled", "filled", "canceled", "expired")


@dataclass(frozen=True, slots=True)
class MetricType:
    """One type: required fields, those of them that are numbers, words allowed in a field, other names."""

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Numeric fields that it may carry: the names of its series are documented with them."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Field as printed -> field as kept."""


METRIC_TYPES: Mapping[str, MetricType] = {
    "heartbeat": MetricType(
        texts=("state",),
        optional=("last_data_ts", "last_loop_ts", "loop_ms", "open_orders", "open_positions"),
        words={"state": ("starting", "running", "paused", "stopping", "degraded")},
    ),
    "order": MetricType(
        texts=("order_id", "symbol", "side", "status"),
        optional=("quantity", "price", "filled_quantity", "avg_price", "latency_ms"),
        words={"side": ("buy", "sell"), "status": ORDER_STATUSES},
    ),
    "trade": MetricType(
        texts=("symbol", "side"),
        numbers=("quantity", "price"),
        optional=("fee", "realized_pnl", "total"),
        words={"side": ("buy", "sell")},
    ),
    "position": MetricType(
        texts=("symbol", "side"),
        numbers=("quantity",),
        optional=("entry_price", "mark_price", "value", "unrealized_pnl", "realized_pnl", "leverage"),
        words={"side": ("long", "short", "flat")},
        aliases={"price": "mark_price"},
    ),
    "equity": MetricType(
        numbers=("equity",),
        optional=(
            "balance",
            "unrealized_pnl",
            "realized_pnl",
            "fees",
            "gross_exposure",
            "net_exposure",
        ),
        aliases={"value": "equity"},
    ),
    "balance": MetricType(texts=("asset",), numbers=("total",), optional=("free", "used")),
    "transfer": MetricType(texts=("currency",), numbers=("amount",)),
    "price": MetricType(texts=("symbol",), numbers=("value",), optional=("bid", "ask", "data_age_ms")),
    "signal": MetricType(
        texts=("symbol", "direction"), optional=("confidence", "price"), aliases={"type": "direction"}
    ),
    "risk": MetricType(
        texts=("rule", "action"),
        optional=("value", "limit"),
        words={"action": ("warn", "block_entries", "reduce", "flatten", "halt")},
    ),
    "alert": MetricType(texts=("message", "severity")),
    "error": MetricType(texts=("message",)),
    "status": MetricType(texts=("state",)),
}
"""Every known type. A type that is not here is free: each of its numeric fields becomes a series."""

WORD_ALIASES: Mapping[str, str] = {"cancelled": "canceled"}
"""Words that bots print for one of a field's own."""

TYPE_ALIASES: Mapping[str, str] = {"portfolio_value": "equity"}

NOT_SERIES = frozenset({"timestamp", "ts_event", "seq", "id", "until", "_metric"})
"""Fields that are never a series even where they are numbers; so is every field that ends in `_id`."""


def series_name(kind: str, name: str) -> str:
    """Return the series of a field: `bot_<type>_<field>`, `bot_<type>` for `value` or the type itself."""
    if name in {"value", kind}:
        return f"bot_{kind}"
    return f"bot_{kind}_{name}"
