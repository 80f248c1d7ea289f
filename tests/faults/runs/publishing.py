"""What came of seeded runs, kept line by line in a file as they end, and published in docs/reliability.md."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.e2e.service import CHECKOUT
from tests.faults.runs.running import Outcome

PAGE = CHECKOUT / "docs" / "reliability.md"
KEPT = CHECKOUT / "tests" / "faults" / "fault-runs.json"
BEGIN, END = "<!-- fault runs -->\n", "<!-- end of fault runs -->"
WHOLE = 200
Row = dict[str, Any]


_OUTCOMES = (":!docs/reliability.md", ":!tests/**/*.json")
"""What a run itself changes: the next one is still of the same commit."""


def commit() -> str:
    """Return the id of what is checked out, and whether it was changed since."""
    return _git("rev-parse", "--short", "HEAD") + (
        " and changes" if _git("status", "--porcelain", "-uno", "--", ".", *_OUTCOMES) else ""
    )


def row(outcome: Outcome, of: str) -> Row:
    """Return a run as it is kept; the failure's first lines say what it was."""
    return {"commit": of, **asdict(outcome), "failure": outcome.failure[:2000]}


def read(file: Path) -> list[Row]:
    """Return the runs that a file keeps, a line each."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def publish(rows: Sequence[Row]) -> None:
    """Write all runs into the file beside the tests, and the table of them into the page."""
    lines = ",\n".join(json.dumps({key: value for key, value in one.items() if value}) for one in rows)
    KEPT.write_text(f"[\n{lines}\n]\n")
    text = PAGE.read_text()
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:before] + section(rows) + text[after:])


def section(rows: Sequence[Row]) -> str:
    """Return all runs in Markdown: a line for each commit, how often each step was made, and what failed.

    A failed run may have a `cause`, and the commit that `mended` it.
    """
    newest = last(rows)
    made, held = len(newest), sum(not one.get("failure") for one in newest)
    on_nomad, several = (sum(bool(one.get(key)) for one in newest) for key in ("on_nomad", "several"))
    steps = Counter(step for one in newest for step in one["steps"])
    table = [["commit", "runs", "on Nomad", "bots", "lives of bots", "held", "load"], ["---"] * 7]
    table += [_line(of, [one for one in rows if one["commit"] == of]) for of in _commits(rows)]
    counted = ", ".join(f"{name} {count}" for name, count in sorted(steps.items()))
    short = "" if made >= WHOLE else f"Not whole yet, {made} of {WHOLE}. "
    return (
        f"{short}Runs made: {len(rows)}, of {made} seeds, {on_nomad} of them on a real Nomad, {several} "
        f"of these with a controller and a web\nas processes of their own; {held} seeds held when they were "
        "last run. Every run is in `tests/faults/fault-runs.json`.\n\n"
        + "".join(f"| {' | '.join(one)} |\n" for one in table)
        + f'\n"Load" is how many processes ran or waited to on {os.cpu_count()} cores, the least and the '
        f"most.\nThe steps of these seeds: {counted}.\n" + _failures(rows, newest)
    )


def last(rows: Iterable[Row]) -> list[Row]:
    """Return the last run of each seed."""
    return list({_seed(one): one for one in rows}.values())


def _commits(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(one["commit"] for one in rows))


def _line(of: str, rows: Sequence[Row]) -> list[str]:
    bots, loads = [one["bots"] for one in rows], [one["load"] for one in rows]
    return [
        of,
        str(len(rows)),
        str(sum(bool(one.get("on_nomad")) for one in rows)),
        f"up to {max(bots)}",
        str(sum(one.get("lives", 0) for one in rows)),
        str(sum(not one.get("failure") for one in rows)),
        f"{min(loads):g} to {max(loads):g}",
    ]


def _failures(rows: Sequence[Row], newest: Iterable[Row]) -> str:
    """Return every run that failed: why, what mended it, and at which commit its seed held again."""
    held = {_seed(one): one["commit"] for one in newest if not one.get("failure")}
    table = [["seed", "commit", "what it said", "cause", "mended by", "held again"], ["---"] * 6]
    table += [
        [
            *(_seed(one), one["commit"], f"`{_said(one)}`", one.get("cause", "not known yet")),
            *(one.get("mended", "-"), held.get(_seed(one), "not yet")),
        ]
        for one in rows
        if one.get("failure")
    ]
    return "\nWhat failed:\n\n" + "".join(f"| {' | '.join(one)} |\n" for one in table) if table[2:] else ""


def _seed(one: Row) -> str:
    return f"{one['seed']}{' on Nomad' * bool(one.get('on_nomad'))}"


def _said(one: Row) -> str:
    lines = str(one["failure"]).splitlines()
    return (lines[1] if len(lines) > 1 else lines[0])[:160].replace("`", "'").replace("|", "/")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
