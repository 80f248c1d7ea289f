"""`herdsman logs`: lines of bots, oldest first, with -f the live ones after them; or all as a file."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.log_filters import FILES, filter_options, form_option, is_narrowed, search_of
from cli.output import paint, print_data, printable
from cli.tail import Tail
from schemas.errors import UsageError
from web.documents.series import EventsAnswer, LogEvent

LEVEL_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}
PAGE = 1000


@click.command()
@click.argument("bots", metavar="[BOT]...", nargs=-1, shell_complete=bot_names)
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines as they come, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(1), help="How many of the newest (else 100; all, for a file)."
)
@filter_options
@click.option("--kind", metavar="KIND", help="Events of this kind instead of lines; all for every one.")
@form_option
@service_options
def logs(
    bots: tuple[str, ...],
    follow: bool,
    lines: int | None,
    since: str | None,
    until: str | None,
    output: str,
    url: str | None,
    token_file: Any,
    data: Any,
    **given: Any,
) -> None:
    """Show the log lines of BOTs, or of every bot, oldest first."""
    client = Client(find_service(url, token_file, data))
    check_known(client, bots)
    query = search_of(bots, given)
    span = {"start": since, "end": until}
    if output in FILES and not follow:
        export(client, output, lines, query | span)
        return
    if follow and (output in ("yaml", *FILES) or until):
        raise UsageError("what is followed has no end: use --output json, and no --until")
    show(client, query, span, lines or 100, output, follow=follow)


def check_known(client: Client, bots: Sequence[str]) -> None:
    """Take bots that are there, or were. Raises NotFound with the nearest name."""
    for bot in bots:
        client.get(f"/api/v1/bots/{quote(bot, safe='')}/logs", EventsAnswer, limit=1)


def show(
    client: Client,
    query: dict[str, str | None],
    span: dict[str, str | None],
    most: int,
    output: str,
    *,
    follow: bool,
) -> None:
    """Print the newest lines, the newest last, and go on with live ones where that is wanted."""
    found, position = newest(client, query | span, most)
    if output in ("json", "yaml") and not follow:
        print_data(found, output)
        return
    wide = output == "wide" or "," in (query["bot"] or ",")
    width = max((len(event.bot) for event in found), default=0) if wide else None
    tail = Tail(client, query, as_json=output == "json", line=lambda event: line_of(event, width))
    tail.show(found)
    if not found and not follow:
        narrowed = is_narrowed(query) or any(span.values())
        click.echo(f"no lines{' of that kind' if narrowed else ' yet'}", err=True)
    if follow:
        tail.follow(position)


def newest(client: Client, query: dict[str, str | None], most: int) -> tuple[list[LogEvent], str]:
    """Return the newest events, the newest last, and the place in the stream that they are as of."""
    found: list[LogEvent] = []
    cursor, position = "", ""
    while len(found) < most:
        limit = min(PAGE, most - len(found))
        answer, at = client.get_at("/api/v1/logs", EventsAnswer, limit=limit, cursor=cursor, **query)
        found += answer.events
        position, cursor = position or at, answer.next_cursor
        if not cursor:
            break
    return found[::-1], position


def export(client: Client, output: str, most: int | None, query: dict[str, str | None]) -> None:
    """Write everything that is found to stdout, oldest first; the newest so many where they are counted."""
    order = "newest" if most else "oldest"
    answer = client.download("/api/v1/logs/export", format=output, most=most, order=order, **query)
    for piece in answer:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def line_of(event: LogEvent, bots: int | None = None) -> str:
    """Return one line: time in UTC, level, message; further lines of a trace are kept under it.

    `bots` is how wide the bot's name is written, None where it is not.
    """
    level = paint(f"{event.level:<8}", LEVEL_COLOURS.get(event.level))
    bot = "" if bots is None else f"{paint(f'{event.bot:<{bots}}', 'cyan')}  "
    return f"{moment_of(event.time)}  {bot}{level}{printable(event.message)}"


def moment_of(at: float) -> str:
    """Return `09:41:07.123Z`, the time in UTC as on the dashboard, with its date where that is not today."""
    then = datetime.fromtimestamp(at, UTC)
    day = "" if then.date() == datetime.now(UTC).date() else f"{then:%Y-%m-%d} "
    return f"{day}{then:%H:%M:%S}.{then.microsecond // 1000:03d}Z"
