"""`herdsman errors`, `explain` and `resolve`: the errors of bots, what they mean, and that they are over."""

import re
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, RequestRefused, service_options
from cli.known_service import find_service
from cli.logs import line_of
from cli.operations import reason_option
from cli.output import Cell, Column, ago, output_option, paint, print_data, printable, table
from schemas.errors import NotFound, UsageError
from web.documents.series import LogEvent
from web.error_documents import CodeAnswer, ErrorDetail, ErrorSummary, ExplainAnswer, RuleDocument

COLOURS = {"new": "red", "regressed": "red", "ongoing": "yellow", "resolved": "green"}
WIDTH = 100
LINES_BEFORE = 8
_ID = re.compile(r"[0-9a-f]{12}")


@click.command()
@click.argument("bot", required=False, default="", shell_complete=bot_names)
@click.option("--program", metavar="NAME", default="", help="Of the bots of this program.")
@click.option(
    "--state",
    "states",
    metavar="STATE",
    default="",
    help="new, ongoing, regressed, resolved, by commas, or all (else all but resolved).",
)
@click.option("--since", help="Seen since then: -15m, -2h, or a time in RFC 3339.")
@click.option("-n", "--limit", default=50, show_default=True, help="How many at most.")
@output_option
@service_options
def errors(
    bot: str, program: str, states: str, since: str | None, limit: int, output: str, **service: Any
) -> None:
    """List the errors of BOT, or of every bot: what is the same error is one line.

    An error is new, ongoing, regressed (it came back at a later revision) or resolved.
    """
    client = Client(find_service(**service))
    query = {"bot": bot or None, "program": program or None, "states": states or None, "start": since}
    found = client.get("/api/v1/errors", list[ErrorSummary], limit=limit, **query)
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    if not found:
        narrowed = any((program, states, since))
        click.echo(f"no errors{' of that kind' if narrowed else ''}{f' of {bot}' if bot else ''}")
        return
    titles = [Column("ID"), Column("BOT"), Column("STATE"), Column("COUNT", right=True), Column("LAST")]
    titles += [Column("SINCE"), Column("WHERE"), Column("ERROR")]
    click.echo("\n".join(table(titles, [_row(one, wide=output == "wide") for one in found])))
    click.echo(f"\nherdsman explain {found[0].id}   says what the first means, and what to do")


def _row(one: ErrorSummary, *, wide: bool) -> list[Cell]:
    said = printable(headline(one))
    return [
        Cell(one.id),
        Cell(one.bot),
        Cell(one.state, COLOURS.get(one.state)),
        Cell(str(one.count)),
        Cell(f"{ago(time.time() - one.last_seen)} ago"),
        Cell(one.since_revision[:7] or "-"),
        Cell(place(one) or "-"),
        Cell(said if wide or len(said) <= WIDTH - 30 else f"{said[: WIDTH - 31]}…"),
    ]


def headline(one: ErrorSummary) -> str:
    """Return type and message on one line."""
    type_ = one.type.rpartition(".")[2] or one.type
    if type_ == "error":
        return one.message
    return f"{type_}: {one.message}" if one.message else type_


def place(one: ErrorSummary) -> str:
    """Return where in the program it went wrong."""
    return printable(f"{one.file}:{one.line}" if one.file and one.line else one.file or one.function)


@click.command()
@click.argument("error", metavar="ERROR|BOT", shell_complete=bot_names)
@click.option("--model", is_flag=True, help="Ask the language model that the service was given as well.")
@output_option
@service_options
def explain(error: str, model: bool, output: str, **service: Any) -> None:
    """Explain ERROR (an id of `herdsman errors`), or the newest error of a bot: likely cause, and fix.

    With the source lines at the revision that ran, who wrote them, and what came before it.
    """
    client = Client(find_service(**service))
    identity = error if _ID.fullmatch(error) else newest_of(client, error)
    answer = client.post(f"/api/v1/errors/{identity}/explain", ExplainAnswer, {"model": model})
    detail = client.get(f"/api/v1/errors/{identity}", ErrorDetail)
    code = source_of(client, detail.error)
    if output in ("json", "yaml"):
        print_data({"explanation": answer, "detail": detail, "code": code}, output)
        return
    for line in (*head_lines(detail), *explained_lines(answer), *frame_lines(detail)):
        click.echo(line)
    for line in (*code_lines(code), *before_lines(detail)):
        click.echo(line)


def newest_of(client: Client, bot: str) -> str:
    """Return the id of a bot's newest error. Raises NotFound."""
    found = client.get("/api/v1/errors", list[ErrorSummary], bot=bot, states="all", limit=1)
    if not found:
        raise NotFound(f"{bot} is no id of an error, and no bot of that name has had one: herdsman errors")
    return found[0].id


