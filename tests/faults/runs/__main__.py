"""`make faults`: make seeded runs, a few at a time, and write what came of them; `SEED=n` repeats one."""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.engines.nomad import nomad_agent
from tests.engines.postgresql import postgresql
from tests.faults.runs.forking import Nursery, nursery
from tests.faults.runs.on_nomad import make_nomad_run
from tests.faults.runs.publishing import commit, publish, read, row
from tests.faults.runs.running import Outcome, make_run

MOST_ON_NOMAD = 10


def main() -> int:
    """Make the runs that the command line asks for."""
    asked, of, failed = _arguments(), commit(), 0
    with nursery() as processes:
        for outcome in _made(asked, processes):
            failed += bool(outcome.failure)
            print(_line(outcome), flush=True)
            if asked.keep:
                with asked.keep.open("a") as file:
                    file.write(json.dumps(row(outcome, of)) + "\n")
    if asked.publish:
        publish(read(asked.keep))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.runs", description=__doc__)
    parser.add_argument("--seed", type=int, help="Repeat the run of this seed alone.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument(
        "--on-nomad", type=int, default=0, help="How many more on a real Nomad; with --seed: 1."
    )
    parser.add_argument("--first", type=int, default=1, help="The first seed.")
    parser.add_argument("--bots", type=int, default=30, help="The most bots that a run begins with.")
    parser.add_argument("--steps", type=int, default=7, help="The most steps of a run.")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="Add what came of each run to this file, a line each.")
    parser.add_argument(
        "--publish", action="store_true", help="Write what that file keeps into docs/reliability.md."
    )
    return parser.parse_args()


def _made(asked: argparse.Namespace, processes: Nursery) -> Iterator[Outcome]:
    """Make the runs on this machine, some at once, and then those on Nomad, one after the other."""
    seeds = [asked.seed] if asked.seed is not None else range(asked.first, asked.first + asked.runs)
    if not (asked.seed is not None and asked.on_nomad):
        with ThreadPoolExecutor(asked.at_once) as pool:
            made = [pool.submit(make_run, seed, processes, asked.bots, asked.steps) for seed in seeds]
            for run in as_completed(made):
                yield run.result()
    if asked.on_nomad:
        with nomad_agent(lasting=True) as nomad, postgresql() as server:
            first, bots = asked.first, min(asked.bots, MOST_ON_NOMAD)
            for seed in [asked.seed] if asked.seed is not None else range(first, first + asked.on_nomad):
                yield make_nomad_run(seed, processes, nomad, server, bots, asked.steps)


def _line(outcome: Outcome) -> str:
    steps = ", ".join(outcome.steps)
    head = f"seed {outcome.seed}: {outcome.bots} bots, {steps}, {outcome.lives} lives, {outcome.seconds} s"
    if not outcome.failure:
        return f"{head}: held"
    again = f"make faults SEED={outcome.seed} BOTS={outcome.most}{' NOMAD=1' * outcome.on_nomad}"
    return f"{head}: FAILED {outcome.failure}\n  again: {again}"


if __name__ == "__main__":
    sys.exit(main())
