"""`make fuzz`: read many inputs, say what came of them, and fail with how to repeat what went wrong."""

import argparse
import faulthandler
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tests.fuzz.answers import Answer, answer
from tests.fuzz.inputs import CHECKOUT, make_input

CHUNK = 500
STUCK = 600
"""Seconds after which a process that reads one chunk is ended, with where it hangs: no signal got through."""


def main() -> int:
    """Read the inputs that the command line asks for."""
    asked = _arguments()
    if asked.only is not None:
        return _show(asked.seed, asked.only)
    began = time.monotonic()
    chunks = [range(at, min(at + CHUNK, asked.inputs)) for at in range(0, asked.inputs, CHUNK)]
    with ProcessPoolExecutor(asked.workers) as pool:
        found = list(_told(pool.map(partial(_read, asked.seed), chunks), len(chunks)))
    answers = [one for chunk in found for one in chunk]
    result = _result(asked.seed, answers, time.monotonic() - began)
    print(json.dumps(result, indent=2))
    if asked.output:
        asked.output.write_text(json.dumps(result, indent=2) + "\n")
    for one in answers:
        if one.failure:
            print(f"{one.failure}\n  again: {_again(asked.seed, one.number)}")
    return 1 if result["failed"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="Show and read the input of this number alone.")
    parser.add_argument("--output", type=Path, help="Write the result to this file as well.")
    return parser.parse_args()


def _read(seed: int, numbers: range) -> list[Answer]:
    faulthandler.dump_traceback_later(STUCK, exit=True)
    found = [answer(seed, number) for number in numbers]
    faulthandler.cancel_dump_traceback_later()
    return found


def _told(chunks: Iterator[list[Answer]], total: int) -> Iterator[list[Answer]]:
    for at, chunk in enumerate(chunks, 1):
        if at % 20 == 0:
            print(f"fuzz: {at} of {total} chunks", file=sys.stderr, flush=True)
        yield chunk


def _result(seed: int, answers: list[Answer], seconds: float) -> dict[str, object]:
    """Return the figures of a run."""
    slowest = max(answers, key=lambda one: one.seconds)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "commit": _git("rev-parse", "HEAD") + ("-dirty" if _git("status", "--porcelain", "-uno") else ""),
        "seed": seed,
        "inputs": len(answers),
        "refused": sum(one.refused for one in answers),
        "failed": sum(bool(one.failure) for one in answers),
        "slowest_ms": round(slowest.seconds * 1000, 1),
        "slowest_input": slowest.number,
        "largest_process_mb": children.ru_maxrss // 1024,
        "seconds": round(seconds),
        "python": platform.python_version(),
    }


def _show(seed: int, number: int) -> int:
    given, found = make_input(seed, number), answer(seed, number)
    print(f"{given.kind} {given.file}\n{given.content[:4000]!r}\n{found}")
    return 1 if found.failure else 0


def _again(seed: int, number: int) -> str:
    return f".venv/bin/python -m tests.fuzz --seed {seed} --only {number}"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
