"""A plan with its details as lines for a terminal."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import click

from cli.output import paint, printable
from web.documents.revisions import PlanDocument

MARKS = {"create": ("+", "green"), "update": ("~", "blue"), "remove": ("-", "red"), "stop": ("◼", "yellow")}
"""Sign and colour of each action: never colour alone."""
MOST_BOTS = 200
MOST_ERRORS = 50
_NARROWEST = 40
_LABEL = 22


def preview_lines(found: PlanDocument, width: int = 0) -> list[str]:
    """Return the header, a block for each bot that changes, then what is wrong and what is held.

    `width`: columns of the terminal; 0 for what it has now.
    """
    width = max(_NARROWEST, width or shutil.get_terminal_size().columns)
    changing = [action for action in found.actions if action["action"] != "none"]
    lines = header_lines(found, width)
    if found.waves:
        lines += _wrapped(
            f"  in waves of {wave_words(found.waves)} bots, each once the last is healthy", width, 4
        )
    for action in changing[:MOST_BOTS]:
        lines += _bot_lines(action, width)
    if len(changing) > MOST_BOTS:
        lines.append(f"... and {len(changing) - MOST_BOTS} more bots; --output json has them all")
    for kept in found.kept:
        lines += _wrapped(f"  = {kept['bot']}  stays as it is: {kept['reason']}", width, 6)
    lines += _error_lines(found, width)
    if found.held:
        lines += _wrapped(f"held: {found.held}", width, 2, "yellow")
    for line in found.refused:
        lines += _wrapped(f"would be refused: {line}", width, 2, "red")
    return lines


def header_lines(found: PlanDocument, width: int) -> list[str]:
    """Return which revision is compared with which, and how many bots change."""
    message = f' "{found.message}"' if found.message else ""
    name = f" ({found.name})" if found.name and not found.revision.startswith(found.name) else ""
    against = f"against {found.base[:7]}, which is deployed" if found.base else "nothing is deployed yet"
    if found.base == found.revision:
        against = "which is deployed"
    first = f"plan of {found.revision[:7] or '-'}{name}{printable(message)}, {against}: {found.summary}"
    signed = _wrapped(f"signature: {found.signature}", width, 2) if found.signature else []
    return [*_wrapped(first, width, 2), *signed]


def wave_words(waves: Sequence[int]) -> str:
    """Return `1, 20 and 179`."""
    *first, last = map(str, waves)
    return f"{', '.join(first)} and {last}" if first else last


def _bot_lines(action: dict[str, Any], width: int) -> list[str]:
    mark, colour = MARKS[action["action"]]
    word = "new" if action["action"] == "create" else action["action"]
    where = " ".join(action[key] for key in ("environment", "mode") if action.get(key))
    first = f"  {paint(mark, colour)} {paint(action['bot'], colour)}  {word}"
    first += f"  ({where})" if where else ""
    lines = [first, *_wrapped(f"      {printable(action['reason'])}", width, 6)]
    for field in action.get("fields", ()):
        lines += _field_lines(field, width)
    if action.get("code"):
        lines += _wrapped(f"      {'code':<{_LABEL}} {code_words(action['code'])}", width, 7 + _LABEL)
    if action.get("after"):
        lines += _wrapped(f"      starts after {', '.join(action['after'])} ended", width, 8)
    for key in ("waits", "blocked", "held"):
        if action.get(key):
            lines += _wrapped(f"      {key}: {action[key]}", width, 8, "yellow")
    return lines


def _field_lines(field: dict[str, Any], width: int) -> list[str]:
    name, before, after = printable(field["name"]), field["before"], field["after"]
    if before is None and after is None:
        return [f"      {name}"]
    return _wrapped(f"      {name:<{_LABEL}} {field_words(before, after)}", width, 7 + _LABEL)


def field_words(before: str | None, after: str | None) -> str:
    """Return a field's values: `0.05 -> 0.03`, `0.03 (new)`, `0.05 (gone)`, or that it changes unseen."""
    if before is not None and before == after:
        return f"changes {before}"
    if before is None:
        return f"{printable(after or '')} (new)"
    if after is None:
        return f"{printable(before)} (gone)"
    return f"{printable(before)} -> {printable(after)}"


def code_words(code: dict[str, Any]) -> str:
    """Return how many files of a program differ, and the first of them."""
    counts = [f"{code[key]} {key}" for key in ("changed", "added", "removed") if code[key]]
    files = sum(code[key] for key in ("changed", "added", "removed"))
    paths = [printable(path) for path in code["paths"][:5]]
    more = files - len(paths)
    named = ", ".join(paths) + (f" and {more} more" if more > 0 else "")
    return f"{files} file{'' if files == 1 else 's'} ({', '.join(counts)}): {named}"


def advice_words(suggestion: str) -> str:
    """Return a suggestion in words: a name as a question, a sentence as it is."""
    return suggestion if " " in suggestion else f'did you mean "{suggestion}"?'


def _error_lines(found: PlanDocument, width: int) -> list[str]:
    lines = []
    for error in found.errors[:MOST_ERRORS]:
        kind = "warning" if error.get("warning") else "error" if error.get("new", True) else "older error"
        place = f"{error['file']}:{error['line']}" if error["line"] else error["file"]
        advice = f" ({advice_words(error['suggestion'])})" if error.get("suggestion") else ""
        colour = "red" if kind == "error" else "yellow"
        lines += _wrapped(f"{kind}: {place}  {printable(error['message'])}{advice}", width, 2, colour)
    if len(found.errors) > MOST_ERRORS:
        lines.append(f"... and {len(found.errors) - MOST_ERRORS} more; --output json has them all")
    return lines


def _wrapped(text: str, width: int, indent: int, colour: str | None = None) -> list[str]:
    """Return a text in lines of the terminal's width; the later ones are indented."""
    start = len(text) - len(text.lstrip())
    lines = textwrap.wrap(
        text.strip(),
        width,
        initial_indent=" " * start,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    return [paint(click.unstyle(line), colour) for line in lines]
