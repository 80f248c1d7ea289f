"""`herdsman refresh`: what an upgrade of herdsman changed about the jobs, applied one bot after another."""

import time
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.operations import client_of, quoted, settled, show, wait_for
from cli.output import output_option, print_data
from schemas.errors import HerdsmanError, UsageError
from web.documents.bots import Bot
from web.documents.operations import OperationAnswer, OutdatedAnswer


class NotHealthy(HerdsmanError):
    """A refreshed bot did not get healthy; the ones after it were left alone."""


@click.command()
@click.argument("bots", metavar="[BOT]...", nargs=-1, shell_complete=bot_names)
@click.option("--all", "everyone", is_flag=True, help="Every bot whose job is outdated.")
@click.option("--reason", default="", help="Why, for the record and for whoever looks next.")
@click.option("--at-once", default=1, show_default=True, help="How many bots restart at the same time.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds that each has to get healthy.")
@output_option
@service_options
def refresh(
    bots: tuple[str, ...],
    everyone: bool,
    reason: str,
    at_once: int,
    timeout: float,
    output: str,
    **service: Any,
) -> None:
    """Apply the current rendering of jobs, which an upgrade of herdsman changed: the bots restart.

    An upgrade itself restarts nobody; a new rendering applies at a bot's next change, or by this. Bots that
    are not live come first. It waits for each to get healthy, and stops at the first that does not. Without
    BOT and --all it only lists the bots whose jobs are outdated.

    \b
    herdsman refresh
    herdsman refresh sma-btc --reason "new launcher"
    herdsman refresh --all --at-once 3 --yes
    """  # noqa: D301
    if bots and everyone:
        raise UsageError("name bots or give --all, not both")
    if at_once < 1:
        raise UsageError(f"--at-once {at_once}: at least one")
    client = client_of(service)
    names = client.get("/api/v1/outdated", OutdatedAnswer, bot=list(bots) or None).bots
    if output in ("json", "yaml") and not (bots or everyone):
        print_data({"outdated": names}, output)
    elif not names:
        click.echo("every job is as it would be rendered now: nothing to refresh")
    elif not (bots or everyone):
        click.echo("\n".join(names))
        click.echo(
            f"{count(names)} outdated. herdsman refresh --all   restarts them, one after another", err=True
        )
    else:
        done = carry_out(client, in_order(client, names), reason, at_once, timeout)
        if output in ("json", "yaml"):
            print_data({"refreshed": done}, output)


def in_order(client: Client, names: list[str]) -> list[Bot]:
    """Return the bots, those that trade for real last."""
    found = {bot.name: bot for bot in client.get("/api/v1/bots", list[Bot])}
    return sorted(
        (found[name] for name in names if name in found), key=lambda bot: (bot.mode == "live", bot.name)
    )


def carry_out(client: Client, bots: list[Bot], reason: str, at_once: int, timeout: float) -> list[str]:
    """Ask, then refresh some bots at a time, and return their names. Raises NotHealthy and Declined."""
    names = [bot.name for bot in bots]
    client.approve_always(
        f"{count(names)} restart, {at_once} at a time:",
        *(f"{bot.name} ({bot.mode}, {bot.health.lower()})" for bot in bots),
    )
    for begin in range(0, len(bots), at_once):
        wave = bots[begin : begin + at_once]
        answers = [
            client.post(f"/api/v1/bots/{bot.name}/refresh", OperationAnswer, {"reason": reason})
            for bot in wave
        ]
        for bot, answer in zip(wave, answers, strict=True):
            settle(client, bot, answer, timeout, reason, left=names[begin + at_once :])
    return names


def settle(
    client: Client, bot: Bot, answer: OperationAnswer, timeout: float, reason: str, left: list[str]
) -> None:
    """Wait until a refreshed bot is healthy and say so. Raises NotHealthy."""
    if not answer.changed or bot.type == "scheduled":
        said = "as it would be rendered now" if not answer.changed else "its next run is of the new rendering"
        click.echo(f"{bot.name}  {said}")
        return
    began = time.monotonic()

    def is_back(now: Bot) -> bool:
        return now.started_at != bot.started_at and settled(now)

    seen = wait_for(client, bot.name, is_back, timeout)
    if seen is not None and seen.health == "Healthy":
        show(bot.name, "Healthy", f"refreshed after {time.monotonic() - began:.0f} s{quoted(reason)}", "")
        return
    how = f"is {seen.health.lower()}: {seen.message}" if seen else f"was not healthy within {timeout:.0f} s"
    rest = f"left as they are: {', '.join(left)}" if left else "it was the last one"
    raise NotHealthy(f"{bot.name} {how}; {rest}\n  herdsman logs {bot.name}   to see what it printed last")


def count(names: list[str]) -> str:
    """Return how many bots these are, in words."""
    return f"{len(names)} bot{'' if len(names) == 1 else 's'}"
