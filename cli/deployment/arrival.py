"""The end of a deployment: the bot gets healthy or says why not, and prints its first lines."""

import time

import click

from cli.connection import Client
from cli.logs import line_of
from cli.operations import unwell
from schemas.errors import HerdsmanError, NotFound
from web.documents.bots import Bot, BotDetail
from web.documents.series import EventsAnswer

FIRST_LINES = 5
_PATIENCE_FOR_LINES = 5.0


class NotHealthy(HerdsmanError):
    """The bot was deployed and is not well."""


def await_healthy(client: Client, bot: str, version: str, seconds: float) -> Bot:
    """Return the bot once this version of it is healthy. Raises NotHealthy with its reason.

    `seconds` count from the end of its build, where its program is compiled.
    """
    until = time.monotonic() + seconds
    last, seen = "the service does not know it yet", None
    while time.monotonic() < until:
        try:
            seen = client.get(f"/api/v1/bots/{bot}", BotDetail).bot
        except NotFound:
            seen = None
        if seen is not None:
            last = standing_of(seen, version)
            current = seen.version == version and seen.sync == "Synced"
            if current and seen.health in ("Healthy", "Suspended"):
                return seen
            if seen.reason == "Building":
                until = time.monotonic() + seconds
            if unwell(seen) or seen.reason == "BuildFailed":
                break
        time.sleep(0.2)
    built = seen is None or seen.reason != "BuildFailed"
    look = f"herdsman logs {bot}   to see what it printed" if built else f"herdsman build-log {bot}"
    raise NotHealthy(f"{bot} {version} is not healthy: {last}\n  {look}")


def standing_of(seen: Bot, version: str) -> str:
    """Return how a bot is, and whether what runs is what was deployed: an old version may be quite well."""
    why = seen.message or seen.reason
    if seen.version != version and seen.health in ("Healthy", "Progressing"):
        return f"{why}\n  {seen.version} runs on ({seen.health.lower()})"
    return f"it is {seen.health.lower()}: {why}"


def show_first_lines(client: Client, bot: Bot) -> None:
    """Print what the bot said first since it started."""
    until = time.monotonic() + _PATIENCE_FOR_LINES
    path, since = f"/api/v1/bots/{bot.name}/logs", bot.started_at
    while True:
        events = client.get(path, EventsAnswer, limit=1000, start=since).events
        if events or time.monotonic() > until:
            break
        time.sleep(0.2)
    for event in list(reversed(events))[:FIRST_LINES]:
        click.echo(f"           {line_of(event)}")
    if not events:
        click.echo("           no line printed yet")
