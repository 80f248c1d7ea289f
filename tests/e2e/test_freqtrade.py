"""freqtrade in dry-run against a stand-in of its exchange, unchanged: `examples/freqtrade`."""

import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.e2e.workloads.freqtrade_exchange import Exchange

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
PLAIN, TOLD = "plain", "told"
"""A bot that prints freqtrade's own lines alone, and one whose strategy has the example's mixin."""
INSTALLATION = 600.0
"""Seconds that freqtrade's 0.6 GB may take to be installed, packed and unpacked, and it to start."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The service with both bots, and the exchange that they trade on."""

    service: Service
    exchange: Exchange

    def look(self, bot: str, verdict: str, sign: str = "") -> dict[str, Any]:
        """Wait until a bot is found to live like this."""

        def found() -> dict[str, Any] | None:
            seen = self.service.get(f"/api/v1/bots/{bot}/liveness")
            return seen if seen["verdict"] == verdict and sign in seen["text"] else None

        return wait_for(found, f"{bot} to be {verdict}", 240, 0.2)

    def alert(self, bot: str, state: str) -> dict[str, Any]:
        """Wait until the alert that the bot does not trade is "firing", or is "over"."""

        def found() -> dict[str, Any] | None:
            told = self.service.get("/api/v1/alerts", bot=bot, rule="not-trading")["alerts"]
            firing = next((one for one in told if one["state"] == "firing"), None)
            return (firing or {}) if state == "firing" else None if firing else {"state": state}

        return wait_for(found, f"the alert of {bot} to be {state}", 240, 0.2)

    def fills(self, bot: str) -> list[dict[str, Any]]:
        """Return what herdsman knows of a bot's fills."""
        fills: list[dict[str, Any]] = self.service.get("/api/v1/trades", bot=bot, limit=500)["trades"]
        return fills

    def database(self, bot: str) -> Path:
        """Return where freqtrade keeps its trades."""
        (found,) = (self.service.data / "local" / "state").glob(f"*/{bot}/trades-dry.sqlite")
        return found

    def orders(self, bot: str) -> list[tuple[str, str, str, float, float]]:
        """Return freqtrade's own account of its filled orders: id, pair, side, quantity, price."""
        query = "select order_id, symbol, side, filled, average from orders where status = 'closed'"
        return [tuple(row) for row in self._asked(bot, query)]

    def fees(self, bot: str, of: str = "amount > 0") -> float:
        """Return the fees that freqtrade counted, of some of its trades."""
        fees = "coalesce(sum(coalesce(fee_open_cost, 0) + coalesce(fee_close_cost, 0)), 0)"
        return float(self._asked(bot, f"select {fees} from trades where {of}")[0][0])

    def closed_profit(self, bot: str) -> float:
        """Return what freqtrade's closed trades made, net of fees."""
        query = "select coalesce(sum(close_profit_abs), 0) from trades where not is_open"
        return float(self._asked(bot, query)[0][0])

    def network_error(self) -> dict[str, Any] | None:
        """Return the group of errors of the plain bot that is about the network."""
        groups = self.service.get("/api/v1/errors", bot=PLAIN)
        known = ("NetworkError", "ExchangeNotAvailable")
        return next((one for one in groups if one["type"].rpartition(".")[2] in known), None)

    def said(self, bot: str, text: str) -> bool:
        """Wait for a line of a bot."""

        def look() -> bool:
            return bool(self.service.get(f"/api/v1/bots/{bot}/logs", text=text)["events"])

        return wait_for(look, f"{bot} to print {text!r}", INSTALLATION, 0.3)

    def _asked(self, bot: str, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.database(bot)}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


