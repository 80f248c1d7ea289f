"""`herdsman kill` and `release`: the kill switch, watched until every bot under it is dead."""

import time
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.operations import client_of, quoted
from cli.output import output_option, paint, print_data
from cli.scope import scope_of, scope_options_of
from schemas.errors import UsageError
from web.documents.operations import OperationAnswer
from web.documents.suspensions import KillDocument

SLACK = 30.0
"""Seconds beyond the most patient bot's kill_timeout that are waited for the last to be dead."""
_EVERY = 0.5
_NAMED = 10


@click.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@scope_options_of
@click.option("--reason", required=True, help="Why, for the record and for whoever looks next.")
@click.option("--wait", type=float, help="Seconds to wait for all to be dead (default: their time + 30).")
@click.option("--no-wait", is_flag=True, help="Do not wait until they are dead.")
@output_option
@service_options
def kill(bot: str, reason: str, wait: float | None, no_wait: bool, output: str, **given: Any) -> None:
    """End bots now, and keep them from starting until `herdsman release`: the kill switch.

    Every bot that is meant (--all, or those of an account, label, program or mode) gets SIGTERM at once, and
    SIGKILL after its own kill_timeout. No push, restart or recovery starts it again. It waits until all are
    dead, and ends with 1 where one is not known to be.

    \b
    herdsman kill --all --reason "runaway orders"
    herdsman kill --account binance-1 --reason "key leaked"
    herdsman kill --mode live --reason "exchange halted"
    herdsman release --all --reason "feed is back"
    """  # noqa: D301
    scope, service = scope_of(bot, given)
    if not scope:
        raise UsageError("say which bots: --all, --account, --label, --program, --mode, or one bot's name")
    client = client_of(service)
    client.approve(f"kill switch: {scope}: these bots end now, and stay so until `herdsman release`")
    found = client.post("/api/v1/kill", KillDocument, {"scope": scope, "reason": reason})
    if output == "table":
        click.echo(f"{paint('kill switch', 'red')}  {found.words}, on since {when(found.since)}")
    if not no_wait:
        found = watch(client, found, wait, quiet=output != "table")
    if output in ("json", "yaml"):
        print_data(found, output)
    else:
        tell(found)
    if not no_wait and not found.complete:
        raise SystemExit(1)


@click.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@scope_options_of
@click.option("--reason", required=True, help="Why, for the record and for whoever looks next.")
@output_option
@service_options
def release(bot: str, reason: str, output: str, **given: Any) -> None:
    """Turn a kill switch off: its bots become what git says (takes an admin token).

    Exactly the switch of the same bots is turned off: `herdsman suspensions` lists those that are on.
    """
    scope, service = scope_of(bot, given)
    if not scope:
        raise UsageError("say which switch: --all, --account, --label, --program, --mode, or one bot's name")
    client = client_of(service)
    client.approve(f"release: {scope}: these bots start again, as git says")
    answer = client.post("/api/v1/release", OperationAnswer, {"scope": scope, "reason": reason})
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    click.echo(f"released by {answer.by}{quoted(reason)}: what git says applies again")
    click.echo("    herdsman status --watch   to see them start")


def watch(client: Client, found: KillDocument, wait: float | None, *, quiet: bool) -> KillDocument:
    """Look until every bot is dead or the time is over; return how far it has come then."""
    began, told = time.monotonic(), ""
    while not settled(found, time.monotonic() - began):
        patience = found.patience + SLACK if wait is None else wait
        if time.monotonic() - began > patience:
            return found
        time.sleep(_EVERY)
        now = client.get("/api/v1/kill", list[KillDocument])
        found = next((one for one in now if one.scope == found.scope), found)
        text = f"    {found.asked} of {found.total} asked to end, {found.dead} dead"
        if text != told and not quiet:
            click.echo(text)
            told = text
    return found


def settled(found: KillDocument, seconds: float) -> bool:
    """Say whether all are dead; that there was none is believed after a look or two."""
    return found.complete and (found.total > 0 or seconds > 4 * _EVERY)


def tell(found: KillDocument) -> None:
    """Print how it ended, and who is not known to be dead."""
    if found.complete:
        jobs = f" ({found.stopping} of their jobs still being stopped)" if found.stopping else ""
        text = f"all {found.total} dead{jobs}" if found.total else "nothing of it ran"
        click.echo(f"    {text}; nothing starts them until: herdsman release")
        return
    click.echo(f"    {found.dead} of {found.total} dead, {found.asked} asked to end", err=True)
    for one in found.survivors[:_NAMED]:
        why = one.why or ("was asked, and is not dead yet" if one.fate == "asked" else "was not asked yet")
        click.echo(f"    {one.bot}: {why}", err=True)
    if len(found.survivors) > _NAMED:
        click.echo(f"    and {found.total - found.dead - _NAMED} others", err=True)
    if found.problem:
        click.echo(f"    {found.problem}", err=True)
    click.echo("    it goes on. Watch: herdsman suspensions", err=True)


def when(moment: float) -> str:
    """Return a moment's time of day in UTC."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))
