"""What the one-copy matrix came to: `make one-copy` keeps it in one-copy.json and in docs/reliability.md.

Each fault's outcome is printed and put into `.one-copy/` as it comes: several processes may share a run. A
fault that was not played again stays as it was, with the commit at which it was played.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.engines.processes import CHECKOUT
from tests.faults.breaking import FAULTS
from tests.faults.living import Record
from tests.faults.operations import OPERATIONS

FOLDER = CHECKOUT / ".one-copy"
KEPT = Path(__file__).with_name("one-copy.json")
PAGE = CHECKOUT / "docs" / "reliability.md"
BEGIN, END = "<!-- one copy -->\n", "<!-- end of one copy -->"
Bots = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """One fault: the record of each operation's bot."""

    fault: str
    bots: Mapping[str, Record]

    def text(self) -> str:
        """Return it for people, a line for each operation."""
        lines = [
            f"  {name}: {one.lives} lives, gap {one.gap:.1f} s, lost {one.lost}, "
            f"overlaps {one.overlaps} ({one.together:.2f} s, orders {one.orders_together:.2f} s)"
            for name, one in self.bots.items()
        ]
        return "\n".join([self.fault, *lines])

    def keep(self) -> None:
        """Write it down for `publish`."""
        FOLDER.mkdir(exist_ok=True)
        document = {name: asdict(one) for name, one in self.bots.items()}
        (FOLDER / f"{self.fault}.json").write_text(json.dumps(document))


def publish() -> None:
    """Write file and table from what was played now and before; the page names the faults that never were."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    now = subprocess.run(git, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.strip()
    played = json.loads(KEPT.read_text())
    for fault in FAULTS:
        path = FOLDER / f"{fault.name}.json"
        if path.exists():
            played[fault.name] = {"commit": now, "bots": json.loads(path.read_text())}
    played = {fault.name: played[fault.name] for fault in FAULTS if fault.name in played}
    KEPT.write_text(json.dumps(played, indent=1) + "\n")
    text = PAGE.read_text()
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:before] + section(played) + text[after:])


def section(played: Mapping[str, Mapping[str, Any]]) -> str:
    """Return all faults in Markdown, each with its figures, and under them every operation's gap."""
    faults: dict[str, Bots] = {name: one["bots"] for name, one in played.items()}
    asked = [one.name for one in OPERATIONS]
    names = sorted({name for bots in faults.values() for name in bots}, key=asked.index)
    cases = [one for bots in faults.values() for one in bots.values()]
    met = sum(bool(one["overlaps"]) for one in cases)
    lost = sum(bool(one.get("lost")) for one in cases)
    rows = [["", "fault", "cases", "gap", "two at once", "orders then", "commit"], ["---"] * 7]
    rows += [
        [*_fault(number, fault, one["bots"]), one["commit"]]
        for number, (fault, one) in enumerate(played.items(), 1)
    ]
    grid = [["operation", *(str(number) for number in range(1, len(faults) + 1))]]
    grid.append(["---"] * len(grid[0]))
    grid += [[name, *(_gap(bots.get(name)) for bots in faults.values())] for name in names]
    missing = ", ".join(f'"{one.name}"' for one in FAULTS if one.name not in faults)
    without = f" Not proven yet: {missing}." if missing else ""
    words = (
        f'{len(cases)} cases, two copies at once in {met}, a state lost in {lost}. "Gap": the longest time '
        "without a copy, in seconds. Every case is in `tests/faults/one-copy.json`; an empty field is a case "
        f"that cannot be played in that fault, or was not yet at its commit.{without}"
    )
    return f"{words}\n\n{_table(rows)}\nThe gap of each case, by the number of the fault:\n\n{_table(grid)}\n"


def _fault(number: int, fault: str, bots: Bots) -> list[str]:
    def most(key: str) -> float:
        return max(float(one[key]) for one in bots.values())

    together = f"**{most('together'):.2f} s**" if most("overlaps") else "never"
    orders = f"{most('orders_together'):.2f} s" if most("overlaps") else "-"
    return [str(number), fault, str(len(bots)), f"{most('gap'):.0f}", together, orders]


def _gap(record: Mapping[str, Any] | None) -> str:
    return f"{record['gap']:.0f}" if record and record["lives"] > 1 else "-" if record else ""


def _table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    publish()
