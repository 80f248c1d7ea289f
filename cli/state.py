"""`herdsman state BOT ...`: a bot's saved state, to look at and to change while the bot stands still."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from cli.bot_names import bot_names
from cli.connection import Client, RequestRefused, service_options
from cli.known_service import find_service
from cli.operations import wait_for
from cli.output import Cell, Column, ago, output_option, print_data, printable, table
from schemas.errors import UsageError
from web.documents.bots import BotDetail
from web.documents.operations import OperationAnswer
from web.documents.states import StateDocument, StateVersionDocument

PATIENCE = 60.0
"""Seconds that a bot which was just stopped has to save its state to the end."""
_CONFLICT = 409

version_option = click.option("--version", type=int, default=0, help="An older version (see history).")
reason_option = click.option("--reason", default="", help="Why, for the record.")
restart_option = click.option(
    "--restart", is_flag=True, help="Suspend the bot, change its state, and resume it."
)


@click.group()
@click.argument("bot", shell_complete=bot_names)
@click.pass_context
def state(ctx: click.Context, bot: str) -> None:
    """List, read, change and restore the saved state of BOT.

    A state is changed only while no copy of the bot runs: suspend it first, or say --restart. What was saved
    last is meant, which may be a little older than what a running bot has. Reading contents needs a token of
    the scope operate.
    """
    ctx.obj = bot


@state.command("list")
@click.pass_obj
@version_option
@output_option
@service_options
def list_(bot: str, version: int, output: str, **service: Any) -> None:
    """List the keys of the newest version, or of an older one."""
    found = client_of(service).get(path(bot), StateDocument, version=version)
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    columns = [Column("KEY"), Column("SIZE", right=True), Column("CHANGED", right=True), Column("SHA-256")]
    now = time.time()
    rows = [
        [
            Cell(printable(one.key)),
            Cell(f"{one.size}"),
            Cell(f"{ago(now - one.modified)} ago"),
            Cell(one.sha256[:12] + (" (changed while it was read)" if one.changing else "")),
        ]
        for one in found.keys
    ]
    click.echo("\n".join(table(columns, rows)) if rows else "no keys")
    click.echo(f"\n{version_text(found.version, now)}")
    for name, reason in found.skipped.items():
        click.echo(f"not saved: {printable(name)}: {reason}", err=True)


@state.command()
@click.argument("key")
@click.pass_obj
@version_option
@click.option("--output", "-o", "target", type=click.Path(path_type=Path), help="A file to write it to.")
@service_options
def get(bot: str, key: str, version: int, target: Path | None, **service: Any) -> None:
    """Print the content of KEY (a key of the SDK, or a file's path)."""
    content = client_of(service).content(f"{path(bot)}/content", key=key, version=version)
    if target is not None:
        target.write_bytes(content)
    elif sys.stdout.isatty():
        click.echo(printable(content.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(content)


@state.command("set")
@click.argument("key")
@click.argument("file", type=click.File("rb"), default="-")
@click.pass_obj
@reason_option
@restart_option
@service_options
def set_(bot: str, key: str, file: Any, reason: str, restart: bool, **service: Any) -> None:
    """Set KEY to the content of FILE, else of standard input."""
    content, client = file.read(), client_of(service)

    def change() -> StateVersionDocument:
        return client.put(f"{path(bot)}/content", StateVersionDocument, content, key=key, reason=reason)

    carry_out(client, bot, change, reason or f"set {key}", restart=restart)


@state.command()
@click.argument("key", required=False, default="")
@click.pass_obj
@click.option("--all", "everything", is_flag=True, help="Delete all keys.")
@reason_option
@restart_option
@service_options
def delete(bot: str, key: str, everything: bool, reason: str, restart: bool, **service: Any) -> None:
    """Delete KEY, or with --all every key: the bot starts empty."""
    if bool(key) == everything:
        raise UsageError("say which key to delete, or --all")
    client = client_of(service)

    def change() -> StateVersionDocument:
        query = {"key": key, "reason": reason, "everything": "true" if everything else ""}
        return client.delete_as(f"{path(bot)}/content", StateVersionDocument, **query)

    carry_out(client, bot, change, reason or f"delete {key or 'all keys'}", restart=restart)


@state.command()
@click.pass_obj
@output_option
@service_options
def history(bot: str, output: str, **service: Any) -> None:
    """List the saved versions, newest first."""
    found = client_of(service).get(f"{path(bot)}/versions", list[StateVersionDocument])
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    columns = [
        *(Column("VERSION", right=True), Column("SAVED", right=True), Column("KEYS", right=True)),
        *(Column("BYTES", right=True), Column("FROM"), Column("")),
    ]
    now = time.time()
    rows = [
        [
            *(Cell(str(one.number)), Cell(f"{ago(now - one.saved_at)} ago"), Cell(str(one.keys))),
            *(Cell(str(one.bytes)), Cell(one.node or one.by), Cell(remark(one))),
        ]
        for one in found
    ]
    click.echo("\n".join(table(columns, rows)) if rows else f"nothing was saved of {bot} yet")


@state.command()
@click.argument("version", type=int, default=0)
@click.pass_obj
@reason_option
@restart_option
@click.option(
    "--accept-loss", is_flag=True, help="Take it though the newest state, on a lost node, was never saved."
)
@service_options
def restore(bot: str, version: int, reason: str, restart: bool, accept_loss: bool, **service: Any) -> None:
    """Make VERSION (the newest saved, where none is given) the state that BOT starts with."""
    client = client_of(service)
    body = {"version": version, "reason": reason, "accept_loss": accept_loss}

    def change() -> StateVersionDocument:
        return client.post(f"{path(bot)}/restore", StateVersionDocument, body)

    carry_out(client, bot, change, reason or f"restore version {version or 'newest'}", restart=restart)


def carry_out(
    client: Client, bot: str, change: Callable[[], StateVersionDocument], reason: str, *, restart: bool
) -> None:
    """Change a state, with the bot suspended for it where that is wanted, and print the new version."""
    client.approve(f"the state of {bot} is changed: {reason}")
    with stopped(client, bot, reason) if restart else as_it_is():
        made = patiently(change) if restart else change()
    click.echo(f"{bot}  {version_text(made, time.time())}; its next start has it")


@contextmanager
def as_it_is() -> Iterator[None]:
    """Change nothing about the bot."""
    yield


@contextmanager
def stopped(client: Client, bot: str, reason: str) -> Iterator[None]:
    """Keep the bot suspended meanwhile. One that is suspended already stays so."""
    where = f"/api/v1/bots/{quote(bot, safe='')}"
    if client.get(where, BotDetail).bot.health == "Suspended":
        yield
        return
    client.post(f"{where}/suspend", OperationAnswer, {"reason": f"its state is changed: {reason}"})
    try:
        wait_for(client, bot, lambda now: now.health == "Suspended")
        yield
    finally:
        client.post(f"{where}/resume", OperationAnswer, {"reason": "its state was changed"})


def patiently(change: Callable[[], StateVersionDocument]) -> StateVersionDocument:
    """Change a state as soon as the last copy's own is saved."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return change()
        except RequestRefused as error:
            if error.status != _CONFLICT or time.monotonic() >= ends:
                raise
            time.sleep(0.5)


def client_of(service: dict[str, Path | None]) -> Client:
    """Return a client of the service that the options mean."""
    return Client(find_service(**service))  # type: ignore[arg-type]  # the names of service_options


def path(bot: str) -> str:
    """Return the address of a bot's state."""
    return f"/api/v1/bots/{quote(bot, safe='')}/state"


def version_text(version: StateVersionDocument, now: float) -> str:
    """Return `version 12, 3 keys, 420 bytes, saved 4 s ago on node a`."""
    keys = "1 key" if version.keys == 1 else f"{version.keys} keys"
    place = f" on node {version.node}" if version.node else f" by {version.by}" if version.by else ""
    age = ago(now - version.saved_at)
    return f"version {version.number}, {keys}, {version.bytes} bytes, saved {age} ago{place}"


def remark(version: StateVersionDocument) -> str:
    """Return what is special about a version."""
    if version.reason:
        return printable(version.reason)
    return "complete" if version.final else ""
