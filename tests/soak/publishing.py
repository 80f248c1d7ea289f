"""What soaks came to: kept in soaks.json beside the tests, and in docs/reliability.md."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults.runs.publishing import commit
from tests.soak.running import Outcome

KEPT = Path(__file__).with_name("soaks.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
WHOLE = 1_000_000
BEGIN, END = "<!-- soaks -->\n", "<!-- end of soaks -->"
_COLUMNS = (
    *("commit", "series", "bots", "lines", "stored once", "samples", "broken", "gaps told", "lines in them"),
    *("lost or doubled", "seconds", "load"),
)


def keep(outcome: Outcome) -> None:
    """Add an outcome to those that are kept, and write the page."""
    rows = json.loads(KEPT.read_text()) if KEPT.exists() else []
    document = asdict(outcome)
    document["count"]["mistakes"] = document["count"]["mistakes"][:20]
    rows.append({"commit": commit(), "mistakes": len(outcome.count.mistakes), **document})
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")
    text = PAGE.read_text()
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:before] + section(rows) + text[after:])


def section(rows: list[dict[str, Any]]) -> str:
    """Return all soaks in Markdown, a line each."""
    table = [list(_COLUMNS), ["---"] * len(_COLUMNS), *map(_cells, rows)]
    most = max((row["printed"] for row in rows), default=0)
    short = (
        f"Not whole yet: the longest printed {most:,} of {WHOLE:,} lines.\n\n"
        if most < WHOLE - WHOLE // 100
        else ""
    )
    return short + "".join(f"| {' | '.join(cells)} |\n" for cells in table)


def _cells(row: dict[str, Any]) -> list[str]:
    found = row["count"]
    return [
        row["commit"],
        row["series"],
        str(row["bots"]),
        f"{row['printed']:,}",
        f"{found['lines']:,}",
        f"{found['samples']:,}",
        ", ".join(f"{name} {count}" for name, count in sorted(row["steps"].items())),
        str(found["gaps"]),
        f"{found['lost']:,} ({found['lost_bytes']:,} bytes, told {found['told_bytes']:,})",
        f"**{row['mistakes']}**" if row["mistakes"] else "none",
        f"{row['seconds']:.0f}",
        f"{row['load']:g}",
    ]
