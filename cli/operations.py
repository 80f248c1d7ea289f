"""`herdsman suspend`, `resume`, `restart` and `recover`: what an operator asks for, beside what git says.

Each is recorded by the service with who asked and why.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, RequestRefused, service_options
from cli.known_service import find_service
from cli.output import HEALTH_MARKS, ago, output_option, paint, print_data
from cli.plan import plan_lines
from cli.scope import scope_of, scope_options_of
from schemas.errors import UsageError
from web.documents.bots import Bot, BotDetail
from web.documents.operations import OperationAnswer, RecoverAnswer
from web.documents.revisions import PlanDocument

PATIENCE = 60.0
"""Seconds that a command waits to see its effect; the service goes on by itself after it."""
_UNHAPPY = ("Degraded", "Missing")

reason_option = click.option("--reason", default="", help="Why, for the record and for whoever looks next.")
wait_option = click.option("--no-wait", is_flag=True, help="Do not wait until the bot is there.")


@click.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@scope_options_of
@click.option("--reason", required=True, help="Why, for the record and for whoever looks next.")
@click.option("--until", default="", help="When it ends by itself: 30m, 12h, 2d, or a time in RFC 3339.")
@wait_option
@output_option
@service_options
def suspend(bot: str, reason: str, until: str, no_wait: bool, output: str, **given: Any) -> None:
    """Stop BOT and keep it stopped, whatever git says, until it is resumed (or until --until).

    With --all, --account, --label, --program or --mode: every such bot, and those that come later (--account
    and --mode together: its bots of that mode). A bot under several suspensions runs again once all have
    ended. In an emergency use `herdsman kill`.
    """
    scope, service = scope_of(bot, given)
    end = moment(until, time.time()) if until else None
    if not bot:
        suspend_many(scope, reason, end, output, service)
        return
    client, _ = at_work(bot, service)
    client.approve(f"{bot} is stopped{', until it is resumed' if end is None else f' until {until}'}")
    answer = client.post(f"/api/v1/bots/{bot}/suspend", OperationAnswer, {"reason": reason, "until": end})
    seen = None if no_wait else wait_for(client, bot, lambda now: now.health == "Suspended")
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    show(
        bot,
        "Suspended",
        suspended_text(answer.by, reason, end),
        f"herdsman resume {bot}   to let it run again",
    )
    tell_late(bot, seen, no_wait)


@click.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@scope_options_of
@reason_option
@wait_option
@output_option
@service_options
def resume(bot: str, reason: str, no_wait: bool, output: str, **given: Any) -> None:
    """End the suspension of BOT: it is again what git says.

    With --all, --account, --label, --program or --mode the suspension of exactly these bots.
    """
    scope, service = scope_of(bot, given)
    if not bot:
        resume_many(scope, reason, output, service)
        return
    client, _ = at_work(bot, service)
    client.approve(f"{bot} runs again, as git says")
    answer = client.post(f"/api/v1/bots/{bot}/resume", OperationAnswer, {"reason": reason})
    seen = None if no_wait else wait_for(client, bot, settled)
    finish(bot, answer, output, f"resumed by {answer.by}{quoted(reason)}", seen, no_wait)


@click.command()
@click.argument("bot", shell_complete=bot_names)
@click.option("--reason", required=True, help="Why, for the record and for whoever looks next.")
@wait_option
@output_option
@service_options
def restart(bot: str, reason: str, no_wait: bool, output: str, **service: Any) -> None:
    """End the process of BOT as at a stop, and start it again with the same content."""
    client, before = at_work(bot, service)
    client.approve(f"{bot} is stopped and started again")
    try:
        answer = client.post(f"/api/v1/bots/{bot}/restart", OperationAnswer, {"reason": reason})
    except RequestRefused as error:
        if error.status == 400:  # it is suspended: asked for what cannot be
            raise UsageError(str(error)) from error
        raise

    def is_back(now: Bot) -> bool:
        return now.started_at != before.started_at and settled(now)

    seen = None if no_wait else wait_for(client, bot, is_back)
    finish(bot, answer, output, f"restarted by {answer.by}{quoted(reason)}", seen, no_wait)


def suspend_many(scope: str, reason: str, end: float | None, output: str, service: dict[str, Any]) -> None:
    """Suspend every bot of a scope."""
    client = client_of(service)
    client.approve(f"{must_be(scope)}: every such bot is stopped until it is resumed")
    body = {"scope": scope, "reason": reason, "until": end}
    answer = client.post("/api/v1/suspensions", OperationAnswer, body)
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    click.echo(f"suspended {scope}  {suspended_text(answer.by, reason, end)}")
    click.echo("    herdsman status --watch   to see them stop")


def resume_many(scope: str, reason: str, output: str, service: dict[str, Any]) -> None:
    """End the suspension of exactly this scope."""
    client = client_of(service)
    client.approve(f"{must_be(scope)}: every such bot runs again, as git says")
    body = {"scope": scope, "reason": reason}
    answer = client.post("/api/v1/suspensions/resume", OperationAnswer, body)
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    click.echo(f"resumed {scope}  by {answer.by}{quoted(reason)}")
    click.echo("    what is under no other suspension runs again: herdsman status --watch")


def must_be(scope: str) -> str:
    """Return a scope that somebody named. Raises UsageError."""
    if not scope:
        raise UsageError("say which bots: one by its name, or --all, --account, --label, --program, --mode")
    return scope


@click.command()
@reason_option
@output_option
@service_options
def recover(reason: str, output: str, **service: Any) -> None:
    """Take over the jobs of this fleet that the database does not know, after it was lost or restored.

    Until then herdsman only observes, so that a healthy bot is not stopped by a lost database. After it
    every bot becomes what git says: what that changes is shown, and asked about (--yes in scripts).

    \b
    git push herdsman main                    what the restored repository lacks
    herdsman plan                             what would change then
    herdsman recover --reason "disk lost"
    """  # noqa: D301
    client = client_of(service)
    found = client.get("/api/v1/plan", PlanDocument)
    if changing(found):
        client.approve_always(*plan_lines(found))
    answer = client.post("/api/v1/recover", RecoverAnswer, {"reason": reason})
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        count = len(answer.bots)
        click.echo(f"took over {count} bot{'' if count == 1 else 's'}: {', '.join(answer.bots) or '-'}")
        click.echo("    what git says of them is applied now. Watch: herdsman status --watch")


def changing(found: PlanDocument) -> bool:
    """Tell whether bots that run would be stopped, removed or started anew."""
    return any(action["action"] not in ("none", "create") for action in found.actions)


def client_of(service: dict[str, Path | None]) -> Client:
    """Return a client of the service that the options mean."""
    return Client(find_service(**service))  # type: ignore[arg-type]  # the names of service_options


def at_work(bot: str, service: dict[str, Path | None]) -> tuple[Client, Bot]:
    """Return a client and the bot as it is before anything is asked for. Raises NotFound."""
    client = client_of(service)
    return client, client.get(f"/api/v1/bots/{bot}", BotDetail).bot


def wait_for(client: Client, bot: str, there: Callable[[Bot], bool], seconds: float = PATIENCE) -> Bot | None:
    """Look at the bot until it is there, and return it; None where it is not within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = client.get(f"/api/v1/bots/{bot}", BotDetail).bot
        if there(now):
            return now
        time.sleep(0.2)
    return None


