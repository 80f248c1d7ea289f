"""`herdsman trades [BOT]`: the newest fills, the newest last."""

from pathlib import Path

import click

from cli.amounts import gain, plain
from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.logs import moment_of
from cli.output import Cell, Column, output_option, print_data, printable, table
from web.trading_documents import FillDocument, TradesAnswer

COLUMNS = (
    Column("TIME"),
    Column("BOT"),
    Column("MODE"),
    Column("SIDE"),
    Column("QUANTITY", right=True),
    Column("SYMBOL"),
    Column("PRICE", right=True),
    Column("FEE", right=True),
    Column("P&L SAID", right=True),
)
WIDE = (
    *COLUMNS,
    Column("ACCOUNT"),
    Column("CURRENCY"),
    Column("LIQUIDITY"),
    Column("ORDER"),
    Column("TRADE"),
)


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="How many of the newest.",
)
@click.option("--since", help="From when: -15m, -2h, or a time in RFC 3339.")
@output_option
@service_options
def trades(
    bot: str | None,
    number: int,
    since: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show the newest fills of all bots, or of BOT.

    P&L is what the bot itself said of the fill; what herdsman reckons stands in `herdsman figures`.
    """
    client = Client(find_service(url, token_file, data))
    answer = client.get("/api/v1/trades", TradesAnswer, bot=bot, start=since, limit=number)
    found = list(reversed(answer.trades))
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found:
        click.echo("no fills" + (" since then" if since else " yet"), err=True)
        return
    wide = output == "wide"
    click.echo("\n".join(table(WIDE if wide else COLUMNS, [row(one, wide) for one in found])))


def row(one: FillDocument, wide: bool = False) -> list[Cell]:
    """Return one fill's cells."""
    cells = [
        Cell(moment_of(one.time)),
        Cell(one.bot),
        Cell(one.mode),
        Cell(one.side),
        Cell(plain(one.quantity)),
        Cell(printable(one.symbol)),
        Cell(plain(one.price)),
        Cell("-" if one.fee is None else f"{plain(one.fee)} {printable(one.fee_currency)}".rstrip()),
        gain(one.realized_pnl, one.currency),
    ]
    if wide:
        more = (one.account, one.currency, one.liquidity, one.order_id, one.trade_id)
        cells += [Cell(printable(text) or "-") for text in more]
    return cells
