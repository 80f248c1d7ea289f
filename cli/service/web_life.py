"""The life of `herdsman web`, from start to clean stop."""

import asyncio
import socket

import click

from cli.service.folder import announce, take_folder
from cli.service.life import dashboard_lines, stop_on_signals
from cli.service.process_options import WebOptions
from cli.service.web_parts import WebParts, answer_drains, put_together, wait_for_fleet
from controller.database import Database
from web.access.listen import Listen
from web.app import create_app
from web.server import address_of, bind, serve


async def live(options: WebOptions) -> None:
    """Run until SIGINT or SIGTERM. Raises UsageError where it cannot start."""
    lock = take_folder(options.up.data)
    try:
        sock = bind(options.up.listen)
        database = await Database.open(options.database)
        stop = stop_on_signals()
        try:
            fleet = await wait_for_fleet(database, stop, lambda text: click.echo(text, err=True))
            if fleet:
                listening = Listen(options.up.listen.host, address_of(sock).port)
                parts = await put_together(options, listening, database, fleet)
                await serve_until(parts, sock, stop)
        finally:
            await database.close()
    finally:
        lock.close()


async def serve_until(parts: WebParts, sock: socket.socket, stop: asyncio.Event) -> None:
    """Serve until told to stop, with everything that runs beside it."""
    background = [
        asyncio.create_task(part) for part in (parts.bell.run(), parts.mirror.run(), answer_drains(parts))
    ]
    for task in background:
        task.add_done_callback(lambda _: stop.set())
    following = parts.live.start()
    announce(parts.options.up.data, parts.url, parts.fleet)
    click.echo(greeting(parts))
    try:
        await serve(
            create_app(parts.services),
            sock,
            stop,
            end_streams=parts.telemetry.live.close,
            tls=parts.options.up.tls,
        )
    finally:
        failed = [task for task in background if task.done()]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await parts.live.end(following)
        await parts.controller.close()
        await parts.leader.close()
        parts.live.publisher.close()
        await parts.telemetry.close()
    for task in failed:
        task.result()


def greeting(parts: WebParts) -> str:
    """Return what a person sees once the service answers."""
    leader = parts.mirror.leader
    lines = [
        f"herdsman web {parts.services.settings.version}  fleet {parts.fleet}",
        *dashboard_lines(parts.options.up, parts.url, parts.sign_in_url),
        f"  leader     {leader.holder if leader else 'no controller leads yet'}",
        f"  git        {parts.url}/git/fleet.git, handed on to the leader",
        f"  data       {parts.options.up.data.resolve()}",
        "  Ctrl-C ends it; bots run on",
    ]
    return "\n".join(lines)
