"""The open orders of an account: each order's newest state, until it has ended."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from telemetry.trading.currencies import number_of, text_of

_OPEN = frozenset({"submitted", "accepted", "partially_filled"})
_MOST = 5000
_MOST_ENDED = 500
_DUST = 1e-9


class OpenOrder(Struct):
    """An order that has not ended as far as the bot said."""

    order_id: str
    symbol: str
    side: str
    status: str
    at: float
    """The time of its newest state."""
    since: float
    """The time of its first state."""
    order_type: str = ""
    quantity: float | None = None
    price: float | None = None
    told: float = 0.0
    """What of it was filled, as its own lines have it."""
    traded: float = 0.0
    """What of it was filled, as fills that name it have it."""

    @property
    def filled(self) -> float:
        """Return what of it was filled: fills and its own lines tell of the same."""
        return max(self.told, self.traded)


class Orders(Struct):
    """Open orders by id; of those that ended the newest ids, so that a late line opens none again."""

    open: dict[str, OpenOrder] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any], at: float) -> None:
        """Take an order's state, as its line has it."""
        identity, status = text_of(line, "order_id"), text_of(line, "status")
        if not identity:
            return
        if status not in _OPEN:
            self._end(identity, at)
            return
        if at <= self.ended.get(identity, float("-inf")):
            return
        order = self.open.get(identity)
        if order is None:
            order = self._opened(identity, line, at)
        order.status, order.at = status, max(order.at, at)
        order.order_type = text_of(line, "order_type") or order.order_type
        order.quantity = _newer(line, "quantity", order.quantity)
        order.price = _newer(line, "price", order.price)
        order.told = max(order.told, number_of(line, "filled_quantity") or 0.0)

    def filled(self, line: Mapping[str, Any], quantity: float, at: float) -> None:
        """Take a fill, which may name an order: one that is filled whole has ended."""
        order = self.open.get(text_of(line, "order_id"))
        if order is None:
            return
        order.traded += quantity
        order.at = max(order.at, at)
        if order.quantity is not None and order.filled >= order.quantity * (1 - _DUST):
            self._end(order.order_id, at)

    def _opened(self, identity: str, line: Mapping[str, Any], at: float) -> OpenOrder:
        if len(self.open) >= _MOST:
            del self.open[next(iter(self.open))]
        self.ended.pop(identity, None)
        order = OpenOrder(identity, text_of(line, "symbol"), text_of(line, "side"), "", at, at)
        self.open[identity] = order
        return order

    def _end(self, identity: str, at: float) -> None:
        self.open.pop(identity, None)
        self.ended.pop(identity, None)
        self.ended[identity] = at
        if len(self.ended) > _MOST_ENDED:
            del self.ended[next(iter(self.ended))]


def _newer(line: Mapping[str, Any], name: str, before: float | None) -> float | None:
    value = number_of(line, name)
    return before if value is None else value
