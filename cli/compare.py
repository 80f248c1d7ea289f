"""`herdsman compare`: two revisions of a bot side by side, or of many bots, or two groups of bots."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from cli.bot_names import bot_names
from cli.compare_groups import report_groups
from cli.connection import Client, service_options
from cli.known_service import find_service
from cli.metrics import called, shown, sized_of
from cli.moments import ago_or_time
from cli.output import Cell, Column, ago, output_option, paint, print_data, printable, sized, table
from schemas.errors import UsageError
from web.documents.comparing import (
    ComparisonDocument,
    LineChangeDocument,
    NumbersDocument,
    PeriodDocument,
    SeriesChangeDocument,
    TogetherDocument,
)

_MARKS = {"new": "+", "gone": "-", "more": "^", "less": "v", "higher": "^", "lower": "v", "few": "?"}
_COLOURS = {"new": "yellow", "more": "yellow", "gone": "blue", "less": "blue"}
_SAME = ("same", "few")
_WIDTH = 90


@click.command()
@click.argument("bot", metavar="BOT|GROUP", shell_complete=bot_names)
@click.argument("before", metavar="[REV1|GROUP2]", required=False, default="")
@click.argument("after", metavar="[REV2]", required=False, default="")
@click.option("--since", default="1d", show_default=True, help="Two groups: since then (7 days at most).")
@output_option
@service_options
def compare(bot: str, before: str, after: str, since: str, output: str, **service: Any) -> None:
    """Compare two revisions of BOT: by default the one that ran last with the one before it.

    A GROUP is program=NAME, label=KEY=VALUE, account=NAME, mode=dry or all: its bots before and after a
    revision; two groups: one beside the other over one time. Live and dry bots are apart.

    Series by their medians, counters by their rates, error groups, kinds of log lines, memory. What is as
    it was is left out (-o wide shows it). Trading figures are shown and not judged.
    """
    client = Client(find_service(**service))
    if _is_group(bot):
        group_query = _group_query(bot, before, after, since)
        together = client.get("/api/v1/compare", TogetherDocument, **group_query)
        if output in ("json", "yaml"):
            print_data(together, output)
        else:
            click.echo("\n".join(report_groups(bot, together, everything=output == "wide")))
        return
    query = {"before": before, "after": after}
    found = client.get(f"/api/v1/bots/{bot}/compare", ComparisonDocument, **query)
    if output in ("json", "yaml"):
        print_data(found, output)
        return
    click.echo("\n".join(report(found, everything=output == "wide")))


def _is_group(text: str) -> bool:
    """Say whether bots are meant by what they have in common: no bot's name has a =."""
    return "=" in text or text == "all"


def _group_query(of: str, before: str, after: str, since: str) -> dict[str, str]:
    if not _is_group(before):
        return {"of": of, "before": before, "after": after}
    if after:
        raise UsageError("two groups are compared over one time: give --since, no revision")
    return {"of": of, "with": before, "start": ago_or_time(since)}


def report(found: ComparisonDocument, *, everything: bool) -> Iterator[str]:
    """Yield the two revisions, what to beware of, and what differs."""
    yield f"{found.bot}"
    yield f"  before  {_period(found.before)}"
    yield f"  after   {_period(found.after)}"
    yield from (paint(f"  note: {printable(one)}", "yellow") for one in found.cautions)
    errors = [one for one in found.errors if everything or one.verdict != "same"]
    yield from _section("ERRORS", [_error_row(one) for one in errors], "as before")
    lines = [one for one in found.lines if everything or one.verdict != "same"]
    yield from _section("LOG LINES (a minute)", [_line_row(one) for one in lines], "as before")
    for section in ("metrics", "resources", "trading"):
        own = [one for one in found.series if one.section == section]
        changed = [one for one in own if everything or one.verdict not in _SAME]
        said = "as before" if own else "none"
        yield from _section(f"{section.upper()} (median, or a minute)", list(map(_series_row, changed)), said)
    growth = (found.memory_per_hour_before, found.memory_per_hour_after)
    yield ""
    yield f"memory grows {_growth(growth[0])} before, {_growth(growth[1])} after"


def _period(one: PeriodDocument) -> str:
    facts = [one.revision[:7], f'"{one.message}"' if one.message else "", f"by {one.by}" if one.by else ""]
    facts += [one.change, f"ran {ago(one.seconds)} since {ago(time.time() - one.start)} ago"]
    return printable("  ".join(fact for fact in facts if fact))


def _section(title: str, rows: Sequence[Sequence[Cell]], otherwise: str) -> Iterator[str]:
    yield ""
    columns = [
        Column(""),
        Column(title),
        Column("BEFORE", right=True),
        Column("AFTER", right=True),
        Column(""),
    ]
    if rows:
        yield from table(columns, rows)
    else:
        yield f"{title}: {otherwise}"


def _error_row(one: Any) -> list[Cell]:
    text = _cut(f"{one.type}: {one.message}" if one.message else one.type)
    return [_mark(one.verdict), Cell(text), Cell(str(one.before)), Cell(str(one.after)), Cell(one.id)]


def _line_row(one: LineChangeDocument) -> list[Cell]:
    rates = [Cell(shown(round(rate, 2))) for rate in (one.before, one.after)]
    return [_mark(one.verdict), Cell(_cut(one.template)), *rates, Cell(one.verdict)]


def _series_row(one: SeriesChangeDocument) -> list[Cell]:
    name = called({"__name__": one.name, **one.labels})
    before, after = _number(one.name, one.before), _number(one.name, one.after)
    return [_mark(one.verdict), Cell(name), Cell(before), Cell(after), Cell(_words(one))]


def _words(one: SeriesChangeDocument) -> str:
    if one.before is None or one.after is None or one.verdict == "few":
        return {"few": "too few points"}.get(one.verdict, one.verdict)
    first, second = _value(one.before), _value(one.after)
    change = f"{(second - first) / abs(first):+.0%}" if first else ""
    return change if one.verdict == "shown" else f"{one.verdict} {change}".strip()


def _value(one: NumbersDocument) -> float:
    return one.median if one.per_minute is None else one.per_minute


def _number(name: str, one: NumbersDocument | None) -> str:
    return "-" if one is None else sized_of(name, _value(one)) or shown(_value(one))


def _mark(verdict: str) -> Cell:
    return Cell(_MARKS.get(verdict, " "), _COLOURS.get(verdict))


def _cut(text: str) -> str:
    line = printable(text.split("\n", 1)[0])
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _growth(value: float | None) -> str:
    if value is None:
        return "unknown"
    sign = "-" if value < 0 else "+"
    return f"{sign}{sized(abs(value))}/h"
