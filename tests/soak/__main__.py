"""Play soaks: `python -m tests.soak --seed 1 --lines 1000000`; with --publish the outcome is kept."""

import argparse
import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.soak import publishing
from tests.soak.running import Soak, run
from tests.soak.steps import drawn


def main() -> int:
    """Play what the command line asks for; 1 where anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=30, help="how many times something is broken")
    parser.add_argument("--rate", type=float, default=6000.0, help="lines a second, at most")
    parser.add_argument("--embedded", action="store_true", help="series in the embedded store")
    parser.add_argument("--publish", action="store_true", help="keep the outcome, and write the page")
    asked = parser.parse_args()
    steps = drawn(random.Random(asked.seed), asked.steps, embedded=asked.embedded)
    soak = Soak(asked.seed, asked.lines, tuple(steps), rate=asked.rate, embedded=asked.embedded, size="3g")
    with tempfile.TemporaryDirectory(prefix="herdsman-soak-") as folder:
        outcome = run(soak, Path(folder))
    print(json.dumps(asdict(outcome), indent=1))
    if asked.publish:
        publishing.keep(outcome)
    return 1 if outcome.count.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
