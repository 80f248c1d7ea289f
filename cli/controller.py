"""`herdsman controller`: what keeps the fleet as git asks for, as a process of its own; several may run."""

import asyncio
from pathlib import Path
from typing import Any

import click

from cli.known_service import default_data
from cli.process_flags import database_options, like_up, typed


@click.command()
@database_options
@click.option("--name", default="", help="What this controller is called (else machine and process id).")
@click.option("--own-url", default="", help="How the web reaches this controller (else where it listens).")
@click.option("--web-url", default="", help="The dashboard's address, shown to whoever pushes.")
@like_up(
    without=frozenset(
        {
            "scheduler",
            "seed",
            "victoriametrics",
            "keep",
            "sign_in_link",
            "explain_url",
            "explain_model",
            "explain_key_file",
        }
    )
)
def controller(
    database: str,
    database_file: Path | None,
    name: str,
    own_url: str,
    web_url: str,
    data: Path | None,
    verbose: bool,
    **given: Any,
) -> None:
    """Run a controller: one of them leads, the others stand by and take over within seconds.

    It keeps the bots on Nomad as git asks for, and serves the git remote while it leads. The database is
    PostgreSQL; people and agents speak to `herdsman web`.
    """
    from cli.service.controller_life import live
    from cli.service.life import configure_logging
    from cli.service.options import parse_options
    from cli.service.process_options import ControllerOptions, database_address

    configure_logging(verbose)
    address = database_address(database, database_file, typed=typed("database"))
    shared = parse_options(data=data or default_data(), scheduler="nomad", **given)
    asyncio.run(live(ControllerOptions(shared, address, name, own_url.rstrip("/"), web_url.rstrip("/"))))
