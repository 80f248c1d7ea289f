"""`examples/backtrader`: the reporter says what is known, and does not end the run."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.examples.loading import load


class Bars(list[float]):
    """A feed: its closes, newest first."""

    _name = "BTC/USDT"
    close = property(lambda self: self)


class Broker:
    """An account of 100; it is not to be asked for the position of a feed without a bar."""

    worth = 100.0

    def getposition(self, data: Bars) -> Any:
        """Return two, bought at 5."""
        assert data, "a broker that is asked for it once wants its price in each bar"
        return SimpleNamespace(size=2, price=5.0)

    def getcommissioninfo(self, data: Bars) -> Any:
        """Return that of a contract on ten pieces."""
        return SimpleNamespace(profitandloss=lambda size, price, now: size * (now - price) * 10)

    def getvalue(self) -> float:
        """Return what the account is worth."""
        return self.worth

    def getcash(self) -> float:
        """Return what is free."""
        return 90.0


def reporter(*datas: Bars) -> Any:
    """Return a reporter on these feeds that says everything in each bar."""
    one = load("backtrader/reporter.py", "backtrader").Reporter()
    one.p = SimpleNamespace(currency="USDT", every_seconds=0.0)
    one.datas, one.strategy, one.told_at = datas, SimpleNamespace(broker=Broker()), 0.0
    return one


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines that were printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_feed_without_a_bar_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are told of, while the run waits for it and where the run ends before it came."""
    one = reporter(Bars([6.0]), Bars())
    one.next()
    assert [line["_metric"] for line in said(capsys)] == ["heartbeat", "price", "position", "equity"]
    one.stop()
    position, equity = said(capsys)
    assert (position["quantity"], position["unrealized_pnl"], equity["equity"]) == (2, 20.0, 100.0)
    reporter(Bars()).stop()
    assert [line["_metric"] for line in said(capsys)] == ["equity"]


def test_what_is_not_known_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A price that is no number makes no field, and an equity of it no line."""
    one = reporter(Bars([float("nan")]))
    one.strategy.broker.worth = float("nan")
    one.stop()
    (position,) = said(capsys)
    assert "mark_price" not in position


def test_an_exception_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """What fails is logged once for each handler."""
    one = reporter(Bars([6.0]))
    one.strategy = None
    with caplog.at_level(logging.WARNING):
        one.next()
        one.next()
        one.stop()
        one.notify_order(None)
    assert [record.message.partition(" failed")[0] for record in caplog.records] == [
        "next",
        "stop",
        "notify_order",
    ]
