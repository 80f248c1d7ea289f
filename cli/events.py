"""`herdsman events`: what bots did and what happened to them: orders, fills, signals, alerts, restarts."""

from pathlib import Path
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.log_filters import FILES, filter_options, form_option, is_narrowed, search_of
from cli.logs import LEVEL_COLOURS, PAGE, check_known, export, moment_of
from cli.output import Cell, Column, print_data, printable, table
from web.documents.series import EventsAnswer, LogEvent
from web.queries import NOTABLE_KINDS

COLUMNS = (Column("TIME"), Column("BOT"), Column("KIND"), Column("LEVEL"), Column("SYMBOL"), Column("EVENT"))
WIDTH = 90


@click.command()
@click.argument("bots", metavar="[BOT]...", nargs=-1, shell_complete=bot_names)
@click.option("-n", "--number", type=click.IntRange(1, PAGE), help="How many of the newest (else 50).")
@click.option(
    "--kind",
    metavar="KIND",
    help="Of this kind: order, trade, position, signal, alert, lifecycle, ...; several by commas; all.",
)
@filter_options
@form_option
@service_options
def events(
    bots: tuple[str, ...],
    number: int | None,
    since: str | None,
    until: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
    **given: Any,
) -> None:
    """Show the events of BOTs, or of every bot, the newest last; prices and equity where asked for."""
    client = Client(find_service(url, token_file, data))
    check_known(client, bots)
    query = search_of(bots, given) | {"start": since, "end": until}
    if output in FILES:
        export(client, output, number, {"kind": ",".join(NOTABLE_KINDS), **_given(query)})
        return
    answer = client.get("/api/v1/events", EventsAnswer, limit=number or 50, **query)
    found = answer.events[::-1]
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found:
        click.echo(f"no events{' of that kind' if is_narrowed(query) else ' yet'}", err=True)
        return
    click.echo("\n".join(table(COLUMNS, [row(one, wide=output == "wide") for one in found])))


def _given(query: dict[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in query.items() if value}


def row(event: LogEvent, *, wide: bool) -> list[Cell]:
    """Return an event's cells; its text is cut unless all of it is wanted."""
    symbol = event.data.get("symbol")
    text = printable(event.message).replace("\n", " ")
    return [
        Cell(moment_of(event.time)),
        Cell(event.bot),
        Cell(printable(event.kind)),
        Cell(event.level, LEVEL_COLOURS.get(event.level)),
        Cell(printable(symbol) if isinstance(symbol, str) else "-"),
        Cell(text if wide or len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"),
    ]
