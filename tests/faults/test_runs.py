"""Some of the seeded runs of `make faults`: whatever happens, all is well once it is mended."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.faults.runs.drawing import Kind, draw
from tests.faults.runs.forking import nursery
from tests.faults.runs.publishing import row, section
from tests.faults.runs.running import Outcome, make_run

SEEDS = range(1, 11)
AT_ONCE = 3
BOTS, STEPS = 5, 3

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def runs() -> Iterator[dict[int, "Future[Outcome]"]]:
    """Make the runs, a few at a time: most of their time is waiting."""
    with nursery() as processes, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {seed: pool.submit(make_run, seed, processes, BOTS, STEPS) for seed in SEEDS}


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
    assert there - here == {Kind.CUT_NOMAD, Kind.KILL_AGENT, Kind.KILL_NOMAD, Kind.KILL_WEB}


def test_fewer_bots_or_steps_leave_a_run_what_it_is() -> None:
    """The run that is made with every test run is the beginning of the one that its seed stands for."""
    for seed in SEEDS:
        whole, short = draw(seed), draw(seed, BOTS, STEPS)
        assert short.steps == whole.steps[:STEPS]
        assert (short.bots, whole.bots >= 10) == (BOTS, True)


def test_what_is_published_counts_the_last_run_of_each_seed() -> None:
    """A seed that failed at one commit and held at a later one held; what failed stays, with its cause."""
    failed, held = _outcome(1, "at step 2\nAssertionError: bot-1 lived twice"), _outcome(1)
    text = section([row(failed, "1111111"), row(held, "2222222"), row(_outcome(2), "2222222")])
    assert "Not whole yet, 2 of 200." in text
    assert "Runs made: 3, of 2 seeds" in text
    assert "2 seeds held when they were last run" in text
    assert "| 1111111 | 1 | 0 | up to 5 | 7 | 0 |" in text
    assert "| 2222222 | 2 | 0 | up to 5 | 14 | 2 |" in text
    text = section([row(failed, "1111111") | {"cause": "a race", "mended": "1234567"}, row(held, "2222222")])
    assert "| 1 | 1111111 | `AssertionError: bot-1 lived twice` | a race | 1234567 | 2222222 |" in text
    text = section([row(held, "1111111"), row(failed, "2222222")])
    assert "| 1 | 2222222 | `AssertionError: bot-1 lived twice` | not known yet | - | not yet |" in text


def _outcome(seed: int, failure: str = "") -> Outcome:
    return Outcome(seed, 5, 5, ("add",), lives=7, seconds=1.0, load=0.5, failure=failure)
