"""`herdsman figures [BOT]`: what trading came to, by account, bot or program."""

from pathlib import Path

import click

from cli.amounts import amount, gain, plain, ratio, share
from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, output_option, print_data, table
from cli.positions import MODES
from web.trading_documents import FiguresAnswer, FiguresDocument

GROUPS = click.Choice(["bot", "program", "account", "all"])
COLUMNS = (
    Column("MODE"),
    Column("EQUITY", right=True),
    Column("TODAY", right=True),
    Column("NET P&L", right=True),
    Column("FEES", right=True),
    Column("EXPOSURE", right=True),
    Column("DRAWDOWN", right=True),
    Column("SHARPE", right=True),
    Column("TRIPS", right=True),
    Column("WON", right=True),
)


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@click.option("--by", type=GROUPS, help="What is summed; default account, with BOT bot.")
@click.option("--mode", type=MODES, help="Of this mode alone.")
@click.option("--account", help="Of this account alone.")
@output_option
@service_options
def figures(
    bot: str | None,
    by: str | None,
    mode: str | None,
    account: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show the key figures of all bots by account, or everything about the trading of BOT.

    Live and dry, and different currencies, are never summed. A ratio needs 30 daily returns, a trade
    statistic 20 closed round trips: before that the count is shown.
    """
    client = Client(find_service(url, token_file, data))
    chosen = by or ("bot" if bot else "account")
    query = {"by": chosen, "bot": bot, "mode": mode, "account": account}
    answer = client.get("/api/v1/figures", FiguresAnswer, **query)
    if output in ("json", "yaml"):
        print_data(answer.figures, output)
        return
    if not answer.complete:
        click.echo("the past is still being read: ask again in a moment for all of it", err=True)
    if not answer.figures:
        click.echo("nothing was traded yet: no fill, position or equity line", err=True)
    elif bot and chosen == "bot":
        click.echo("\n\n".join("\n".join(facts(one)) for one in answer.figures))
    else:
        rows = [row(one, chosen) for one in answer.figures]
        click.echo("\n".join(table((Column(chosen.upper()), *COLUMNS), rows)))


def row(one: FiguresDocument, by: str) -> list[Cell]:
    """Return one group's cells."""
    drawdown = one.drawdown
    return [
        Cell(one.name or ("all" if by == "all" else "-")),
        Cell(one.mode),
        Cell(amount(one.equity, one.currency)),
        gain(one.change_today, one.currency),
        gain(one.net_pnl, one.currency),
        Cell(amount(one.fees, one.currency)),
        Cell(amount(one.gross_exposure, one.currency)),
        Cell(f"{share(drawdown.current)} (max {share(drawdown.maximum)})" if drawdown else "-"),
        Cell(known(ratio(one.ratios.sharpe), one.ratios.returns, "d", 30)),
        Cell(str(one.trips.count)),
        Cell(share(one.trips.win_rate)),
    ]


def facts(one: FiguresDocument) -> list[str]:
    """Return everything about one bot in one mode, account and currency, a fact on each line."""
    unit, drawdown, returns, trips = one.currency, one.drawdown, one.ratios, one.trips
    where = f"account {one.account}, " if one.account else ""
    found = {
        "bot": f"{one.name}  ({one.mode}, {where}{unit or 'no currency named'})",
        "equity": f"{amount(one.equity, unit)}, today {gain(one.change_today, unit).text}",
        "P&L": f"{gain(one.net_pnl, unit).text} net: realised {gain(one.realized_pnl, unit).text}, "
        f"unrealised {gain(one.unrealized_pnl, unit).text}, fees {amount(one.fees, unit)}"
        + ("; as the bot says it" if one.pnl_source == "bot" else ""),
        "exposure": f"{amount(one.gross_exposure, unit)} gross, {amount(one.net_exposure, unit)} net",
        "open": f"{one.open_positions} positions, {one.open_orders} orders; {one.fills} fills so far",
    }
    if one.other_fees:
        found["other fees"] = ", ".join(f"{plain(fee)} {name}" for name, fee in one.other_fees.items())
    if drawdown:
        found["drawdown"] = (
            f"{share(drawdown.current)} for {ago(drawdown.under_water)}, "
            f"at most {share(drawdown.maximum)}, at longest {ago(drawdown.longest_under_water)}"
        )
    said = f"of {returns.returns} daily returns, {returns.annualization} days a year"
    found["ratios"] = (
        f"Sharpe {ratio(returns.sharpe)}, Sortino {ratio(returns.sortino)}, Calmar {ratio(returns.calmar)}, "
        f"CAGR {share(returns.cagr)}; {said}" + (" (30 are needed)" if returns.returns < 30 else "")
    )
    found["round trips"] = (
        f"{trips.count}: {trips.wins} won, {trips.losses} lost, {trips.even} even; win rate "
        f"{share(trips.win_rate)}, profit factor {ratio(trips.profit_factor)}, "
        f"expectancy {gain(trips.expectancy, unit).text}" + (" (20 are needed)" if trips.count < 20 else "")
    )
    if one.reconciliation:
        agreed = one.reconciliation
        made, moved = gain(agreed.pnl_from_fills, unit).text, gain(agreed.equity_change, unit).text
        found["check"] = f"equity {moved}, fills {made}: difference {gain(agreed.difference, unit).text}"
    return [f"{name:<12}{text}" for name, text in found.items()]


def known(text: str, count: int, unit: str, needed: int) -> str:
    """Return a figure, or how much of what it needs there is."""
    return text if text != "-" or count >= needed else f"{count}/{needed} {unit}"
