"""The newest of everything about a bot."""

from telemetry.latest import Latest
from telemetry.records import Event, Sample
from tests.unit.telemetry.bots import Node

DAY = 86400.0
MIDNIGHT = 20_717 * DAY
NOON = MIDNIGHT + DAY / 2


def equity(at: float, value: float, **labels: str) -> Sample:
    return Sample("bot_equity", {"bot": "alpha", **labels}, at, value)


def line(at: float, message: str = "line", **parts: object) -> Event:
    fixed = {"id": f"a/stdout/0/{at}", "bot": "alpha", "kind": "log", "level": "info"}
    return Event(**{**fixed, **parts, "time": at, "message": message})  # type: ignore[arg-type]


def test_nothing_is_known_of_a_new_bot() -> None:
    """A bot that never printed has no values, and asking makes no difference."""
    known = Latest().of("alpha")
    assert (known.equity, known.pnl_today, known.currency, known.newest, known.last_log) == (None,) * 5
    assert known.resource("bot_cpu_percent") is None


def test_profit_counts_from_the_days_first_equity() -> None:
    """Equity now less the first of the UTC day; a new day begins at its own first equity."""
    latest = Latest(clock=lambda: NOON)
    latest.samples("alpha", [equity(MIDNIGHT - 10, 90.0), equity(MIDNIGHT + 10, 100.0)])
    assert latest.of("alpha").pnl_today == 0.0
    latest.samples("alpha", [equity(NOON, 120.0), equity(NOON - 5, 1.0)])
    assert (latest.of("alpha").equity, latest.of("alpha").pnl_today) == (120.0, 20.0)


def test_accounts_are_summed_and_currencies_never() -> None:
    """Two accounts in one currency are one equity; two currencies have none."""
    latest = Latest(clock=lambda: NOON)
    latest.samples("alpha", [equity(NOON, 5.0, currency="USDT", account="a")])
    latest.samples("alpha", [equity(NOON, 7.0, currency="USDT", account="b")])
    known = latest.of("alpha")
    assert (known.equity, known.currency) == (12.0, "USDT")
    latest.samples("alpha", [equity(NOON, 7.0, currency="BTC")])
    assert (known.equity, known.pnl_today, known.currency) == (None, None, None)


def test_the_newest_of_each_series() -> None:
    """A late sample does not replace a newer one; resources are kept apart from the bot's own series."""
    latest = Latest()
    price = Sample("bot_price", {"bot": "alpha", "symbol": "A"}, NOON, 1.0)
    use = Sample("bot_cpu_percent", {"bot": "alpha"}, NOON + 5, 50.0)
    latest.samples("alpha", [price, Sample("bot_price", dict(price.labels), NOON - 5, 2.0), use])
    known = latest.of("alpha")
    assert list(known.values.values()) == [price]
    assert known.newest == price
    assert known.resource("bot_cpu_percent") == 50.0


def test_a_stopped_bot_uses_nothing() -> None:
    """Once the bot is down, its last measurement is not shown as if it were now."""
    latest = Latest()
    latest.samples("alpha", [Sample("bot_cpu_percent", {"bot": "alpha"}, NOON, 50.0)])
    latest.samples("alpha", [Sample("bot_up", {"bot": "alpha"}, NOON + 1, 0.0)])
    assert latest.of("alpha").resource("bot_cpu_percent") is None


def test_the_last_log_line_and_the_last_sign_of_life() -> None:
    """Only log lines are the last line; every line of the bot is a sign of life."""
    latest = Latest(clock=lambda: NOON)
    latest.events("alpha", [line(NOON - 9, "hello"), line(NOON - 5, "equity 5", kind="equity")])
    latest.events("alpha", [line(NOON - 1, "exited", kind="lifecycle", stream="launcher")])
    known = latest.of("alpha")
    assert known.last_log is not None
    assert (known.last_log.message, known.last_data_at) == ("hello", NOON - 5)
    latest.forget("alpha")
    assert latest.of("alpha").last_log is None
    assert latest.bots() == {}


async def test_a_restart_restores_it(node: Node) -> None:
    """What was known before a restart is learnt from the stores, the day's first equity too."""
    await node.series.write([equity(MIDNIGHT - 60, 50.0), equity(MIDNIGHT + 60, 100.0), equity(NOON, 130.0)])
    await node.series.write([Sample("bot_memory_bytes", {"bot": "alpha"}, NOON, 5e6)])
    await node.events.append([line(NOON - 30, "before the restart")])
    latest = Latest(clock=lambda: NOON + 60)
    await latest.restore(node.series, node.events)
    known = latest.of("alpha")
    assert (known.equity, known.pnl_today, known.resource("bot_memory_bytes")) == (130.0, 30.0, 5e6)
    assert known.last_log is not None
    assert known.last_log.message == "before the restart"
    assert known.last_data_at == NOON
    latest.samples("alpha", [equity(NOON + 50, 140.0)])
    assert (known.equity, known.pnl_today, len(known.values)) == (140.0, 40.0, 1)
