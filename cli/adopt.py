"""`herdsman adopt`: bots that take the place of jobs which herdsman did not start."""

from datetime import UTC, datetime
from typing import Any

import click

from cli.connection import Client, service_options
from cli.operations import client_of
from cli.output import Cell, Column, output_option, print_data, printable, table
from schemas.errors import UsageError
from web.documents.adoption import AdoptableDocument, AdoptableJob
from web.documents.operations import OperationAnswer


@click.command()
@click.argument("bot", required=False, default="")
@click.option("--job", default="", metavar="ID", help="The job whose place BOT takes.")
@click.option("--reason", default="", help="Why, for the record and for whoever looks next.")
@click.option("--cancel", is_flag=True, help="BOT is to take nobody's place after all.")
@click.option("--beside", is_flag=True, help="With --cancel: BOT and the job may live side by side.")
@output_option
@service_options
def adopt(bot: str, job: str, reason: str, cancel: bool, beside: bool, output: str, **service: Any) -> None:
    """Have BOT take the place of a job that herdsman did not start; without BOT, list such jobs.

    The job runs on until git has BOT. Then BOT is built, the job is stopped (with its own time to end), each
    copy of it is seen dead, and BOT starts: there are never two, and between them nothing trades. What the
    job keeps in files is not taken over. It shows the job and asks before anything is recorded. Where
    BOT would be refused, the job runs on.

    --cancel takes that back while git does not have BOT, or BOT is suspended, and before the job was asked to
    end. The job runs on, and herdsman does not end it any more: where git has BOT later, BOT waits until the
    job has ended. --beside lets BOT start beside it, for a job that never was the same bot.

    \b
    herdsman adopt                                             jobs that are not this fleet's
    herdsman adopt sma-btc --job momentum --reason "to herdsman"
    git push                                                   bots/sma-btc.yaml
    herdsman adopt sma-btc --cancel                            before that push: rather not
    herdsman adopt sma-btc --cancel --beside                   it was the wrong job: both may live
    """  # noqa: D301
    client = client_of(service)
    if not bot:
        _list(client, output)
        return
    if cancel:
        _cancel(client, bot, beside, output)
        return
    if not job or not reason:
        raise UsageError("say which job (--job; `herdsman adopt` lists them) and why (--reason)")
    found = client.get("/api/v1/adoptable", AdoptableDocument)
    known = next((one for one in found.jobs if one.id == job), None)
    if known is None:
        raise UsageError(f"there is no job {job} here that is not this fleet's; `herdsman adopt` lists them")
    client.approve_always(*job_lines(bot, known))
    body = {"job": job, "token": known.token, "reason": reason}
    answer = client.post(f"/api/v1/bots/{bot}/adopt", OperationAnswer, body)
    _tell(bot, answer, output, f"takes the place of the job {job} once git has it; until then that runs on")


def _cancel(client: Client, bot: str, beside: bool, output: str) -> None:
    after = f"beside {bot} where that starts later" if beside else f"and {bot} waits until it has ended"
    client.approve(f"{bot} takes nobody's place; the job runs on, {after}")
    query = {"beside": True} if beside else {}
    answer = client.delete_as(f"/api/v1/bots/{bot}/adopt", OperationAnswer, **query)
    _tell(bot, answer, output, f"takes nobody's place; the job runs on, {after}")


def job_lines(bot: str, job: AdoptableJob) -> list[str]:
    """Return what is known of a job, and what will happen to it and to the bot, step by step."""
    since = (
        f", since {datetime.fromtimestamp(job.submitted_at, UTC):%Y-%m-%d %H:%M} UTC"
        if job.submitted_at
        else ""
    )
    copies = "1 copy" if job.copies == 1 else f"{job.copies} copies"
    return [
        printable(f"job {job.id}: {job.kind}, {job.status}, {copies} running{since}"),
        *([printable(f"  it is of the fleet {job.fleet}, which answers for it")] if job.fleet else []),
        f"1. nothing, until git has the bot {bot}; then {bot} is built",
        f"2. the job {printable(job.id)} is stopped, and its runs; it stays there as a stopped job",
        f"3. once every copy of it is dead, {bot} starts with a lease of its own and an empty state",
        "whatever deploys the job otherwise must not do so again: nothing would keep the two apart",
    ]


def _tell(bot: str, answer: OperationAnswer, output: str, what: str) -> None:
    if output in ("json", "yaml"):
        print_data(answer, output)
    else:
        click.echo(f"{bot}  {what}")


def _list(client: Client, output: str) -> None:
    found = client.get("/api/v1/adoptable", AdoptableDocument)
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found.jobs and not found.waiting:
        click.echo("every job here is this fleet's")
        return
    columns = [Column(name) for name in ("JOB", "KIND", "STATUS", "COPIES", "WHOSE")]
    rows = [
        [
            Cell(printable(one.id)),
            Cell(one.kind),
            Cell(one.status),
            Cell(str(one.copies)),
            Cell(printable(one.whose or one.fleet)),
        ]
        for one in found.jobs
    ]
    click.echo("\n".join(table(columns, rows)))
    for one in found.waiting:
        click.echo(printable(f"{one.bot} and {one.job}: {one.message} (by {one.by}: {one.reason})"))
