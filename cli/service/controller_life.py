"""The life of `herdsman controller`: stand by, lead, stand by again, until told to stop."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

import click

from cli.service.folder import share_folder
from cli.service.leading import lead_until, make_leading
from cli.service.life import stop_on_signals
from cli.service.parts import web_settings
from cli.service.process_options import ControllerOptions
from cli.service.standby import Standby, look_around, stand_by
from controller.database import DatabaseUnavailable
from controller.remote.trouble import NotLeading
from schemas.errors import HerdsmanError
from web.access.listen import Listen
from web.controller_app import create_controller_app
from web.server import address_of, bind, serve

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 2.0


async def live(options: ControllerOptions) -> None:
    """Run until SIGINT or SIGTERM. Raises UsageError where it cannot start."""
    lock = share_folder(options.up.data)
    try:
        sock = bind(options.up.listen)
        standby = await stand_by(options, Listen(options.up.listen.host, address_of(sock).port))
        stop = stop_on_signals()
        background = [asyncio.create_task(standby.bell.run()), asyncio.create_task(keep_looking(standby))]
        serving = asyncio.create_task(
            serve(
                create_controller_app(standby.services),
                sock,
                stop,
                end_streams=lambda: None,
                tls=options.up.tls,
            )
        )
        click.echo(greeting(standby))
        try:
            await take_turns(standby, stop)
        finally:
            stop.set()
            await serving
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await standby.database.close()
    finally:
        lock.close()


async def take_turns(standby: Standby, stop: asyncio.Event) -> None:
    """Lead whenever nobody else does, until told to stop."""
    options = standby.options
    settings = web_settings(options.up, options.web_url or standby.url)
    while not stop.is_set():
        lead = await unless(stop, standby.leadership.win())
        if lead is None:
            return
        standby.role.lead = lead
        _LOG.info("%s leads (epoch %d)", options.called, lead.epoch)
        try:
            await lead_until(standby, await make_leading(standby, lead, settings), stop)
        except (NotLeading, DatabaseUnavailable) as error:
            _LOG.critical("%s; this one stands by", error)
        finally:
            standby.role.lead = None
            await lead.close()


async def unless(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """Return what some work comes to, None where it is time to stop first."""
    working, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


async def keep_looking(standby: Standby) -> None:
    """Look around for ever."""
    while True:
        try:
            await look_around(standby)
        except HerdsmanError as error:
            _LOG.warning("the tokens in force could not be read, those known stay: %s", error)
        await asyncio.sleep(_LOOK_EVERY)


def greeting(standby: Standby) -> str:
    """Return what a person sees once the process answers."""
    options = standby.options
    remote = options.up.source or f"{standby.url}/git/fleet.git, while this controller leads"
    lines = [
        f"herdsman controller {options.called}  fleet {standby.fleet}  scheduler nomad",
        f"  listens    {standby.url}   (/readyz says leader or standby)",
        f"  git        {remote}",
        f"  data       {options.up.data.resolve()}",
        "  Ctrl-C ends it; bots run on",
    ]
    return "\n".join(lines)
