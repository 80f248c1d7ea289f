"""`herdsman logs BOT`: its newest lines, oldest first; with -f the live ones after them."""

from datetime import datetime
from pathlib import Path

import click
import msgspec

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import output_option, paint, print_data
from web.documents import EventsAnswer, LogEvent

LEVEL_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


@click.command()
@click.argument("bot")
@click.option("-f", "--follow", is_flag=True, help="Go on with the lines as they come, until Ctrl-C.")
@click.option("-n", "--lines", default=100, show_default=True, help="How many of the newest lines.")
@click.option("--since", help="From when: -15m, -2h, or a time in RFC 3339.")
@click.option("--text", help="Only lines with these words.")
@click.option("--level", help="Only lines of this level or worse: debug, info, warning, error.")
@output_option
@service_options
def logs(
    bot: str,
    follow: bool,
    lines: int,
    since: str | None,
    text: str | None,
    level: str | None,
    output: str,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Show the log lines of BOT."""
    client = Client(find_service(url, token_file, data))
    query = {"limit": lines, "start": since, "text": text, "level": level}
    answer = client.get(f"/api/v1/bots/{bot}/logs", EventsAnswer, **query)
    newest_last = list(reversed(answer.events))
    if output in ("json", "yaml"):
        print_data(newest_last, output)
    else:
        for event in newest_last:
            click.echo(line_of(event))
    if follow:
        follow_bot(client, bot, {event.id for event in newest_last}, output)


def line_of(event: LogEvent) -> str:
    """Return one line: local time, level, message; further lines of a trace are kept under it."""
    moment = datetime.fromtimestamp(event.time).astimezone().strftime("%H:%M:%S.%f")[:-3]
    level = paint(f"{event.level:<8}", LEVEL_COLOURS.get(event.level))
    return f"{moment}  {level}{event.message}"


def follow_bot(client: Client, bot: str, seen: set[str], output: str) -> None:
    """Print live lines, taking the stream up again where it was cut."""
    last = ""
    while True:
        for identity, event, data in client.stream(f"bot:{bot}", last):
            last = identity or last
            if event == "reset":
                click.echo(
                    "... lines were missed here: the connection was too slow or cut too long", err=True
                )
            if event != "log":
                continue
            line = msgspec.json.decode(data, type=LogEvent)
            if line.id not in seen:
                click.echo(data.decode() if output == "json" else line_of(line))
