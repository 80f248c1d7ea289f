"""What a bot leaves open at its end: positions and orders that nobody looks after any more."""

from collections.abc import Sequence

from telemetry.liveness.verdict import Verdict
from telemetry.liveness.words import clock_text
from telemetry.trading.views import AccountView, OrderView, PositionView

LEFT_OPEN = "left_open"
"""What alert rules call it."""
ENDED = frozenset({Verdict.FINISHED, Verdict.SUSPENDED})
"""Verdicts of bots that do not come back by themselves; so is a crash that goes on and on."""
_NAMED = 5
_LONGEST = 40
"""Characters of a bot's own words that are shown."""


def left_open(views: Sequence[AccountView]) -> list[str]:
    """Return each open position and order in words, with side, size, account and since when it is open."""
    found = [_position(one) for view in views for one in view.positions]
    return found + [_order(one) for view in views for one in view.orders]


def alert_text(how: str, found: Sequence[str]) -> str:
    """Return what an alert says of a bot that ended so, with the first few of what it left open."""
    more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"it ended ({how}) and left open: {'; '.join(found[:_NAMED])}{more}"


def _position(one: PositionView) -> str:
    side = "long" if one.quantity > 0 else "short"
    price = f" at {one.entry_price:.10g}" if one.entry_price is not None else ""
    held = f"{side} {abs(one.quantity):.10g} {one.symbol[:_LONGEST]}{price}"
    return f"{held}{_where(one.mode, one.account)}, since {clock_text(one.opened_at)}"


def _order(one: OrderView) -> str:
    order = one.order
    size = f" {order.quantity:.10g}" if order.quantity is not None else ""
    price = f" at {order.price:.10g}" if order.price is not None else ""
    name = f"order {order.order_id[:_LONGEST]} to {order.side}{size} {order.symbol[:_LONGEST]}{price}"
    return f"{name}{_where(one.mode, one.account)}, since {clock_text(order.since)}"


def _where(mode: str, account: str) -> str:
    return f" ({mode}, account {account[:_LONGEST]})" if account else f" ({mode})"
