"""Some of the seeded runs of `make faults`: whatever happens, all is well once it is mended."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.runs.drawing import Kind, draw
from tests.faults.runs.running import Outcome, make_run

SEEDS = range(1, 11)
AT_ONCE = 3
BOTS, STEPS = 5, 3

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[int, "Future[Outcome]"]]:
    """Make the runs, a few at a time: most of their time is waiting."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {seed: pool.submit(make_run, seed, BOTS, STEPS) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_all_is_well_after_a_run_of_faults(runs: dict[int, "Future[Outcome]"], seed: int) -> None:
    """Desired runs, nothing foreign moved, no bot lived twice, none is left, none was stopped for nothing."""
    outcome = runs[seed].result()
    assert outcome.failure == "", (
        f"{outcome.failure}\nagain: make faults SEED={seed} BOTS={BOTS} STEPS={STEPS}"
    )
    assert outcome.lives >= outcome.bots


def test_a_run_follows_from_its_seed_alone() -> None:
    """The same seed draws the same run, and the seeds together draw every kind of step."""
    assert [draw(seed) for seed in SEEDS] == [draw(seed) for seed in SEEDS]
    here = {step.kind for seed in range(1, 201) for step in draw(seed).steps}
    there = {step.kind for seed in range(1, 41) for step in draw(seed, on_nomad=True).steps}
    assert here | there == set(Kind)
    assert there - here == {Kind.CUT_NOMAD, Kind.KILL_AGENT}
