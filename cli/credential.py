"""git's credential helper protocol (gitcredentials(7)): only `get` is answered, only for our own address.

The token goes from its 0600 file to git's standard input: it stands in no URL, no argument and no config.
"""

from pathlib import Path
from urllib.parse import urlsplit

from cli.known_service import find_service
from schemas.errors import HerdsmanError


def answer(
    operation: str,
    request: str,
    url: str | None = None,
    token_file: Path | None = None,
    data: Path | None = None,
) -> str:
    """Return what git reads back: user and token, or nothing, whereupon git asks the person."""
    if operation != "get":
        return ""
    wanted = dict(line.split("=", 1) for line in request.splitlines() if "=" in line)
    try:
        service = find_service(url, token_file, data)
    except (HerdsmanError, OSError):
        return ""
    parts = urlsplit(service.url)
    if wanted.get("protocol") != parts.scheme or wanted.get("host") != parts.netloc:
        return ""
    return f"username=herdsman\npassword={service.token}\n"
