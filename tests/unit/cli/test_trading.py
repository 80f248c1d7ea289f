"""Positions, fills and figures in a terminal."""

from cli.figures import facts, row
from cli.positions import row as position_row
from cli.trades import row as fill_row
from telemetry.trading.state import BotTrading
from telemetry.trading.views import Profile, accounts_of
from tests.unit.telemetry.trading.lines import START, Printer
from web.trading import account_document, fill_document, position_document
from web.trading_documents import FiguresDocument

PROFILE = Profile("cross", "main", "USDT", 252)


def traded() -> BotTrading:
    says, bot = Printer("sma-btc"), BotTrading("sma-btc")
    bot.take(
        [
            says.equity(10_000, 0),
            says.fill("buy", 2, 100, 1, fee=0.5, fee_currency="USDT"),
            says.fill("buy", 1, 100, 1, fee=0.01, fee_currency="BNB"),
            says.fill("sell", 1, 120, 2),
            says.equity(9_000, 3),
        ]
    )
    return bot


def document() -> FiguresDocument:
    (view,) = accounts_of(traded(), PROFILE, START)
    return account_document(view)


def test_a_bot_is_told_of_in_sentences() -> None:
    """Amounts with sign and currency, annualisation beside the ratios, counts where a figure is missing."""
    text = "\n".join(facts(document()))
    assert "sma-btc  (dry, account main, USDT)" in text
    assert "9,000.00 USDT, today -1,000.00 USDT" in text
    assert "+59.50 USDT net: realised +20.00 USDT, unrealised +40.00 USDT, fees 0.50 USDT" in text
    assert "0.01 BNB" in text
    assert "drawdown    -10.0% for 3.0 s, at most -10.0%, at longest 3.0 s" in text
    assert (
        "Sharpe -, Sortino -, Calmar -, CAGR -; of 0 daily returns, 252 days a year (30 are needed)" in text
    )
    assert "0: 0 won, 0 lost, 0 even; win rate -, profit factor -, expectancy - (20 are needed)" in text
    assert "equity -1,000.00 USDT, fills +59.50 USDT: difference -1,059.50 USDT" in text


def test_a_row_of_figures_shows_how_much_is_missing() -> None:
    """A ratio that cannot be told yet shows its count instead."""
    cells = [cell.text for cell in row(document(), "bot")]
    assert cells[:3] == ["sma-btc", "dry", "9,000.00 USDT"]
    assert "0/30 d" in cells


def test_positions_and_fills_are_rows() -> None:
    """Each with its side and its own unit; wide ones with account and ids."""
    (view,) = accounts_of(traded(), PROFILE, START)
    (position,) = [position_document(one) for one in view.positions]
    cells = [cell.text for cell in position_row(position, START + 61, wide=True)]
    assert cells[:8] == ["sma-btc", "dry", "BTC/USDT", "long", "2", "100", "120", "240 USDT"]
    assert cells[8:] == ["+40.00 USDT", "1 min", "main", "-", "fills"]
    fill = Printer("sma-btc").fill("sell", 0.25, 64_210.5, fee=1.5, fee_currency="USDT", realized_pnl=-3)
    shown = [cell.text for cell in fill_row(fill_document(fill, PROFILE), wide=True)]
    assert shown[1:9] == ["sma-btc", "dry", "sell", "0.25", "BTC/USDT", "64,210.50", "1.5 USDT", "-3.00 USDT"]
    assert shown[9:] == ["main", "USDT", "-", "-", "-"]
