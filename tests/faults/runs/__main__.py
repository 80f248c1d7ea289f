"""`make faults`: make seeded runs, a few at a time, and write what came of them; `SEED=n` repeats one."""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.e2e.service import CHECKOUT
from tests.engines.nomad import nomad_agent
from tests.faults.runs.on_nomad import make_nomad_run
from tests.faults.runs.running import Outcome, make_run


def main() -> int:
    """Make the runs that the command line asks for."""
    asked = _arguments()
    outcomes = []
    for outcome in _made(asked):
        outcomes.append(outcome)
        print(_line(outcome), flush=True)
    document = result(outcomes)
    print(json.dumps({key: value for key, value in document.items() if key != "runs"}, indent=2))
    if asked.output:
        asked.output.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if document["failed"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.runs", description=__doc__)
    parser.add_argument("--seed", type=int, help="Repeat the run of this seed alone.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument(
        "--on-nomad", type=int, default=0, help="How many more on a real Nomad; with --seed: 1."
    )
    parser.add_argument("--first", type=int, default=1, help="The first seed.")
    parser.add_argument("--bots", type=int, default=30, help="The most bots that a run begins with.")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--output", type=Path, help="Write the results to this file.")
    return parser.parse_args()


def _made(asked: argparse.Namespace) -> Iterator[Outcome]:
    """Make the runs on this machine, some at once, and then those on Nomad, one after the other."""
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.runs)
    if not (asked.seed is not None and asked.on_nomad):
        with ThreadPoolExecutor(asked.at_once) as pool:
            yield from pool.map(lambda seed: make_run(seed, asked.bots), seeds)
    if asked.on_nomad:
        with nomad_agent() as nomad:
            for seed in [asked.seed] if asked.seed is not None else range(1, 1 + asked.on_nomad):
                yield make_nomad_run(seed, nomad)


def _line(outcome: Outcome) -> str:
    steps = ", ".join(outcome.steps)
    head = f"seed {outcome.seed}: {outcome.bots} bots, {steps}, {outcome.lives} lives, {outcome.seconds} s"
    if not outcome.failure:
        return f"{head}: held"
    again = f"make faults SEED={outcome.seed}{' NOMAD=1' * outcome.on_nomad}"
    return f"{head}: FAILED {outcome.failure}\n  again: {again}"


def result(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the figures of runs, with the commit they are of."""
    return {
        "commit": _git("rev-parse", "HEAD") + ("-dirty" if _git("status", "--porcelain", "-uno") else ""),
        "made": len(outcomes),
        "on_nomad": sum(one.on_nomad for one in outcomes),
        "failed": sum(bool(one.failure) for one in outcomes),
        "lives": sum(one.lives for one in outcomes),
        "steps": dict(sorted(Counter(step for one in outcomes for step in one.steps).items())),
        "runs": [asdict(one) for one in outcomes],
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
