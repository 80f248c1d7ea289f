"""`herdsman web`: API, live stream, dashboard and intake, as a process of its own."""

import asyncio
from pathlib import Path
from typing import Any

import click

from cli.known_service import default_data
from cli.process_flags import database_options, like_up, typed

_SHARED = frozenset(
    {
        *("data", "listen", "victoriametrics", "keep", "state_store", "tls_cert", "tls_key", "insecure"),
        *("allowed_host", "verbose", "sign_in_link"),
        *("explain_url", "explain_model", "explain_key_file"),
    }
)


@click.command()
@database_options
@like_up(names=_SHARED)
def web(database: str, database_file: Path | None, data: Path | None, verbose: bool, **given: Any) -> None:
    """Run the web: API, live stream, dashboard, and the intake of what bots print.

    What operators ask for goes to the leading `herdsman controller` through the database; git pushes to its
    remote are handed on to it. Events and logs are kept in the data folder, so run one.
    """
    from cli.service.life import configure_logging
    from cli.service.options import parse_options
    from cli.service.process_options import WebOptions, database_address
    from cli.service.web_life import live

    configure_logging(verbose)
    address = database_address(database, database_file, typed=typed("database"))
    shared = parse_options(data=data or default_data(), scheduler="nomad", **given)
    asyncio.run(live(WebOptions(shared, address)))
