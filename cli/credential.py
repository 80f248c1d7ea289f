"""git's credential helper protocol (gitcredentials(7)): only `get` is answered, only for an address of ours.

The token goes from where it is kept to git's standard input: it stands in no URL, no argument and no config.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from cli.environments import LOCAL, read_environments
from cli.known_service import Service, find_service, implied_environment, local_url, named
from schemas.errors import HerdsmanError


def answer(
    operation: str,
    request: str,
    url: str | None = None,
    token_file: Path | None = None,
    data: Path | None = None,
) -> str:
    """Return what git reads back: user and token, or nothing, whereupon git asks the person.

    Why there is nothing is said on standard error, which git shows.
    """
    if operation != "get":
        return ""
    wanted = dict(line.split("=", 1) for line in request.splitlines() if "=" in line)
    asked = (wanted.get("protocol", ""), wanted.get("host", ""))
    try:
        service = service_for(asked, url, token_file, data)
    except (HerdsmanError, OSError) as error:
        sys.stderr.write(f"herdsman: {error}\n")
        return ""
    if address(service.url) != asked:
        sys.stderr.write(
            f"herdsman: no token for {'://'.join(asked)}; the service that is meant here is {service.url}: "
            "`herdsman init --connect-only` connects this clone to it\n"
        )
        return ""
    return f"username=herdsman\npassword={service.token}\n"


def service_for(
    asked: tuple[str, str], url: str | None, token_file: Path | None, data: Path | None
) -> Service:
    """Return the service that git speaks to: the one that is named, the environment there, or the local one.

    A remote belongs to its service whichever environment is the current one.
    """
    if url or token_file or data or named.get() or address(os.environ.get("HERDSMAN_URL", "")) == asked:
        return find_service(url, token_file, data)
    before = named.set(name_at(asked))
    try:
        return find_service()
    finally:
        named.reset(before)


def name_at(asked: tuple[str, str]) -> str:
    """Return the environment at an address: the one that commands mean, where more than one is there."""
    known = list(read_environments().known.values())
    implied = implied_environment()
    if implied is None and address(local_url()) == asked:
        return LOCAL
    ordered = sorted(known, key=lambda one: one != implied)
    return next((one.name for one in ordered if address(one.url) == asked), LOCAL)


def address(url: str) -> tuple[str, str]:
    """Return an address as git names it: protocol and host with port."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
