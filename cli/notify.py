"""`herdsman notify`: who is told of problems, and a test message to them."""

import time
from typing import Any

import click

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, output_option, paint, print_data, table
from schemas.errors import UsageError
from web.documents.notifications import DestinationDocument, SentDocument

PATIENCE = 60.0
"""Seconds that a test is waited for; a try itself takes 30 at most."""


@click.group()
def notify() -> None:
    """List who is told of problems, and send a test message (docs/notifications.md)."""


@notify.command(name="list")
@output_option
@service_options
def list_destinations(output: str, **service: Any) -> None:
    """List the destinations: what each hears of, its last delivery and its failures; never an address."""
    found = Client(find_service(**service)).get("/api/v1/notifications", list[DestinationDocument])
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found:
        click.echo(
            "nobody is told: start the service with --notify-file FILE, a line NAME: URL each "
            "(docs/notifications.md)"
        )
        return
    titles = ("NAME", "SERVICE", "LAST SENT", "WAITING", "STATE", "HEARS OF")
    click.echo("\n".join(table(tuple(map(Column, titles)), [_row(one) for one in found])))


def _row(one: DestinationDocument) -> list[Cell]:
    sent = "never" if one.sent_at is None else f"{ago(time.time() - one.sent_at)} ago"
    state = f"failed {one.failures} times: {one.error}" if one.failures else "ok"
    dropped = f", {one.dropped} dropped" if one.dropped else ""
    texts = (one.name, one.service, sent, f"{one.waiting}{dropped}", state, one.routes)
    return [Cell(text) for text in texts]


@notify.command(name="test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everyone", is_flag=True, help="Every destination.")
@output_option
@service_options
def send_test(names: tuple[str, ...], everyone: bool, output: str, **service: Any) -> None:
    """Send a test message to each NAME, and say whether it arrived (exit code 1 where one did not)."""
    if bool(names) is everyone:
        raise UsageError("name destinations, or say --all; `herdsman notify list` shows them")
    client = Client(find_service(**service))
    sent = client.post("/api/v1/notifications/test", list[SentDocument], {"names": list(names)})
    sent = _ended(client, sent)
    if output in ("json", "yaml"):
        print_data(sent, output)
    else:
        click.echo("\n".join(_line(one) for one in sent))
    if any(one.state != "sent" for one in sent):
        raise SystemExit(1)


def _ended(client: Client, sent: list[SentDocument]) -> list[SentDocument]:
    """Return the messages once each has arrived or failed, or as they are when patience ends."""
    end = time.monotonic() + PATIENCE
    while any(one.state == "waiting" for one in sent) and time.monotonic() < end:
        time.sleep(0.2)
        sent = [
            client.get(f"/api/v1/notifications/{one.id}", SentDocument) if one.state == "waiting" else one
            for one in sent
        ]
    return sent


def _line(one: SentDocument) -> str:
    if one.state == "sent":
        return f"{paint('✔', 'green')} {one.destination}  sent"
    why = one.error or "it still waits: does a controller lead that was given --notify-file?"
    return f"{paint('✖', 'red')} {one.destination}  {why}"
