"""`herdsman logs BOT`: its newest lines, oldest first; with -f the live ones after them."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from cli.bot_names import bot_names
from cli.connection import Client, ServiceUnavailable, service_options
from cli.known_service import find_service
from cli.output import output_option, paint, print_data, printable
from web.documents.series import EventsAnswer, LogEvent

LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_REMEMBERED = 10_000
LEVEL_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


@click.command()
@click.argument("bot", shell_complete=bot_names)
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
    query = {"text": text, "level": level}
    answer, position = client.get_at(
        f"/api/v1/bots/{bot}/logs", EventsAnswer, limit=lines, start=since, **query
    )
    newest_last = list(reversed(answer.events))
    if output in ("json", "yaml") and not follow:
        print_data(newest_last, output)
        return
    tail = Tail(client, bot, query, as_json=output == "json")
    tail.show(newest_last)
    if not newest_last and not follow:
        narrowed = any((since, text, level))
        click.echo(f"no lines{' of that kind' if narrowed else ' yet'}", err=True)
    if follow:
        tail.follow(position)


def line_of(event: LogEvent) -> str:
    """Return one line: time in UTC, level, message; further lines of a trace are kept under it."""
    level = paint(f"{event.level:<8}", LEVEL_COLOURS.get(event.level))
    return f"{moment_of(event.time)}  {level}{printable(event.message)}"


def moment_of(at: float) -> str:
    """Return `09:41:07.123Z`, the time in UTC as on the dashboard, with its date where that is not today."""
    then = datetime.fromtimestamp(at, UTC)
    day = "" if then.date() == datetime.now(UTC).date() else f"{then:%Y-%m-%d} "
    return f"{day}{then:%H:%M:%S}.{then.microsecond // 1000:03d}Z"


class Tail:
    """Prints lines, each once, and goes on with live ones where the stream was cut."""

    def __init__(self, client: Client, bot: str, query: dict[str, str | None], *, as_json: bool) -> None:
        self._client = client
        self._bot = bot
        self._query = query
        self._as_json = as_json
        self._seen: dict[str, None] = {}
        self._newest: float | None = None

    def show(self, events: list[LogEvent]) -> None:
        """Print the events that were not printed yet."""
        for event in events:
            if event.id in self._seen:
                continue
            self._seen[event.id] = None
            if len(self._seen) > MOST_REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._newest = max(event.time, self._newest or event.time)
            click.echo(msgspec.json.encode(event).decode() if self._as_json else line_of(event))

    def follow(self, position: str) -> None:
        """Print live lines until Ctrl-C, also over a restart of the service."""
        told = False
        while True:
            try:
                for identity, event, data in self._client.stream(f"bot:{self._bot}", position):
                    position, told = identity or position, False
                    if event == "reset":
                        self.catch_up()
                    elif event == "log":
                        self.show(self.wanted(msgspec.json.decode(data, type=LogEvent)))
            except ServiceUnavailable as error:
                if not told:
                    click.echo(f"{error}; trying again", err=True)
                told = True
            time.sleep(1)

    def catch_up(self) -> None:
        """Print what was missed: the stream could not go on where it was cut."""
        path = f"/api/v1/bots/{self._bot}/logs"
        answer = self._client.get(path, EventsAnswer, limit=1000, start=self._newest, **self._query)
        self.show(list(reversed(answer.events)))

    def wanted(self, event: LogEvent) -> list[LogEvent]:
        """Return the live event where it is among the lines asked for."""
        text, level = self._query["text"], self._query["level"]
        if level and severity(event.level) < severity(level):
            return []
        words = (text or "").lower().split()
        return [event] if all(word in event.message.lower() for word in words) else []


def severity(level: str) -> int:
    """Return a level's rank; an unknown one is as severe as info."""
    return LEVELS.index(level) if level in LEVELS else LEVELS.index("info")
