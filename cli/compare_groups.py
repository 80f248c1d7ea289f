"""Many bots compared, as lines: a table for each mode and section."""

from collections.abc import Iterator, Sequence

from cli.metrics import called, shown, sized_of
from cli.output import Cell, Column, paint, printable, table
from web.documents.comparing import PartDocument, RowChangeDocument, SpreadDocument, TogetherDocument

_SECTIONS = {
    "errors": "ERRORS",
    "lines": "LOG LINES (a minute)",
    "metrics": "METRICS (median, or a minute)",
    "resources": "RESOURCES (median, or a minute)",
    "trading": "TRADING (median, or a minute)",
}
_COLOURS = {"new": "yellow", "more": "yellow", "gone": "blue", "less": "blue"}
_WIDTH = 70


def report_groups(of: str, found: TogetherDocument, *, everything: bool) -> Iterator[str]:
    """Yield what is compared, then each mode with what to beware of and what differs."""
    yield printable(of)
    sides = [printable(side).upper() for side in (found.before, found.after)]
    for part in found.parts:
        yield ""
        bots = f"{part.after}" if part.before == part.after else f"{part.before} and {part.after}"
        yield f"{part.mode.upper()}  {bots} bot{'' if bots == '1' else 's'}"
        yield from (paint(f"  note: {printable(one)}", "yellow") for one in part.cautions)
        for section, title in _SECTIONS.items():
            yield from _section(part, section, [title, *sides], everything=everything)


def _section(part: PartDocument, section: str, titles: Sequence[str], *, everything: bool) -> Iterator[str]:
    own = [row for row in part.rows if row.section == section]
    rows = [row for row in own if everything or _is_told(row)]
    yield ""
    if not rows:
        yield f"{titles[0]}: {'no difference is told' if own else 'none'}"
        return
    columns = [Column(titles[0]), *(Column(side, right=True) for side in titles[1:]), Column("")]
    yield from table(columns, [_row(row, part) for row in rows])


def _is_told(row: RowChangeDocument) -> bool:
    """Of a bot held against itself too little is nothing; of two groups the numbers stand side by side."""
    return row.verdict != "same" and (row.verdict != "few" or not row.moved)


def _row(row: RowChangeDocument, part: PartDocument) -> list[Cell]:
    name = (
        called({"__name__": row.name, **row.labels}) if row.section not in ("errors", "lines") else row.name
    )
    sides = [_side(row, row.before, part.before), _side(row, row.after, part.after)]
    said = _words(row, part.after)
    return [Cell(_cut(printable(name))), *map(Cell, sides), Cell(said, _COLOURS.get(row.verdict))]


def _side(row: RowChangeDocument, one: SpreadDocument | None, bots: int) -> str:
    """Return the middle with a quarter of the bots below and above; of an error, how many bots had it."""
    if row.section == "errors":
        return f"{one.bots if one else 0} of {bots} bots"
    if one is None:
        return "-"
    series = row.name if row.section != "lines" else ""  # the text of a line says nothing of how many come
    low, middle, high = (_number(series, value) for value in (one.low, one.median, one.high))
    spread = "" if low == high else f" ({low}..{high})"
    missing = f" in {one.bots} of {bots}" if one.bots < bots else ""
    return f"{middle}{spread}{missing}"


def _number(series: str, value: float) -> str:
    return sized_of(series, value) or shown(float(f"{value:.4g}"))


def _words(row: RowChangeDocument, bots: int) -> str:
    """Return a verdict with how many bots say so by themselves."""
    moved = row.moved
    if not moved or row.verdict in ("shown", "few"):
        return "" if row.verdict in ("shown", "few") else row.verdict
    if row.verdict == "mixed":
        most = sorted(moved.items(), key=lambda one: -one[1])
        return ", ".join(f"{name} in {count}" for name, count in most)
    told = bots if row.section in ("errors", "lines") else sum(moved.values())
    return f"{row.verdict} in {moved.get(row.verdict, 0)} of {told}"


def _cut(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
