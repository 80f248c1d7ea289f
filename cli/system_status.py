"""`herdsman status --service`: how each part of herdsman itself is."""

import time

import click

from cli.connection import Client
from cli.output import ago, paint, print_data, printable, sized
from web.documents.system import SystemDocument, SystemFact, SystemNote, SystemPart

MARKS = {"ok": ("●", "green"), "warning": ("▲", "yellow"), "failing": ("✖", "red")}
_NOTES = 5


def show_system(client: Client, output: str) -> None:
    """Print the parts of the running service."""
    document = client.get("/api/v1/system", SystemDocument)
    if output in ("json", "yaml"):
        print_data(document, output)
        return
    click.echo("\n".join(system_lines(document, time.time(), wide=output == "wide")))


def system_lines(document: SystemDocument, now: float, wide: bool = False) -> list[str]:
    """Return a line for each part with its figures, and the newest notes of herdsman's own log."""
    lines = [f"HERDSMAN {document.version}  fleet {document.fleet}"]
    for part in document.parts:
        lines += part_lines(part, now, wide)
    if document.notes:
        shown = document.notes if wide else document.notes[:_NOTES]
        lines += ["", "its own log, newest first:", *(note_line(note, now) for note in shown)]
    return lines


def part_lines(part: SystemPart, now: float, wide: bool) -> list[str]:
    """Return one part: how it is, its figures, and what to do where something is wrong."""
    mark, colour = MARKS.get(part.state, ("?", None))
    lines = [f"{paint(mark, colour)} {part.name:<11} {printable(part.message)}"]
    figures = "  ".join(f"{fact.name} {text}" for fact in part.facts if (text := fact_text(fact, now)))
    if figures:
        lines.append(paint(f"              {figures}", "bright_black"))
    if part.table and (wide or part.state != "ok"):
        lines += table_lines(part, now)
    if part.next:
        lines.append(f"              {printable(part.next)}")
    return lines


def table_lines(part: SystemPart, now: float) -> list[str]:
    """Return a part's table, each row as its named figures."""
    assert part.table is not None
    lines = []
    for row in part.table.rows:
        cells = zip(part.table.columns, part.table.units, row, strict=True)
        facts = [SystemFact(column, value, unit) for column, unit, value in cells]
        lines.append("              " + "  ".join(f"{fact.name} {fact_text(fact, now)}" for fact in facts))
    return lines


def note_line(note: SystemNote, now: float) -> str:
    """Return one line of the log."""
    times = f" (x{note.times})" if note.times > 1 else ""
    return f"  {ago(now - note.time):>7} ago  {note.level:<8} {printable(note.message)}{times}"


def brief(seconds: float) -> str:
    """Return a length of time; below a second in milliseconds, since passes and requests take so long."""
    return f"{seconds * 1000:.2g} ms" if 0 < seconds < 0.0995 else ago(seconds)


def fact_text(fact: SystemFact, now: float) -> str:
    """Return a figure with its unit, "" where it is not known."""
    value = fact.value
    if value is None:
        return ""
    if isinstance(value, str):
        return printable(value)
    texts = {
        "s": lambda: brief(value),
        "at": lambda: f"in {ago(value - now)}" if value > now else f"{ago(now - value)} ago",
        "bytes": lambda: sized(value),
        "percent": lambda: f"{value:.1f}%",
        "per_second": lambda: f"{value:.1f}/s",
    }
    return texts.get(fact.unit, lambda: f"{value:g}")()
