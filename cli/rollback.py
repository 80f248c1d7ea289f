"""`herdsman rollback`, `unpin` and `retry`: bots at an earlier revision, whatever git says."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.operations import (
    at_work,
    client_of,
    finish,
    moment,
    quoted,
    reason_option,
    settled,
    tell_late,
    unwell,
    wait_for,
    wait_option,
)
from cli.output import Cell, Column, output_option, print_data, printable, table
from schemas.errors import UsageError
from web.documents.bots import Bot
from web.documents.operations import DeploymentDocument, OperationAnswer, RollbackAnswer

fleet_option = click.option("--fleet", is_flag=True, help="All bots instead of one.")
confirm_option = click.option(
    "--confirm-prune", is_flag=True, help="With --fleet: also where it removes many bots."
)
_SHOWN = 3


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@fleet_option
@click.option(
    "--to", default="", metavar="REVISION", help="A revision that was applied, by its first digits."
)
@click.option("--reason", default="", help="Why, for the record and for whoever looks next.")
@click.option("--until", default="", help="When it ends by itself: 30m, 12h, 2d, or a time in RFC 3339.")
@click.option("--allow-major", is_flag=True, help="Also to another major version of a program.")
@confirm_option
@click.option("--list", "listing", is_flag=True, help="Show what BOT can be rolled back to, and do nothing.")
@wait_option
@output_option
@service_options
def rollback(
    bot: str | None,
    fleet: bool,
    to: str,
    reason: str,
    until: str,
    allow_major: bool,
    confirm_prune: bool,
    listing: bool,
    no_wait: bool,
    output: str,
    **service: Any,
) -> None:
    """Hold BOT (or with --fleet all bots) at an earlier revision, whatever git says, until it is unpinned.

    Without --to, BOT goes back to what it ran last before now and was healthy. Its state is kept.

    \b
    herdsman rollback sma-btc --list
    herdsman rollback sma-btc --reason "loses money since 9f8e7d6"
    herdsman rollback --fleet --to 1a2b3c4 --reason "bad release" --until 12h
    """  # noqa: D301
    _check_subject(bot, fleet)
    if listing:
        _list(client_of(service), bot or "", output)
        return
    if not reason:
        raise UsageError("say why (--reason): it is shown to whoever looks next")
    end = moment(until, time.time()) if until else None
    body = {"to": to, "reason": reason, "until": end, "allow_major": allow_major}
    if bot is None:
        _roll_back_fleet(client_of(service), {**body, "confirm_prune": confirm_prune}, output)
        return
    client = client_of(service)
    client.approve(f"{bot} goes back to {to[:7] or 'what it ran before'} and stays there")
    answer = client.post(f"/api/v1/bots/{bot}/rollback", RollbackAnswer, body)

    def is_back(now: Bot) -> bool:
        there = now.held is not None and now.applied_revision == answer.revision
        return now.health == "Suspended" or (there and settled(now))

    seen = None if no_wait else wait_for(client, bot, is_back)
    _finish(bot, answer, output, seen, no_wait)


def _check_subject(bot: str | None, fleet: bool) -> None:
    if (bot is None) is not fleet:
        raise UsageError("name one bot, or say --fleet for all of them")


def _roll_back_fleet(client: Client, body: dict[str, Any], output: str) -> None:
    if not body["to"]:
        raise UsageError("say to which revision (--to): the dashboard's Revisions page lists them")
    client.approve(f"all bots go back to {body['to'][:7]} and stay there")
    _tell_fleet(client.post("/api/v1/rollback", RollbackAnswer, body), "pinned to", output)


def _tell_fleet(answer: RollbackAnswer, what: str, output: str) -> None:
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        bots = "1 bot changes" if answer.changing == 1 else f"{answer.changing} bots change"
        click.echo(f"fleet  {what} {answer.revision[:7]} by {answer.by}; {bots}")
        if answer.held:
            click.echo(f"held: {answer.held}")
        click.echo("    Watch: herdsman status --watch")
    if answer.held:
        raise SystemExit(1)


def _finish(bot: str, answer: RollbackAnswer, output: str, seen: Bot | None, no_wait: bool) -> None:
    said = OperationAnswer(bot, "rollback", answer.by, answer.at)
    if output in ("json", "yaml"):
        print_data(answer, output)
        if seen is not None and unwell(seen):
            raise SystemExit(1)
    elif seen is None:
        click.echo(f"{bot}  goes back to {answer.revision[:7]}")
        tell_late(bot, seen, no_wait)
    else:
        finish(bot, said, output, f"runs {answer.revision[:7]}", seen, no_wait)
        click.echo(f"    herdsman unpin {bot}   to let it be what git says")


def _list(client: Client, bot: str, output: str) -> None:
    found = client.get(f"/api/v1/bots/{bot}/deployments", list[DeploymentDocument])
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found:
        click.echo(f"nothing was applied to {bot} yet")
        return
    click.echo("\n".join(deployment_lines(found)))


def deployment_lines(found: Sequence[DeploymentDocument]) -> list[str]:
    """Return a line for each spec that was applied to a bot, the newest first."""
    columns = [Column(name) for name in ("REVISION", "APPLIED", "HEALTHY", "PROGRAM", "DIFFERS FROM NOW")]
    rows = [
        [
            Cell(one.revision["id"][:7]),
            Cell(f"{datetime.fromtimestamp(one.applied_at, UTC):%Y-%m-%d %H:%M} UTC"),
            Cell("taken back" if one.refused else "yes" if one.healthy_at else "never"),
            Cell(f"{one.program} {one.version}"),
            Cell("runs now" if one.current else _differences(one)),
        ]
        for one in found
    ]
    return table(columns, rows)


def _differences(one: DeploymentDocument) -> str:
    named = [f"{field['name']} {field['before']} -> {field['after']}" for field in one.fields[:_SHOWN]]
    more = f" and {len(one.fields) - _SHOWN} more" if len(one.fields) > _SHOWN else ""
    return printable(", ".join(named) + more) or "settings"


@click.command()
@click.argument("bot", required=False, shell_complete=bot_names)
@fleet_option
@reason_option
@confirm_option
@click.option("--source", default="", help="With --fleet: whose bots, where there are several sources.")
@wait_option
@output_option
@service_options
def unpin(
    bot: str | None,
    fleet: bool,
    reason: str,
    confirm_prune: bool,
    source: str,
    no_wait: bool,
    output: str,
    **service: Any,
) -> None:
    """Let BOT (or with --fleet all bots) be what git says again, after a rollback."""
    _check_subject(bot, fleet)
    client = client_of(service)
    if bot is None:
        client.approve("all bots become what git says")
        body = {"reason": reason, "source": source, "confirm_prune": confirm_prune}
        _tell_fleet(client.post("/api/v1/unpin", RollbackAnswer, body), "unpinned, now at", output)
        return
    client.approve(f"{bot} becomes what git says")
    answer = client.post(f"/api/v1/bots/{bot}/unpin", RollbackAnswer, {"reason": reason})

    def is_free(now: Bot) -> bool:
        free = now.held is None or now.held["by"] != "bot"
        return free and (now.health == "Suspended" or settled(now))

    seen = None if no_wait else wait_for(client, bot, is_free)
    said = OperationAnswer(bot, "unpin", answer.by, answer.at)
    finish(bot, said, output, f"unpinned by {answer.by}{quoted(reason)}", seen, no_wait)


@click.command()
@click.argument("bot", shell_complete=bot_names)
@reason_option
@wait_option
@output_option
@service_options
def retry(bot: str, reason: str, no_wait: bool, output: str, **service: Any) -> None:
    """Apply once more what git asks of BOT, though it was taken back because it did not get healthy."""
    client, before = at_work(bot, service)
    client.approve(f"{bot} is stopped, and started as git says")
    answer = client.post(f"/api/v1/bots/{bot}/retry", OperationAnswer, {"reason": reason})

    def is_there(now: Bot) -> bool:
        moved = now.started_at != before.started_at
        return moved and now.held is None and settled(now)

    seen = None if no_wait else wait_for(client, bot, is_there)
    finish(bot, answer, output, f"tried again by {answer.by}{quoted(reason)}", seen, no_wait)
