"""The options by which commands say which lines and events they mean."""

from collections.abc import Callable, Sequence
from typing import Any

import click

FILTERS = ("text", "level", "kind", "program", "label", "symbol", "revision", "run", "stream")
"""The options that narrow a search, by their names in an address."""
FILES = ("jsonl", "csv")
"""Forms in which all that is found is given, however much."""

form_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml", *FILES]),
    default="table",
    show_default=True,
    help="How to print what is found; jsonl and csv give all of it, however much.",
)
"""The option that says how lines or events are printed."""


def filter_options(command: Any) -> Any:
    """Add the options that narrow a search of lines or events."""
    options: list[Callable[[Any], Any]] = [
        click.option("--stream", metavar="NAME", help="Of stdout, stderr or the launcher alone."),
        click.option("--run", metavar="ID", help="Of this run alone."),
        click.option("--revision", metavar="ID", help="Of this revision alone: its id, or how it begins."),
        click.option("--symbol", metavar="NAME", help="About this symbol; several by commas."),
        click.option("--label", metavar="KEY[=VALUE]", help="Of the bots with this label."),
        click.option("--program", metavar="NAME", help="Of the bots of this program; several by commas."),
        click.option("--level", help="Of this level or worse: debug, info, warning, error, critical."),
        click.option(
            "--text", "--grep", "text", metavar="WORDS", help="With words that begin so, in any order."
        ),
        click.option("--until", help="Until when: as --since."),
        click.option("--since", help="From when: -15m, -2h, or a time in RFC 3339."),
    ]
    for option in options:
        command = option(command)
    return command


def search_of(bots: Sequence[str], given: dict[str, Any]) -> dict[str, str | None]:
    """Return what narrows a search, as an address has it: its filters, without the range of time."""
    query = {name: given.get(name) for name in FILTERS}
    return {**query, "bot": ",".join(bots) or None}


def is_narrowed(query: dict[str, str | None]) -> bool:
    """Tell whether anything but bots narrows a search."""
    return any(value for name, value in query.items() if name != "bot")
