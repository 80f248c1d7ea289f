"""`herdsman suspensions`: everything that keeps bots from running, and how far each kill switch has come."""

from typing import Any

import click

from cli.connection import service_options
from cli.kill import when
from cli.operations import client_of, suspended_text
from cli.output import output_option, paint, print_data
from web.documents.suspensions import KillDocument, SuspensionDocument


@click.command()
@output_option
@service_options
def suspensions(output: str, **service: Any) -> None:
    """List what keeps bots from running: kill switches, and suspensions of many or of one.

    A bot under several of them runs again once all have ended.
    """
    client = client_of(service)
    found = client.get("/api/v1/suspensions", list[SuspensionDocument])
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    kills = {one.scope: one for one in client.get("/api/v1/kill", list[KillDocument])}
    if not found:
        click.echo("nothing is suspended, and no kill switch is on")
    for one in found:
        word = paint("kill switch", "red") if one.kill else "suspended"
        since = f"since {when(one.since)} " if one.kill else ""
        click.echo(f"{word}  {one.words}  {since}{suspended_text(one.by, one.reason, one.until)}")
        switch = kills.get(one.scope) if one.kill else None
        if switch is not None:
            click.echo(f"    {switch.dead} of {switch.total} dead, {switch.asked} asked to end")
            for bot in switch.survivors:
                click.echo(f"    {bot.bot}: {bot.why or bot.fate}")
            if switch.problem:
                click.echo(f"    {switch.problem}")
