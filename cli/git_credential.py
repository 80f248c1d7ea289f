"""`herdsman git-credential`: git's credential helper, with the options to name another service."""

import sys
from pathlib import Path

import click

from cli.connection import service_options
from cli.credential import answer


@click.command(name="git-credential")
@click.argument("operation")
@service_options
def git_credential(operation: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Answer git with the token of the running service; OPERATION is git's: get, store or erase."""
    click.echo(answer(operation, sys.stdin.read(), url, token_file, data), nl=False)
