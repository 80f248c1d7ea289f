"""`herdsman git-credential`: git's credential helper protocol (gitcredentials(7)), answering `get` alone.

The token goes from its 0600 file to git's standard input: it stands in no URL, no argument and no config.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from cli.connection import find_service, service_options
from schemas.errors import HerdsmanError


@click.command(name="git-credential")
@click.argument("operation")
@service_options
def git_credential(operation: str, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Answer git with the token of the running service; OPERATION is git's: get, store or erase."""
    if operation != "get":
        return
    wanted = read_request(sys.stdin.read())
    try:
        service = find_service(url, token_file, data)
    except (HerdsmanError, OSError):
        return  # git goes on and asks the person
    if matches(wanted, service.url):
        click.echo(f"username=herdsman\npassword={service.token}")


def read_request(text: str) -> dict[str, str]:
    """Return git's attributes."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def matches(wanted: dict[str, str], url: str) -> bool:
    """Tell whether git asks for this very service (scheme, host and port)."""
    parts = urlsplit(url)
    return wanted.get("protocol") == parts.scheme and wanted.get("host") == parts.netloc
