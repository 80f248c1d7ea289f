"""`herdsman rules list` and `rules test`: metrics from log lines, and trying them before they ship."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli.bot_names import bot_names
from cli.connection import Client, service_options
from cli.fleet_folder import fleet_around
from cli.known_service import find_service
from cli.moments import ago_or_time
from cli.output import Cell, Column, ago, output_option, print_data, printable, table
from gitops.desired import DesiredState
from gitops.states import state_of_folder
from schemas.bot import BotSpec
from schemas.errors import InvalidManifests, NotFound, UsageError
from schemas.fleet import parse_fleet
from schemas.log_rules import LogRule, parse_rules
from schemas.report import render_errors
from telemetry.bot_series import BotSeries
from telemetry.records import Event
from telemetry.rules.trial import Shown, Trial, Tried
from telemetry.vocabulary import read_line
from web.documents.rules import RulesAnswer
from web.documents.series import EventsAnswer

_PAGE = 1000
_WIDTH = 100
_FLEET_FILE = "herdsman.yaml"


@click.group()
def rules() -> None:
    """List log rules, which make metrics out of log lines, or try them on stored lines."""


@rules.command("list")
@click.option("--bot", default="", shell_complete=bot_names, help="Those of this bot alone.")
@output_option
@service_options
def list_rules(bot: str, output: str, **service: Any) -> None:
    """List the log rules that hold now, and what each matched since herdsman started."""
    client = Client(find_service(**service))
    answer = client.get("/api/v1/rules", RulesAnswer, bot=bot)
    if output in ("json", "yaml"):
        print_data(answer.rules, output)
        return
    if not answer.ready:
        click.echo("the rules are not known yet, or lines are still being read: ask again in a moment")
    if not answer.rules:
        click.echo("no log rules; docs/rules.md says how one is written")
        return
    titles = [Column("RULE"), Column("MATCHED", right=True), Column("NO NUMBER", right=True)]
    titles += [Column("OTHER LABELS", right=True), Column("BOTS", right=True), Column("LAST")]
    titles += [Column("SERIES"), Column("FROM")]
    rows = []
    for one in answer.rules:
        last = f"{ago(time.time() - one.matched_at)} ago" if one.matched_at else "-"
        series = ", ".join([one.count_series, *(name for each in one.fields for name in each.series)])
        counts = [str(number) for number in (one.matches, one.misses, one.others, one.bots)]
        place = f"{one.source + ':' if one.source else ''}{one.file}:{one.line}"
        if one.alone:
            series += " (its pattern is too large to be looked for with others)"
        rows.append([Cell(one.name), *map(Cell, counts), Cell(last), Cell(series), Cell(printable(place))])
    click.echo("\n".join(table(titles, rows)))


@rules.command("test")
@click.argument("path", metavar="[FILE|DIR]", type=click.Path(path_type=Path), default=".")
@click.option("--bot", default="", shell_complete=bot_names, help="On the lines of this bot alone.")
@click.option("--since", default="1d", show_default=True, help="On lines since then: 2h, 1d, or a time.")
@click.option("--lines", "most", default=20_000, show_default=True, help="On so many of the newest lines.")
@click.option("--line", "texts", multiple=True, metavar="TEXT", help="On this line; needs no service.")
@output_option
@service_options
def test_rules(
    path: Path, bot: str, since: str, most: int, texts: tuple[str, ...], output: str, **service: Any
) -> None:
    """Try the log rules of a fleet's folder, or of one file, on lines that were printed already.

    Nothing is changed. Each rule: how many lines it matched, some of them with the numbers and labels out of
    them, lines that matched and held no number, and its cost. Exit code 1 where a rule is not sound.
    """
    found, specs = rules_of(path)
    if not found:
        raise NotFound(f"{path} has no log rules; docs/rules.md says how one is written")
    trial = Trial(found)
    if texts:
        lines = [event for event in (_printed(one, bot) for one in texts) if event.kind == "log"]
        if len(lines) < len(texts):
            click.echo("metric lines (_metric) are series already: no rule looks at them", err=True)
        for place in range(len(found)):
            trial.take(place, lines)
    else:
        client = Client(find_service(**service))
        for page in stored_lines(client, bot, ago_or_time(since), most):
            take_page(trial, page, specs)
    if output in ("json", "yaml"):
        print_data([document(one) for one in trial.tried], output)
        return
    click.echo("\n".join(report(trial.tried)))


def _printed(line: str, bot: str) -> Event:
    """Return a line as the event that it would be."""
    read = read_line(line.encode("utf-8", "replace"), time.time(), BotSeries({}))
    return Event("line/0", bot or "-", read.time, read.kind, read.level, read.message, data=read.data)


def rules_of(path: Path) -> tuple[tuple[LogRule, ...], Mapping[str, BotSpec]]:
    """Return the rules of a folder or file, and the bots of the fleet around it. Raises InvalidManifests."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    around = fleet_around(path if path.is_dir() else path.parent)
    state = state_of_folder(around) if around else None
    specs = state.bots if state else {}
    if path.is_dir():
        if state is None or around is None:
            raise UsageError(
                f"{path} lies in no fleet: no folder above it holds herdsman.yaml, bots/ or .git"
            )
        return _of_folder(state, path.resolve().relative_to(around).as_posix()), specs
    parse = _own_rules if path.name == _FLEET_FILE else parse_rules
    rules, errors = parse(str(path), path.read_bytes())
    if errors:
        if any(not error.warning for error in errors):
            raise InvalidManifests(tuple(errors))
        click.echo(render_errors(tuple(errors)), err=True)
    return rules or (), specs


