"""`herdsman token`: list, create and revoke access tokens."""

import time
from pathlib import Path
from typing import Any

import click

from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.output import Cell, Column, ago, output_option, print_data, table

SCOPES = click.Choice(["read", "operate", "admin", "ingest"])


@click.group()
def token() -> None:
    """List, create and revoke access tokens (needs an admin token)."""


@token.command(name="list")
@output_option
@service_options
def list_tokens(output: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """List the tokens; their secret part is never shown again."""
    found = Client(find_service(url, token_file, data)).get("/api/v1/tokens", list[dict[str, Any]])
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    columns = (Column("ID"), Column("NAME"), Column("SCOPE"), Column("LAST USED", right=True))
    rows = [
        [*(Cell(str(entry[key])) for key in ("id", "name", "scope")), Cell(last_used(entry))]
        for entry in found
    ]
    click.echo("\n".join(table(columns, rows)))


def last_used(entry: dict[str, Any]) -> str:
    """Say how long ago a token was used, to about a minute."""
    at = entry.get("last_used_at")
    return "never" if at is None else f"{ago(time.time() - at)} ago"


@token.command()
@click.argument("name")
@click.option("--scope", type=SCOPES, default="read", show_default=True, help="What it may do.")
@service_options
def create(name: str, scope: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Create a token called NAME and print it, once, on standard output."""
    client = Client(find_service(url, token_file, data))
    client.approve(f"a token {name} of the scope {scope} is made")
    answer = client.post("/api/v1/tokens", dict[str, Any], {"name": name, "scope": scope})
    click.echo(answer["token"])


@token.command()
@click.argument("identity")
@service_options
def revoke(identity: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Revoke the token with this ID."""
    client = Client(find_service(url, token_file, data))
    client.approve(f"the token {identity} is revoked, and the sessions that came from it")
    client.delete(f"/api/v1/tokens/{identity}")
