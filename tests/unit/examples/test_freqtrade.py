"""`examples/freqtrade`: the bot's mode decides what is traded, and its equity is whole or not said."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.parameters import compile_parameters
from tests.unit.examples.loading import EXAMPLES, load

STATE = Path("/state")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def settings(mode: str, environment: dict[str, str] | None = None, **own: Any) -> dict[str, Any]:
    """Return what freqtrade gets of a bot with these settings."""
    config = {"mode": mode, "settings": own}
    found: dict[str, Any] = load("freqtrade/bot.py").settings_of("trend", config, STATE, environment or {})
    return found


def test_the_mode_decides_whether_it_is_dry_and_which_database_it_has() -> None:
    """Dry and live keep their trades apart: live would sell what dry only seemed to buy."""
    dry, live = settings("dry", stake_amount=50, dry_run=True), settings("live", dry_run=False)
    assert (dry["dry_run"], live["dry_run"]) == (True, False)
    assert (dry["db_url"], live["db_url"]) == (
        "sqlite:////state/trades-dry.sqlite",
        "sqlite:////state/trades-live.sqlite",
    )
    assert (dry["stake_amount"], dry["bot_name"]) == (50, "trend")


@pytest.mark.parametrize(
    ("mode", "own"),
    [
        ("dry", {"dry_run": False}),
        ("live", {"dry_run": True}),
        ("live", {"db_url": "sqlite:////state/trades-dry.sqlite"}),
    ],
)
def test_a_setting_against_the_mode_is_refused(mode: str, own: dict[str, Any]) -> None:
    """It does not start, and says which setting to take out."""
    with pytest.raises(ValueError, match=f"take {next(iter(own))} out of settings"):
        settings(mode, **own)


@pytest.mark.parametrize("variable", ["FREQTRADE__DRY_RUN", "FREQTRADE__db_url"])
def test_a_secret_against_the_mode_is_refused(variable: str) -> None:
    """freqtrade takes its environment before its files, so that a secret would win."""
    with pytest.raises(ValueError, match=f"{variable.upper()} out of the secrets"):
        settings("dry", {variable: "false"})


@pytest.mark.parametrize("name", ["dry_run", "db_url", "user_data_dir"])
def test_what_the_mode_decides_is_refused_at_a_push(name: str) -> None:
    """The program's schema rules it out of `settings`, and takes everything else of freqtrade's."""
    file = EXAMPLES / "freqtrade" / "bot-schema.json"
    schema, errors = compile_parameters(str(file), file.read_bytes())
    assert schema is not None
    assert errors == []
    free = {"stake_amount": 50, "exchange": {"name": "kraken", "pair_whitelist": ["BTC/USDT"]}}
    assert schema.resolve({"settings": free}, lambda path: False)[1] == []
    _, (found,) = schema.resolve({"settings": {**free, name: False}}, lambda path: False)
    assert found.path == ("settings", name)


class Frame(dict[str, Any]):
    """Candles: their closes and times."""

    def __init__(self, *closes: float) -> None:
        """Take the closes, oldest first."""
        super().__init__(close=SimpleNamespace(iloc=closes), date=SimpleNamespace(iloc=[NOW]))
        self.empty = not closes


class Strategy:
    """What freqtrade gives a strategy: the wallet's 900 free, and the candles and trades of a test."""

    timeframe = "1m"

    def __init__(self, config: dict[str, Any]) -> None:
        """Begin without candles."""
        self.config, self.candles = config, {"BTC/USDT": Frame(), "ETH/USDT": Frame()}
        self.wallets = SimpleNamespace(get_total=lambda currency: 900.0)
        self.dp = SimpleNamespace(
            current_whitelist=lambda: list(self.candles), ohlcv=lambda pair, copy: self.candles[pair]
        )

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        """Do nothing."""

    def custom_exit(self, *given: Any, **kwargs: Any) -> None:
        """Leave no trade."""


def telling(trades: list[Any], **config: Any) -> Any:
    """Return a strategy that tells of these open trades."""
    given = {
        "timeframe_to_seconds": lambda timeframe: 60,
        "Trade": SimpleNamespace(get_open_trades=lambda: trades),
    }
    module = load("freqtrade/telling.py", "freqtrade.exchange", "freqtrade.persistence", given=given)
    mine = type("Mine", (module.Telling, Strategy), {})
    return mine({"stake_currency": "USDT", "dry_run": False, **config})


def trade(pair: str = "BTC/USDT") -> Any:
    """Return an open trade of two coins that cost 100."""
    return SimpleNamespace(pair=pair, amount=2.0, open_rate=50.0, has_open_orders=False)


def equity(strategy: Any, capsys: pytest.CaptureFixture[str]) -> float | None:
    """Run a pass, and return the equity that it says."""
    capsys.readouterr()
    strategy.bot_loop_start(NOW)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["open_positions"] for one in said if one["_metric"] == "heartbeat"]
    return next((one["equity"] for one in said if one["_metric"] == "equity"), None)


def test_a_pass_without_the_price_of_an_open_trade_says_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    """Never a price: no equity, not that of a lost position; then the last known one holds."""
    strategy = telling([trade()])
    assert equity(strategy, capsys) is None
    strategy.candles["BTC/USDT"] = Frame(float("nan"))
    assert equity(strategy, capsys) is None
    strategy.candles["BTC/USDT"] = Frame(60.0)
    assert equity(strategy, capsys) == 1020.0
    strategy.candles["BTC/USDT"] = Frame()
    assert equity(strategy, capsys) == 1020.0
    strategy.custom_exit("BTC/USDT", trade(), NOW, 55.0)
    strategy.candles["BTC/USDT"] = Frame(60.0)
    assert equity(strategy, capsys) == 1010.0, "the price of the trade is newer than its candle"
    assert equity(strategy, capsys) == 1020.0


def test_one_of_several_trades_without_a_price_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """The others' worth alone would be a loss as well."""
    strategy = telling([trade(), trade("ETH/USDT")])
    strategy.candles["BTC/USDT"] = Frame(60.0)
    assert equity(strategy, capsys) is None


def test_equity_is_of_spot_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With leverage a position is not worth amount times price: nothing is said."""
    strategy = telling([trade()], trading_mode="futures")
    strategy.candles["BTC/USDT"] = Frame(60.0)
    assert equity(strategy, capsys) is None
