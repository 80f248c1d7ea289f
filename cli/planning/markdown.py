"""A plan as the Markdown of a comment on a pull request: short first, long parts folded, within a size."""

from collections.abc import Sequence
from typing import Any

from cli.planning.lines import advice_words, code_words
from web.documents.revisions import PlanDocument

MOST = 65_536
"""Characters that the strictest forge takes."""
_SPARE = 600
_SIGNS = {"create": "new", "update": "update", "remove": "**remove**", "stop": "stop"}
_UNFOLDED = 5
"""Bots whose details are shown without a click."""


def mark_of(fleet: str) -> str:
    """Return what tells the one comment of a service from all others; people do not see it."""
    return f"<!-- herdsman plan {fleet} -->"


def comment_of(found: PlanDocument, fleet: str, most: int = MOST) -> str:
    """Return the comment. What does not fit is left out, and said so."""
    changing = [action for action in found.actions if action["action"] != "none"]
    head = [mark_of(fleet), *_head(found, fleet, len(changing))]
    blocks = [
        *_errors(found),
        *([_table(changing)] if changing else []),
        *(_details(action, unfolded=len(changing) <= _UNFOLDED) for action in changing),
        *(f"- {_code(kept['bot'])} stays as it is: {_text(kept['reason'])}" for kept in found.kept),
    ]
    written = "\n".join(head)
    for number, block in enumerate(blocks):
        if len(written) + len(block) + _SPARE > most:
            left = len(blocks) - number
            return (
                f"{written}\n\n_Cut here: {left} more parts do not fit; `herdsman plan` shows all of them._\n"
            )
        written += f"\n\n{block}"
    return f"{written}\n"


def _head(found: PlanDocument, fleet: str, changing: int) -> list[str]:
    broken = any(error.get("new") and not error.get("warning") for error in found.errors)
    if found.refused or broken:
        verdict = "would be refused"
    else:
        verdict = "changes nothing" if not changing else _text(found.summary)
    base = f"against `{found.base[:7]}`, which is deployed" if found.base else "nothing is deployed yet"
    lines = [f"### herdsman {_text(fleet)}: {verdict}", "", f"Plan of `{found.revision[:7]}` {base}."]
    lines += [f"- refused: {_text(line)}" for line in found.refused]
    if found.held:
        lines.append(f"- held: {_text(found.held)}")
    if found.signature:
        lines.append(f"- signature: {_text(found.signature)}")
    return lines


def _errors(found: PlanDocument) -> list[str]:
    lines = []
    for error in found.errors:
        kind = "warning" if error.get("warning") else "error" if error.get("new", True) else "older error"
        place = f"{error['file']}:{error['line']}" if error["line"] else error["file"]
        advice = f" ({_text(advice_words(error['suggestion']))})" if error.get("suggestion") else ""
        lines.append(f"- {kind}: {_code(place)} {_text(error['message'])}{advice}")
    return lines


def _table(changing: Sequence[dict[str, Any]]) -> str:
    lines = ["| bot | what | why |", "|---|---|---|"]
    shown = changing[:100]
    for action in shown:
        why = action["held"] or action["blocked"] or action["reason"]
        what = f"{_SIGNS[action['action']]}: {_text(action['summary'])}"
        lines.append(f"| {_code(action['bot'])} | {what} | {_text(why)} |")
    if len(changing) > len(shown):
        lines.append(f"| | and {len(changing) - len(shown)} more | |")
    return "\n".join(lines)


def _details(action: dict[str, Any], unfolded: bool) -> str:
    rows = [
        f"| {_text(field['name'])} | {_value(field['before'])} | {_value(field['after'])} |"
        for field in action.get("fields", ())
    ]
    if not rows and not action.get("code"):
        return ""
    lines = [f"<details{' open' if unfolded else ''}><summary>{_text(action['bot'])}</summary>", ""]
    if rows:
        lines += ["| field | before | after |", "|---|---|---|", *rows]
    if action.get("code"):
        lines += ["", f"Code: {_text(code_words(action['code']))}"]
    return "\n".join([*lines, "", "</details>"])


def _value(value: str | None) -> str:
    return "" if value is None else _code(value)


def _code(text: str) -> str:
    """Return text from anywhere as code, which nothing in it can end."""
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """Return text from anywhere so that it is only text: no markup, no table's end, nobody called."""
    plain = " ".join(text.split())
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "&#64;"), ("|", "&#124;")):
        plain = plain.replace(letter, written)
    for letter in "\\`*_[]!~$":
        plain = plain.replace(letter, f"&#{ord(letter)};")
    return plain