def settled(bot: Bot) -> bool:
    """Say whether a bot is well, or in trouble: as it is now, and not on its way."""
    return bot.health == "Healthy" or unwell(bot)


def unwell(bot: Bot) -> bool:
    """Say whether a bot is in trouble; one that is about to be started is only missing until then."""
    starts = bot.reason == "NotApplied" and bot.operation in ("Waiting", "Running")
    return bot.health in _UNHAPPY and not starts


def finish(
    bot: str, answer: OperationAnswer, output: str, done: str, seen: Bot | None, no_wait: bool
) -> None:
    """Print what was done and how the bot is; the process ends with 1 where the bot is not well."""
    unhappy = seen is not None and unwell(seen)
    if output in ("json", "yaml"):
        print_data(answer, output)
    elif seen is None:
        click.echo(f"{bot}  {done}")
        tell_late(bot, seen, no_wait)
    else:
        after = f"herdsman logs {bot}   to see what it printed last" if unhappy else ""
        show(bot, seen.health, f"{done}; {seen.message}" if seen.message else done, after)
    if unhappy:
        raise SystemExit(1)


def show(bot: str, health: str, text: str, following: str) -> None:
    """Print a bot with the shape of its health, what was done, and the next command."""
    mark, colour = HEALTH_MARKS[health]
    click.echo(f"{bot}  {paint(f'{mark} {health.lower()}', colour)}  {text}")
    if following:
        click.echo(f"    {following}")


def tell_late(bot: str, seen: Bot | None, no_wait: bool) -> None:
    """Say that the effect was not seen yet."""
    if seen is None and not no_wait:
        click.echo(
            f"    not there after {PATIENCE:.0f} s; it goes on. Watch: herdsman status {bot}", err=True
        )


def suspended_text(by: str, reason: str, until: float | None) -> str:
    """Return who suspended it, why, and until when."""
    end = f", until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC" if until else ""
    return f"by {by}{quoted(reason)}{end}"


def quoted(reason: str) -> str:
    """Return a reason as it follows who gave it."""
    return f': "{reason}"' if reason else ""


def moment(text: str, now: float) -> float:
    """Return the Unix time of a length of time from now, or of a time in RFC 3339. Raises UsageError."""
    from schemas.quantities import InvalidQuantity, parse_duration

    try:
        return now + parse_duration(text)
    except InvalidQuantity:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f'--until "{text}": write 30m, 12h, 2d, or a time such as 2026-01-31T06:00Z'
        ) from error
    at = (found if found.tzinfo else found.astimezone()).timestamp()
    if at <= now:
        raise UsageError(f"--until {text} was {ago(now - at)} ago; give a time to come, or leave it out")
    return at
