"""A cold start: the desired state of a commit with 10,000 manifests, from nothing."""

import statistics
import tempfile
import time
from pathlib import Path

import jsonschema
import yaml

from bench.desks import PROGRAMS, Desk
from bench.figures import Figure
from gitops.build import build_desired_state
from gitops.reading import CommitReader
from schemas.catalog import schema

BOTS = 10_000
SAMPLE = 2000
ROUNDS = 3


def measure() -> list[Figure]:
    """Measure the building alone, without a controller."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        desk = Desk(Path(folder), BOTS)
        commit = desk.push_all()
        times = [build(desk, commit) for _ in range(ROUNDS)]
        again = build(desk, commit, known=True)
    floor = load_and_validate([desk.manifest(number)[1] for number in range(SAMPLE)]) * BOTS / SAMPLE
    return [
        Figure(
            f"cold start, {BOTS:,} manifests",
            statistics.median(times),
            "s",
            floor,
            "yaml C loader + jsonschema",
            "10 s",
            f"{PROGRAMS} programs; built again on itself in {again * 1000:.0f} ms",
        )
    ]


def build(desk: Desk, commit: str, *, known: bool = False) -> float:
    """Return the seconds from a commit to its desired state (`known`: when an equal one was built before)."""
    previous = None
    if known:
        with CommitReader(desk.hosted.path, commit) as reader:
            previous = build_desired_state(reader)
    started = time.perf_counter()
    with CommitReader(desk.hosted.path, commit) as reader:
        state = build_desired_state(reader, previous)
    took = time.perf_counter() - started
    assert len(state.bots) == BOTS, state.errors[:3]
    return took


def load_and_validate(texts: list[str]) -> float:
    """Return the seconds for the C loader and a prepared validator to take these documents."""
    validator = jsonschema.Draft202012Validator(schema("bot"))
    started = time.perf_counter()
    for text in texts:
        document = yaml.load(text, yaml.CSafeLoader)
        assert validator.is_valid(document)
    return time.perf_counter() - started
