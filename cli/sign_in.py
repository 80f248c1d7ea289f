"""`herdsman sign-in`: another one-time link to the dashboard."""

from pathlib import Path
from typing import Any

import click

from cli.connection import Client, service_options
from cli.known_service import find_service


@click.command(name="sign-in")
@service_options
def sign_in(url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Print a link that signs one browser in, once, within ten minutes, with the rights of your token."""
    answer = Client(find_service(url, token_file, data)).post("/api/v1/sign-in-links", dict[str, Any])
    click.echo(answer["url"])