def _own_rules(file: str, content: bytes) -> Any:
    settings, errors = parse_fleet(file, content)
    return (settings.rules if settings else None), errors


def _of_folder(state: DesiredState, inside: str) -> tuple[LogRule, ...]:
    rules = [one for one in state.settings.rules if inside == "." or one.file.startswith(f"{inside}/")]
    files = {one.file for one in rules} | {_FLEET_FILE}
    errors = tuple(one for one in state.errors if one.file in files or one.file.startswith("rules/"))
    if any(not error.warning for error in errors):
        raise InvalidManifests(errors)
    if errors:
        click.echo(render_errors(errors), err=True)
    return tuple(rules)


def stored_lines(client: Client, bot: str, since: str, most: int) -> Iterator[list[Event]]:
    """Yield stored log lines, newest first, in pages."""
    cursor, left = "", most
    while left > 0:
        query = {"kind": "log", "start": since, "bot": bot, "limit": min(left, _PAGE), "cursor": cursor}
        page = client.get("/api/v1/events", EventsAnswer, **query)
        events = [
            Event(one.id, one.bot, one.time, one.kind, one.level, one.message, data=one.data)
            for one in page.events
        ]
        if events:
            yield events
        cursor, left = page.next_cursor, left - len(events)
        if not cursor or not events:
            return


def take_page(trial: Trial, page: Sequence[Event], specs: Mapping[str, BotSpec]) -> None:
    """Try each rule on the lines of those bots that it is for."""
    for place, tried in enumerate(trial.tried):
        bots = {event.bot for event in page}
        wanted = {bot for bot in bots if _covers(tried.rule, bot, specs.get(bot))}
        trial.take(place, [event for event in page if event.bot in wanted])


def _covers(rule: LogRule, bot: str, spec: BotSpec | None) -> bool:
    """Say whether a rule is for a bot; of one that the folder does not have only the name is known."""
    if spec is None:
        return rule.scope.covers(bot, "", "", {})
    return rule.scope.covers(bot, spec.program.name, spec.environment, spec.labels)


def document(one: Tried) -> dict[str, Any]:
    """Return what came of a rule as data."""
    return {
        "rule": one.rule.name,
        "lines": one.lines,
        "matched": one.matched,
        "no_number": one.misses,
        "label_sets": len(one.label_sets),
        "microseconds_a_line": cost(one),
        "samples": one.samples,
        "near": one.near,
    }


def cost(one: Tried) -> float | None:
    """Return the microseconds that a rule took for a line, None where it saw none."""
    return round(one.seconds / one.lines * 1e6, 2) if one.lines else None


def report(tried: Sequence[Tried]) -> Iterator[str]:
    """Yield a table of the rules, then some lines of each."""
    titles = [Column("RULE"), Column("LINES", right=True), Column("MATCHED", right=True)]
    titles += [Column("NO NUMBER", right=True), Column("LABEL SETS", right=True), Column("COST", right=True)]
    yield from table(titles, [_row(one) for one in tried])
    for one in tried:
        if one.samples or one.near:
            yield ""
            yield one.rule.name
            yield from (f"  {_sample(shown)}" for shown in one.samples)
            yield from (f"  {_near(shown)}" for shown in one.near)


def _row(one: Tried) -> list[Cell]:
    share = f"{one.matched / one.lines:.1%}" if one.lines else "-"
    too_many = len(one.label_sets) > one.rule.most_labels
    spent = cost(one)
    return [
        Cell(one.rule.name),
        Cell(str(one.lines)),
        Cell(f"{one.matched} ({share})", None if one.matched else "yellow"),
        Cell(str(one.misses), "yellow" if one.misses else None),
        Cell(str(len(one.label_sets)) if one.rule.labels else "-", "yellow" if too_many else None),
        Cell("-" if spent is None else f"{spent:g} µs/line"),
    ]


def _sample(shown: Shown) -> str:
    read = [f"{name}={value:g}" for name, value in shown.values.items()]
    read += [f"{name}={value}" for name, value in shown.labels.items()]
    return printable(f"{shown.bot}  {_first(shown)}" + (f"   -> {'  '.join(read)}" if read else ""))


def _near(shown: Shown) -> str:
    missed = ", ".join(f'{name}="{text}"' for name, text in shown.missed.items())
    return printable(f"{shown.bot}  {_first(shown)}   -> no number: {missed}")


def _first(shown: Shown) -> str:
    line = shown.message.split("\n", 1)[0]
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