def source_of(client: Client, error: ErrorSummary) -> CodeAnswer | None:
    """Return the lines where it went wrong, None where they cannot be had."""
    if not error.file or not error.line:
        return None
    query = {"program": error.program, "version": error.version, "revision": error.last_revision}
    try:
        return client.get("/api/v1/code", CodeAnswer, file=error.file, line=error.line, **query)
    except (NotFound, RequestRefused):
        return None


def head_lines(detail: ErrorDetail) -> Iterator[str]:
    """Yield what it is, whose, since when and how often."""
    one = detail.error
    yield paint(printable(headline(one)), "red")
    seen = f"{one.count} time{'s' if one.count != 1 else ''}, last {ago(time.time() - one.last_seen)} ago"
    state = paint(one.state, COLOURS.get(one.state))
    since = f" since {one.since_revision[:7]}" if one.since_revision else ""
    yield f"{one.bot}  {one.program} {one.version}  {state}{since}  {seen}  ({one.id})"
    if detail.bots:
        yield f"the same in {', '.join(detail.bots[:5])}{' and others' if len(detail.bots) > 5 else ''}"
    if detail.resolution:
        said = f": {detail.resolution['reason']}" if detail.resolution["reason"] else ""
        yield printable(f"resolved by {detail.resolution['by']}{said}")
    yield ""


def explained_lines(answer: ExplainAnswer) -> Iterator[str]:
    """Yield the explanation, further ones by their titles, and a model's word, labelled as such."""
    yield from _rule_lines(answer.explanation)
    for other in answer.others:
        yield f"it may also be: {printable(other.title)}"
    if answer.model is not None:
        yield ""
        yield paint(f"the language model {answer.model.name} says (it may be wrong):", "yellow")
        yield from _wrapped(printable(answer.model.text or answer.model.problem), "  ")
    yield ""


def _rule_lines(rule: RuleDocument) -> Iterator[str]:
    yield printable(rule.title)
    yield from _wrapped(f"likely cause: {printable(rule.cause)}", "  ")
    yield from _wrapped(f"what to do: {printable(rule.fix)}", "  ")


def _wrapped(text: str, indent: str) -> list[str]:
    return [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(part, WIDTH, initial_indent=indent, subsequent_indent=indent * 2) or [""]
    ]


def frame_lines(detail: ErrorDetail) -> Iterator[str]:
    """Yield the bot's own frames of what was thrown last, the outermost first."""
    own = [one for thrown in detail.trace[:1] for one in thrown.frames if one.in_app]
    if len(own) > 1:
        yield "the bot's way there: " + " -> ".join(
            f"{printable(one.function) or '?'} {printable(one.file)}:{one.line}" for one in own[-6:]
        )
        yield ""


def code_lines(code: CodeAnswer | None) -> Iterator[str]:
    """Yield the source lines, each with the commit that wrote it."""
    if code is None:
        return
    yield printable(f"{code.path} at {code.commit[:7]}{f'  {code.url}' if code.url else ''}")
    for line in code.lines:
        mark = ">" if line.number == code.line else " "
        who = f"{line.commit[:7]} {printable(line.author[:12]):<12}" if line.commit else " " * 20
        text = f"{mark} {line.number:>5}  {printable(line.text)}"
        yield f"{paint(who, 'bright_black')} {paint(text, 'red' if mark == '>' else None)}".rstrip()
    yield ""


def before_lines(detail: ErrorDetail) -> Iterator[str]:
    """Yield the last lines and orders before it, oldest first."""
    if detail.lines:
        yield "before it:"
    yield from (f"  {_short(one)}" for one in reversed(detail.lines[:LINES_BEFORE]))
    if detail.trades:
        yield "its last orders and fills:"
    yield from (f"  {_short(one)}" for one in reversed(detail.trades[:LINES_BEFORE]))


def _short(event: LogEvent) -> str:
    """Return an event on one line: of a trace its first line, and how many follow."""
    first, _, rest = line_of(event).partition("\n")
    more = f"  [and {rest.count(chr(10)) + 1} more lines]" if rest else ""
    return f"{first[:WIDTH]}{more}"


@click.command()
@click.argument("error", metavar="ERROR")
@click.option("--reopen", is_flag=True, help="Take back that it is resolved.")
@reason_option
@output_option
@service_options
def resolve(error: str, reopen: bool, reason: str, output: str, **service: Any) -> None:
    """Say that ERROR (an id of `herdsman errors`) is resolved, for the record.

    It has regressed if it comes back at a revision that did not have it before.
    """
    if not _ID.fullmatch(error):
        raise UsageError(f'"{error}" is no id of an error: `herdsman errors` lists them')
    client = Client(find_service(**service))
    action = "reopen" if reopen else "resolve"
    client.approve(f"the error {error} is {'open again' if reopen else 'resolved'}")
    answer = client.post(f"/api/v1/errors/{error}/{action}", ErrorSummary, {"reason": reason})
    if output in ("json", "yaml"):
        print_data(answer, output)
        return
    click.echo(f"{answer.id}  {answer.bot}  {answer.state}: {printable(headline(answer))}")
