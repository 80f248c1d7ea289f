"""How commands print: plain columns, colour only on a terminal, numbers with their unit, JSON and YAML."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import msgspec

FORMATS = click.Choice(["table", "wide", "json", "yaml"])
HEALTH_MARKS = {
    "Healthy": ("●", "green"),
    "Progressing": ("◐", "blue"),
    "Degraded": ("▲", "yellow"),
    "Missing": ("✖", "red"),
    "Suspended": ("◼", "bright_black"),
    "Unknown": ("?", "bright_black"),
}
"""Shape and colour of each health: never colour alone."""


def output_option(command: Any) -> Any:
    """Add `--output` to a command that prints data."""
    return click.option(
        "-o", "--output", type=FORMATS, default="table", show_default=True, help="How to print what is found."
    )(command)


def colours() -> bool:
    """Tell whether to colour: a terminal, and NO_COLOR is not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str | None) -> str:
    """Colour a text where that is wanted."""
    return click.style(text, fg=colour) if colour and colours() else text


def print_data(value: Any, output: str) -> None:
    """Print a document as JSON or YAML."""
    plain = msgspec.to_builtins(value)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode())
    else:
        import yaml

        click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and side."""

    title: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a colour."""

    text: str
    colour: str | None = None


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Return aligned lines, the titles first, each column as wide as its widest cell."""
    widths = [
        max([len(column.title), *(len(row[index].text) for row in rows)])
        for index, column in enumerate(columns)
    ]
    lines = [line_of([Cell(column.title) for column in columns], columns, widths)]
    lines += [line_of(row, columns, widths) for row in rows]
    return lines


def line_of(cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int]) -> str:
    """Return one line of a table."""
    parts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        padding = " " * (width - len(cell.text))
        text = paint(cell.text, cell.colour)
        parts.append(padding + text if column.right else text + padding)
    return "  ".join(parts).rstrip()


def printable(text: str) -> str:
    """Return a text from a bot as a terminal may have it: control characters shown, not obeyed."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else f"\\x{ord(letter):02x}" for letter in text
    )


def ago(seconds: float | None) -> str:
    """Return a length of time as people say it: 0.3 s, 4 min, 2 h, 3 d."""
    if seconds is None:
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def mebibytes(value: float | None) -> str:
    """Return bytes as whole MiB."""
    return "-" if value is None else f"{value / 1048576:.0f}"


def sized(value: float) -> str:
    """Return bytes with the unit that suits them."""
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def signed(value: float | None, unit: str) -> str:
    """Return an amount with its sign and unit."""
    return "-" if value is None else f"{value:+.2f} {unit}".rstrip()
