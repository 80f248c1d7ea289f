"""The service's life: start in order, run until told to stop, end in order so that nothing is lost.

The end: streams and requests first, then the bots (with their kill_timeout), then their last lines are
read and stored, then the stores are closed.
"""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from cli.service.folder import announce, take_folder
from cli.service.notifying import report_herald
from cli.service.options import UpOptions
from cli.service.parts import Parts, put_together
from cli.service.seed import seed
from gitops.upkeep import keep_packed
from web.access.listen import Listen
from web.app import create_app
from web.server import address_of, bind, serve

_LOG = logging.getLogger(__name__)
LAST_LINES = 10.0
"""Seconds that the bots' last lines have to be stored at the end; after that they wait in their files."""


async def live(options: UpOptions) -> None:
    """Run the service until SIGINT or SIGTERM. Raises UsageError where it cannot start."""
    lock = take_folder(options.data)
    try:
        sock = bind(options.listen)
        port = address_of(sock).port
        parts = await put_together(options, Listen(options.listen.host, port))
        stop = stop_on_signals()
        if options.seed:
            seed(options.data / "git" / "fleet.git", options.seed, options.branch or "main")
        started = asyncio.Event()
        async with running(parts, stop):
            serving = asyncio.create_task(
                serve(
                    create_app(parts.services),
                    sock,
                    stop,
                    end_streams=parts.telemetry.live.close,
                    tls=options.tls,
                    started=started,
                )
            )
            starting = asyncio.create_task(started.wait())
            await asyncio.wait({serving, starting}, return_when="FIRST_COMPLETED")
            starting.cancel()
            announce(options.data, parts.url, parts.fleet)
            click.echo(greeting(parts))
            trouble = await parts.telemetry.check()
            if trouble != "ok":
                click.echo(f"  warning    {trouble}", err=True)
            await serving
            click.echo("stopping; a second Ctrl-C ends everything at once", err=True)
    finally:
        lock.close()


@asynccontextmanager
async def running(parts: Parts, stop: asyncio.Event) -> AsyncIterator[None]:
    """Run the controller and the agent around the web service, and end them in order.

    Where the controller fails, everything is stopped, and its error raised: whoever supervises us starts
    herdsman again. A failed agent stops nothing, since the output waits in its files: it is said.
    """
    agent = asyncio.create_task(parts.agent.run()) if parts.agent else None
    controller = asyncio.create_task(parts.controller.run())
    controller.add_done_callback(lambda _: stop.set())
    if agent:
        agent.add_done_callback(report_agent)
    herald = asyncio.create_task(parts.herald.run()) if parts.herald else None
    if herald:
        herald.add_done_callback(report_herald)
    packing = asyncio.create_task(
        keep_packed(
            parts.options.data / "git", parts.repositories, lambda: bool(parts.git and parts.git.busy)
        )
    )
    following = parts.live.start()
    reporting = asyncio.create_task(parts.statuses.run()) if parts.statuses else None
    try:
        await parts.controller.ready()
        yield
    finally:
        packing.cancel()
        if reporting:
            reporting.cancel()
        if herald:
            herald.cancel()
        controller.cancel()
        (ended,) = await asyncio.gather(controller, return_exceptions=True)
        if parts.agent and agent and not agent.done():
            await asyncio.wait({asyncio.create_task(parts.agent.finish())}, timeout=LAST_LINES)
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)
        if parts.git:
            await parts.git.close()
        await parts.live.end(following)
        parts.live.publisher.close()
        await parts.telemetry.close()
        await parts.database.close()
    if isinstance(ended, Exception):
        raise ended


def report_agent(agent: "asyncio.Task[None]") -> None:
    """Say that the agent has failed."""
    if not agent.cancelled() and (error := agent.exception()) is not None:
        _LOG.critical("the agent has ended: output is kept in its files, restart herdsman", exc_info=error)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set; at the second one the process ends at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: int) -> None:
        if stop.is_set():
            # Launchers and bots end with us: the kernel tells them.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
    return stop


def greeting(parts: Parts) -> str:
    """Return what a person sees once the service answers."""
    options = parts.options
    own = f"{parts.url}/git/fleet.git   (`herdsman init` connects a clone to it)"
    remote = "\n             ".join(parts.follows) or own
    lines = [
        f"herdsman {parts.services.settings.version}  fleet {parts.fleet}  scheduler {options.scheduler}",
        *dashboard_lines(options, parts.url, parts.sign_in_url),
        f"  git        {remote}",
        f"  data       {options.data.resolve()}",
        "  Ctrl-C ends it" + (", and its bots" if options.scheduler == "local" else "; bots run on"),
    ]
    return "\n".join(lines)


def dashboard_lines(options: UpOptions, url: str, sign_in_url: str) -> list[str]:
    """Return how to get at the dashboard: with a link that lets its reader in, unless others read it too."""
    if not options.sign_in_link:
        return [f"  dashboard  {url}   (`herdsman sign-in` lets you in)"]
    return [f"  dashboard  {sign_in_url}", "             (signs in once, within 10 minutes)"]


def configure_logging(verbose: bool) -> None:
    """Log to standard error, in UTC; other libraries only what is wrong (httpx would log addresses)."""
    lines = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    lines.converter = time.gmtime
    lines.default_time_format, lines.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
    printed = logging.StreamHandler()
    printed.setFormatter(lines)
    logging.basicConfig(handlers=[printed], level=logging.WARNING)
    level = logging.DEBUG if verbose else logging.INFO
    for name in ("herdsman", "schemas", "gitops", "controller", "telemetry", "web", "cli"):
        logging.getLogger(name).setLevel(level)