def write_fleet(folder: Path, url: str) -> None:
    """Write a fleet of the example and two bots of it, whose exchange is elsewhere."""
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "examples" / "freqtrade", folder / "programs" / "freqtrade", ignore=leave)
    (folder / "rules").mkdir()
    shutil.copy(CHECKOUT / "examples" / "freqtrade" / "rules.yaml", folder / "rules" / "freqtrade.yaml")
    elsewhere = {"urls": {"api": {"public": url}}, "options": {"fetchMarkets": {"types": ["spot"]}}}
    (folder / "bots").mkdir()
    for name, strategy in ((PLAIN, "Trend"), (TOLD, "TrendTold")):
        bot = {
            "name": name,
            "type": "realtime/freqtrade",
            "version": "1.0.0",
            "memory_limit": "1Gi",
            "strategy": strategy,
            "settings": {"exchange": {"ccxt_config": elsewhere}},
            "herdsman": {"healthy_after": "1s"},
        }
        (folder / "bots" / f"{name}.yaml").write_text(json.dumps(bot))


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Run herdsman on the fleet until both bots trade; the dependencies are large, and are not kept."""
    with tempfile.TemporaryDirectory(prefix="herdsman-freqtrade-") as name, closing(Exchange()) as exchange:
        folder = Path(name)
        write_fleet(folder / "fleet", exchange.url)
        service = Service(folder / "home", ("--seed", str(folder / "fleet")), patience=INSTALLATION)
        service.start()
        try:
            for bot in (PLAIN, TOLD):
                service.wait_health(bot, "Healthy", INSTALLATION)
            desk = Desk(service, exchange)
            assert all(desk.said(bot, "Bot heartbeat") for bot in (PLAIN, TOLD))
            yield desk
        finally:
            service.stop()


def rule_total(service: Service, name: str) -> float:
    """Return the sum of a counter of log rules over its labels, 0 before the first."""
    listed = json.loads(service.run("metrics", PLAIN, "--step", "raw", "--output", "json").stdout)
    return float(sum(one["points"][-1][1] for one in listed if one["labels"]["__name__"] == name))


def test_fills_and_profit_are_those_of_freqtrade(desk: Desk) -> None:
    """Each filled order of its database is a fill; fees and profit are its own, also from mere lines."""

    def same_orders() -> dict[str, dict[str, Any]] | None:
        fills = {one["order_id"]: one for one in desk.fills(TOLD)}
        orders = {order[0] for order in desk.orders(TOLD)}
        return fills if desk.closed_profit(TOLD) and set(fills) == orders else None

    def same_money() -> bool:
        (figures,) = desk.service.get(f"/api/v1/bots/{TOLD}/trading")["figures"]
        net = figures["realized_pnl"] - desk.fees(TOLD, "not is_open")
        return bool(
            figures["fees"] == pytest.approx(desk.fees(TOLD), abs=1e-6)
            and net == pytest.approx(desk.closed_profit(TOLD), abs=1e-4)
        )

    def same_lines() -> bool:
        made = rule_total(desk.service, "bot_log_gains_profit_total")
        made -= rule_total(desk.service, "bot_log_losses_loss_total")
        return bool(made and made == pytest.approx(desk.closed_profit(PLAIN), abs=1e-6))

    fills = wait_for(same_orders, "all fills of freqtrade", 300, 0.3)
    assert fills is not None
    for order, pair, side, quantity, price in desk.orders(TOLD):
        if order in fills:
            told = fills[order]
            assert (told["symbol"], told["side"], told["mode"]) == (pair, side, "dry")
            assert (told["quantity"], told["price"]) == pytest.approx((quantity, price))
    wait_for(same_money, "fees and profit to be freqtrade's", 300, 0.3)
    wait_for(same_lines, "what its lines say that it made to be freqtrade's", 300, 0.3)


def test_an_outage_of_the_exchange_is_noticed_and_its_end(desk: Desk) -> None:
    """Both are found alive but not trading, and the error is explained; then it goes on, with its trades."""
    for bot in (PLAIN, TOLD):
        desk.look(bot, "healthy")
    dark_at = time.time()

    def seen_since(bot: str, sign: str) -> bool:
        return bool(desk.look(bot, "not_trading")["signs"][sign]["at"] >= dark_at)

    desk.exchange.go_dark("refuse")
    try:
        for bot in (PLAIN, TOLD):
            for sign in ("output", "process"):  # it prints on, and its process lives
                wait_for(lambda bot=bot, sign=sign: seen_since(bot, sign), f"the {sign} of {bot} since then")
            desk.alert(bot, "firing")
        desk.look(PLAIN, "not_trading", "cannot reach what it needs")
        group = wait_for(desk.network_error, "the error group", 120, 0.3)
        assert group is not None
        said = desk.service.run("explain", group["id"]).stdout
        assert "what to do" in said, said
    finally:
        desk.exchange.come_back()
    desk.look(TOLD, "healthy")
    desk.alert(TOLD, "over")
    before = {order[0] for order in desk.orders(TOLD)}
    told = desk.service.run("restart", TOLD, "--reason", "after the outage").stdout
    assert "restarted by" in told, told
    assert desk.said(TOLD, "SIGINT received, aborting"), "it ended as freqtrade ends"
    assert before
    assert before <= {order[0] for order in desk.orders(TOLD)}
    assert not desk.exchange.unknown
