"""`herdsman agent`: one per node, carries what bots print there to the service."""

import asyncio
import os
import signal
from pathlib import Path

import click

from cli.known_service import find_token
from schemas.errors import UsageError

STATE_ROOT = "/var/lib/herdsman/state"
CACHE_ROOT = "/var/lib/herdsman/cache"


@click.command()
@click.option(
    "--url", envvar="HERDSMAN_URL", default="", help="The service's address, as this node reaches it."
)
@click.option(
    "--token-file",
    envvar="HERDSMAN_TOKEN_FILE",
    type=click.Path(path_type=Path),
    help="A file with a token of the scope ingest (else HERDSMAN_TOKEN).",
)
@click.option("--ca-file", default="", help="Certificates to trust for the service.")
@click.option(
    "--alloc-root",
    type=click.Path(path_type=Path),
    help="Nomad's folder of allocations: <data_dir>/alloc.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    default="/var/lib/herdsman/agent-checkpoint",
    show_default=True,
    help="Where it keeps how far it came.",
)
@click.option(
    "--nomad-address",
    envvar="NOMAD_ADDR",
    default="",
    help="This node's Nomad agent, which is told of what runs bots here; its token is NOMAD_TOKEN.",
)
@click.option(
    "--state-root", default=STATE_ROOT, show_default=True, help="Where bots of this node keep state."
)
@click.option("--cache-root", default=CACHE_ROOT, show_default=True, help="Where bundles are unpacked.")
@click.option(
    "--print-job", is_flag=True, help="Print a Nomad system job (JSON) that runs the agent on every node."
)
@click.option(
    "--command", default="herdsman", show_default=True, help="With --print-job: herdsman on the nodes."
)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def agent(
    url: str,
    token_file: Path | None,
    ca_file: str,
    alloc_root: Path,
    checkpoint: Path,
    nomad_address: str,
    state_root: str,
    cache_root: str,
    print_job: bool,
    command: str,
    verbose: bool,
) -> None:
    """Carry what bots print on this node to the service, until told to stop.

    What was printed while the service is away waits in the log files and is sent when it is back.
    """
    from cli.service.life import configure_logging

    if print_job:
        folders = ("--checkpoint", str(checkpoint), "--state-root", state_root, "--cache-root", cache_root)
        print_agent_job(url, token_file, nomad_address, command, folders)
        return
    configure_logging(verbose)
    if not url:
        raise UsageError("say with --url where the service is")
    if alloc_root is None or not alloc_root.is_dir():
        raise UsageError(f"--alloc-root {alloc_root or ''}: no such folder; it is alloc/ in Nomad's data_dir")
    token = find_token(url, token_file, None, None)
    for folder in (checkpoint.parent, Path(state_root), Path(cache_root)):
        folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(carry(url, token, ca_file, alloc_root, checkpoint, (nomad_address, state_root, cache_root)))


def print_agent_job(
    url: str, token_file: Path | None, nomad_address: str, command: str, arguments: tuple[str, ...]
) -> None:
    """Print the job for `nomad job run -json -`, and on standard error where its token goes."""
    from cli.connection import Client
    from cli.known_service import find_service
    from cli.output import print_data
    from controller.schedulers.nomad.agent_job import render_agent, variable_path
    from controller.schedulers.nomad.settings import DEFAULT_ADDRESS, NomadSettings
    from web.documents.revisions import FleetDocument

    service = find_service(None, token_file)
    fleet = Client(service).get("/api/v1/fleet", FleetDocument).fleet
    settings = NomadSettings(
        fleet,
        nomad_address or DEFAULT_ADDRESS,
        namespace=os.environ.get("NOMAD_NAMESPACE") or "default",
        region=os.environ.get("NOMAD_REGION", ""),
    )
    print_data(
        {"Job": render_agent(settings, url or service.url, command=command, arguments=arguments)}, "json"
    )
    click.echo(
        "its token is a Nomad variable: herdsman token create node-agents --scope ingest, then "
        f"nomad var put {variable_path(fleet)} token=@FILE",
        err=True,
    )


async def carry(
    url: str, token: str, ca_file: str, alloc_root: Path, checkpoint: Path, node: tuple[str, str, str]
) -> None:
    """Run the agent until SIGINT or SIGTERM, then send what is left."""
    from importlib.metadata import version

    from telemetry.agent.agent import Agent
    from telemetry.agent.concealing import left_by_launcher
    from telemetry.agent.sinks import HttpSink
    from telemetry.agent.states.caretaker import Caretaker
    from telemetry.agent.states.desk import HttpDesk

    sink, desk = HttpSink(url, token, verify=ca_file or True), HttpDesk(url, token, verify=ca_file or True)
    states = Caretaker(desk, Path(node[1]), checkpoint.parent / "state-spool")
    running = Agent(
        alloc_root,
        sink,
        checkpoint,
        states=states,
        release=version("herdsman"),
        concealed=left_by_launcher,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    following = asyncio.create_task(running.run())
    publishing = asyncio.create_task(publish(*node))
    await asyncio.wait({following, asyncio.create_task(stop.wait())}, return_when="FIRST_COMPLETED")
    publishing.cancel()
    if following.done():
        following.result()
    # A service that is away must not keep the node from shutting down: the lines wait in their files.
    await asyncio.wait({asyncio.create_task(running.finish())}, timeout=8)
    following.cancel()
    await asyncio.gather(following, publishing, return_exceptions=True)
    await sink.close()
    await desk.close()


async def publish(nomad_address: str, state_root: str, cache_root: str) -> None:
    """Tell Nomad what this node offers, again every few minutes (a node may come back without it)."""
    from controller.schedulers.nomad.node import publish_interpreters
    from gitops.platforms import glibc
    from gitops.runtimes import interpreters, nodes
    from schemas.errors import HerdsmanError

    if not nomad_address:
        return
    found = {one.minor: str(one.path) for one in (await asyncio.to_thread(interpreters)).values()}
    while True:
        offered = {major: str(one.path) for major, one in (await asyncio.to_thread(nodes)).items()}
        try:
            await publish_interpreters(
                nomad_address,
                found,
                nodes=offered,
                glibc=glibc(),
                token=os.environ.get("NOMAD_TOKEN", ""),
                state_root=state_root,
                cache_root=cache_root,
                ca_file=os.environ.get("NOMAD_CACERT", ""),
            )
            pause = 300.0
        except HerdsmanError as error:
            click.echo(f"error: {error}; tried again in 5 s", err=True)
            pause = 5.0
        await asyncio.sleep(pause)
