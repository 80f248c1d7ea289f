"""`herdsman alerts`: what fires and why, what happened, who looks after it, what is muted."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from cli.alert_trials import test_alerts
from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.operations import moment, reason_option
from cli.output import Cell, Column, ago, output_option, paint, print_data, printable, table
from schemas.errors import NotFound, UsageError
from telemetry.units import measured
from web.alert_documents import (
    AlertDocument,
    AlertHistoryAnswer,
    AlertsAnswer,
    EndMuteAnswer,
    MuteDocument,
)

COLOURS = {"firing": "red", "pending": "yellow", "ok": "green"}
MARKS = {"firing": "●", "pending": "◐", "ok": "○"}
WIDTH = 70


_of_rule = click.option("--rule", metavar="NAME", default="", help="Of this rule alone.")


@click.group()
def alerts() -> None:
    """List what fires and why, its history; look after it, mute it; try rules before they ship.

    Rules stand in git: `alerts:` and `risk:` of herdsman.yaml and of bots (docs/alerts.md).
    """


alerts.add_command(test_alerts)


@alerts.command("list")
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@_of_rule
@click.option("--all", "everything", is_flag=True, help="Every rule, also those that are ok.")
@click.option("-n", "--limit", default=200, show_default=True, help="How many at most.")
@output_option
@service_options
def list_alerts(bot: str, rule: str, everything: bool, limit: int, output: str, **service: Any) -> None:
    """List the alerts of BOT, or of every bot: those that fire first."""
    client = Client(find_service(**service))
    states = "all" if everything else None
    answer = client.get(
        "/api/v1/alerts", AlertsAnswer, bot=bot or None, rule=rule or None, states=states, limit=limit
    )
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    if not answer.alerts:
        click.echo(f"nothing fires{f' of {bot}' if bot else ''}; {answer.rules} rules are ok")
    else:
        titles = [Column(name) for name in ("", "BOT", "RULE", "SEVERITY", "SINCE", "DONE", "WHY")]
        click.echo("\n".join(table(titles, [_row(one, wide=output == "wide") for one in answer.alerts])))
    for mute in answer.mutes:
        click.echo(f"muted  {_muted(mute)}")


def _row(one: AlertDocument, *, wide: bool) -> list[Cell]:
    said = printable(one.text)
    note = " (muted)" if one.muted else f" (ack by {printable(one.acked_by)})" if one.acked_by else ""
    text = said if wide or len(said) <= WIDTH else f"{said[: WIDTH - 1]}…"
    return [
        Cell(MARKS[one.state], COLOURS[one.state]),
        Cell(one.bot),
        Cell(one.rule),
        Cell(one.severity, "red" if one.severity == "critical" and one.state == "firing" else None),
        Cell(ago(time.time() - one.since) if one.state != "ok" else "-"),
        Cell(one.action or "-", "red" if one.action == "failed" else None),
        Cell(text + note if one.state != "ok" else "-"),
    ]


@alerts.command("show")
@click.argument("bot", shell_complete=bot_names)
@click.argument("rule")
@output_option
@service_options
def show_alert(bot: str, rule: str, output: str, **service: Any) -> None:
    """Show how RULE stands for BOT: why, since when, by which values, what was done, and before."""
    client = Client(find_service(**service))
    answer = client.get("/api/v1/alerts", AlertsAnswer, bot=bot, rule=rule, states="all")
    if not answer.alerts:
        raise NotFound(f"{bot} has no rule {rule}: `herdsman alerts list {bot} --all` names its rules")
    past = client.get("/api/v1/alerts/history", AlertHistoryAnswer, bot=bot, rule=rule, limit=10)
    if output in ("json", "yaml"):
        print_data({"alert": answer.alerts[0], "history": past.alerts}, output)
        return
    for line in (*_head(answer.alerts[0]), *_past(past.alerts)):
        click.echo(line)


def _head(one: AlertDocument) -> Iterator[str]:
    since = f"  since {_when(one.since)}" if one.since else ""
    yield f"{one.bot}  {one.rule}  {paint(one.state, COLOURS[one.state])}  {one.severity}{since}"
    if one.message:
        yield f"  says    {printable(one.message)}"
    if one.text:
        yield f"  why     {printable(one.text)}"
    if one.samples:
        values = ", ".join(measured(value, one.unit) for _, value in one.samples)
        yield f"  values  {values}"
    if one.does:
        done = f": {one.action} ({printable(one.action_text)})" if one.action else ""
        yield f"  action  {one.does}{done}"
    if one.acked_by:
        yield f"  ack     by {printable(one.acked_by)}: {printable(one.ack_reason) or 'no reason given'}"
    if one.muted:
        yield "  muted   nobody is told of it now"


@alerts.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@_of_rule
@click.option("--since", help="Since then: -15m, -2h, or a time in RFC 3339.")
@click.option("-n", "--limit", default=50, show_default=True, help="How many at most.")
@output_option
@service_options
def history(bot: str, rule: str, since: str | None, limit: int, output: str, **service: Any) -> None:
    """List what happened to the alerts of BOT, or of every bot: fired, recovered, acted; the newest first."""
    client = Client(find_service(**service))
    answer = client.get(
        "/api/v1/alerts/history",
        AlertHistoryAnswer,
        bot=bot or None,
        rule=rule or None,
        start=since,
        limit=limit,
    )
    if output in ("json", "yaml"):
        print_data(answer.alerts, output)
        return
    if not answer.alerts:
        click.echo("no alert has fired")
    for line in _past(answer.alerts):
        click.echo(line)


def _past(found: list[AlertDocument]) -> Iterator[str]:
    for one in found:
        colour = {"fired": "red", "failed": "red", "recovered": "green"}.get(one.what)
        by = f" by {printable(one.acked_by)}" if one.what == "acknowledged" else ""
        yield f"{_when(one.at)}  {one.bot}  {one.rule}  {paint(one.what, colour)}{by}  {printable(one.text)}"


@alerts.command()
@click.argument("bot", shell_complete=bot_names)
@click.argument("rule")
@reason_option
@output_option
@service_options
def ack(bot: str, rule: str, reason: str, output: str, **service: Any) -> None:
    """Say that you look after the alert RULE of BOT: nobody is told of it again until it is over."""
    client = Client(find_service(**service))
    client.approve(f"nobody is told again of {rule} of {bot} until it is over")
    body = {"bot": bot, "rule": rule, "reason": reason}
    one = client.post("/api/v1/alerts/ack", AlertDocument, body)
    if output in ("json", "yaml"):
        print_data(one, output)
        return
    click.echo(f"{rule} of {bot} is looked after by {printable(one.acked_by)}")


@alerts.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@_of_rule
@click.option("--for", "length", metavar="TIME", default="1h", show_default=True, help="30m, 12h, 2d.")
@reason_option
@output_option
@service_options
def mute(bot: str, rule: str, length: str, reason: str, output: str, **service: Any) -> None:
    """Have nobody told of the alerts of BOT, of --rule of every bot, or of both, for some time.

    What fires is shown and recorded, and its action carried out; what still fires at the end is told then.
    """
    if not bot and not rule:
        raise UsageError("say of which BOT or of which --rule nobody is to be told")
    now = time.time()
    seconds = moment(length, now) - now
    client = Client(find_service(**service))
    client.approve(f"nobody is told of {' '.join(filter(None, (bot, rule)))} for {length}")
    body = {"bot": bot, "rule": rule, "seconds": seconds, "reason": reason}
    one = client.post("/api/v1/alerts/mutes", MuteDocument, body)
    if output in ("json", "yaml"):
        print_data(one, output)
        return
    click.echo(f"muted  {_muted(one)}")


@alerts.command()
@click.argument("identity", metavar="ID")
@output_option
@service_options
def unmute(identity: str, output: str, **service: Any) -> None:
    """End the mute ID before its time; `herdsman alerts list` shows the ids."""
    client = Client(find_service(**service))
    client.approve(f"the mute {identity} ends now")
    answer = client.delete_as(f"/api/v1/alerts/mutes/{identity}", EndMuteAnswer)
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    click.echo(f"ended  {_muted(answer.ended)}")


def _muted(one: MuteDocument) -> str:
    about = " ".join(filter(None, (one.bot or "every bot", one.rule)))
    return (
        f"{one.id}  {about}  until {_when(one.until)}  by {printable(one.by)}: {printable(one.reason) or '-'}"
    )


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
