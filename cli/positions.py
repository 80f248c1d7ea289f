"""`herdsman positions [BOT]`: what is open, of all bots or one."""

import time
from pathlib import Path

import click

from cli.amounts import gain, plain
from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, output_option, print_data, printable, table
from web.trading_documents import PositionDocument, PositionsAnswer

MODES = click.Choice(["live", "dry"])
COLUMNS = (
    Column("BOT"),
    Column("MODE"),
    Column("SYMBOL"),
    Column("SIDE"),
    Column("QUANTITY", right=True),
    Column("ENTRY", right=True),
    Column("MARK", right=True),
    Column("VALUE", right=True),
    Column("UNREALISED", right=True),
    Column("SINCE", right=True),
)
WIDE = (*COLUMNS, Column("ACCOUNT"), Column("LEVERAGE", right=True), Column("FROM"))


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@click.option("--mode", type=MODES, help="Of this mode alone.")
@click.option("--account", help="Of this account alone.")
@output_option
@service_options
def positions(
    bot: str | None,
    mode: str | None,
    account: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show the open positions of all bots, or of BOT.

    They are what bots say in `position` lines; of bots that print none, what their fills left open.
    """
    client = Client(find_service(url, token_file, data))
    answer = client.get("/api/v1/positions", PositionsAnswer, bot=bot, mode=mode, account=account)
    if output in ("json", "yaml"):
        print_data(answer.positions, output)
        return
    if not answer.complete:
        click.echo("the past is still being read: ask again in a moment for all of it", err=True)
    if not answer.positions:
        click.echo("no open positions", err=True)
        return
    wide = output == "wide"
    rows = [row(one, time.time(), wide) for one in answer.positions]
    click.echo("\n".join(table(WIDE if wide else COLUMNS, rows)))


def row(one: PositionDocument, now: float, wide: bool = False) -> list[Cell]:
    """Return one position's cells."""
    cells = [
        Cell(one.bot),
        Cell(one.mode),
        Cell(printable(one.symbol)),
        Cell(one.side),
        Cell(plain(one.quantity)),
        Cell(plain(one.entry_price)),
        Cell(plain(one.mark_price)),
        Cell(f"{plain(one.value)} {one.currency}".rstrip()),
        gain(one.unrealized_pnl, one.currency),
        Cell(ago(now - one.opened_at)),
    ]
    if wide:
        cells += [Cell(one.account or "-"), Cell(plain(one.leverage)), Cell(one.source)]
    return cells
