"""Publish the last run: `python -m bench.publish` after `make bench`.

Its results are kept in `bench/results.json`, its plots in `docs/images/`, and the table of
docs/performance.md is written anew. Nothing in that table is written by hand.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.__main__ import OUT
from bench.plots import draw, share_of_target

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"
Result = Mapping[str, Any]


def main() -> None:
    """Keep, draw and write."""
    document = json.loads((OUT / "results.json").read_text())
    (HERE / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    draw(document, DOCS / "images")
    page = DOCS / "performance.md"
    text = page.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(text[:begin] + section(document) + text[end:])


def section(document: Result) -> str:
    """Return the machine and the table in Markdown."""
    machine = document["machine"]
    head = (
        f"{machine['cores']} cores, {machine['memory_gib']:g} GiB, Linux {machine['kernel']}, "
        f"Python {machine['python']}, commit {str(machine['commit'])[:7]}, {machine['at'][:10]}. "
        f"The load is the machine's when a module began.{apart(machine)}{before(document)}\n\n"
    )
    rows = ["figure", "target", "measured", "floor", "ratio", "load", "more"]
    lines = [rows, ["---"] * len(rows)]
    lines += [row(result, machine["loads"]) for result in document["figures"]]
    return head + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def apart(machine: Result) -> str:
    """Return which modules were measured after the others, on their own."""
    names = ", ".join(f"`{name}`" for name in machine["apart"])
    return f" Measured after the others, by themselves: {names}." if names else ""


def before(document: Result) -> str:
    """Return which modules were measured at an earlier commit."""
    now = str(document["machine"]["commit"])
    found: dict[str, set[str]] = {}
    for result in document["figures"]:
        if (commit := str(result.get("commit", now))) != now:
            found.setdefault(commit[:7], set()).add(f"`{result['module']}`")
    return "".join(f" Measured at {commit}: {', '.join(sorted(names))}." for commit, names in found.items())


def row(result: Result, loads: Mapping[str, float]) -> list[str]:
    """Return one figure's cells; what misses its target says so."""
    share = share_of_target(result)
    missed = " (missed)" if share is not None and share > 1 else ""
    floor = f"{number(result['floor'])} {result['unit']}, {result['floor_name']}" if result["floor"] else "-"
    return [
        re.sub("->", "to", result["name"]),
        result["target"] or "-",
        f"**{number(result['value'])} {result['unit']}**{missed}",
        floor,
        f"{result['ratio']:.2f}" if result["ratio"] else "-",
        f"{loads[result['module']]:.1f}",
        result["detail"].replace("|", "/") or "-",
    ]


def number(value: float) -> str:
    """Return a number with three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


if __name__ == "__main__":
    main()
