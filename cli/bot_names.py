"""The bots' names for completion: asked of the running service, fast and quietly.

The standard library alone, since a person waits for it between two keys. Where no service answers at once
there is nothing to complete, which is no error.
"""

import json
from typing import TYPE_CHECKING, Any

from cli.known_service import Service, find_service
from schemas.errors import HerdsmanError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

PATIENCE = 0.5
"""Seconds that a service may take to answer."""


def bot_names(ctx: "click.Context", param: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """Return the bots whose names begin with what was typed, each with its health."""
    from click.shell_completion import CompletionItem

    del param
    given = ctx.params
    try:
        found = ask(find_service(given.get("url"), given.get("token_file"), given.get("data")))
    except (HerdsmanError, OSError, ValueError):
        return []
    return [
        CompletionItem(name, help=f"{health.lower()}, {program}")
        for name, health, program in found
        if name.startswith(incomplete)
    ]


def ask(service: Service) -> list[tuple[str, str, str]]:
    """Return (name, health, program) of each bot. Raises OSError and ValueError where it is not answered."""
    import ssl
    import urllib.request

    if not service.url.startswith(("http://", "https://")):
        raise ValueError(service.url)
    headers = {"Authorization": f"Bearer {service.token}"}
    request = urllib.request.Request(f"{service.url}/api/v1/bots", headers=headers)  # noqa: S310
    trusted = ssl.create_default_context(cafile=service.ca_file) if service.ca_file else None
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
    )
    with direct.open(request, timeout=PATIENCE) as answer:
        bots: list[dict[str, Any]] = json.load(answer)
    return sorted((bot["name"], bot["health"], f"{bot['program']} {bot['version']}") for bot in bots)
