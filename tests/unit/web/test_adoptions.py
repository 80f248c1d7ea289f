"""Adoptions in words: whose a job is, how far its bot has come, and what to do about it."""

from dataclasses import replace

import pytest

from controller.records import STOPPED, Adoptable, Adoption, OtherJob
from controller.status import Health
from tests.fakes.controller import bot_status
from web.adoptions import adoptable_document

JOB = OtherJob("old", "service", "running", "3", 1)
ASKED = Adoption("sma-btc", "old", "3", "ada", "to herdsman", 1.0)


@pytest.mark.parametrize(
    ("job", "health", "state", "words"),
    [
        (JOB, None, "waiting", "runs on until git has sma-btc"),
        (JOB, Health.PROGRESSING, "starting", "made ready"),
        (JOB, Health.DEGRADED, "held", "no node offers"),
        (replace(JOB, token="4"), Health.MISSING, "changed", "does not start"),
        (replace(JOB, token="4", status=STOPPED), Health.MISSING, "ending", "was asked to end"),
        (JOB, Health.MISSING, "apart", "was taken back"),
        (None, Health.MISSING, "ending", "not in the scheduler any more"),
    ],
)
def test_an_adoption_says_what_it_waits_for(
    job: OtherJob | None, health: Health | None, state: str, words: str
) -> None:
    """For git, for its bot to be ready, for the job's end, or for a person."""
    known = {"sma-btc": bot_status("sma-btc", health, message="no node offers it")} if health else {}
    asked = replace(ASKED, token="") if state == "apart" else ASKED
    (one,) = adoptable_document(Adoptable((job,) if job else (), (asked,)), "desk-1", known.get).waiting
    assert one.state == state
    assert words in one.message
    assert bool(one.next) is (state in ("waiting", "held", "changed", "apart"))


@pytest.mark.parametrize(
    ("job", "whose", "step"),
    [
        (JOB, "nobody's", "herdsman adopt BOT --job old"),
        (replace(JOB, status=STOPPED), "nobody's", ""),
        (
            replace(JOB, fleet="desk-abc234"),
            "an earlier installation of this fleet",
            "--adopt-fleet desk-abc234",
        ),
        (replace(JOB, fleet="lab-abc234"), "the fleet lab-abc234", ""),
        (replace(JOB, fleet="desk-abc234", component="agent"), "herdsman's agent", ""),
    ],
)
def test_a_job_says_whose_it_is_and_what_may_be_done(job: OtherJob, whose: str, step: str) -> None:
    """A stranger's may be adopted, a twin's fleet taken over whole; the rest is no affair of ours."""
    (one,) = adoptable_document(Adoptable((job,)), "desk-7gk2qa", {}.get).jobs
    assert whose in one.whose
    assert step in one.next
    assert bool(one.next) is bool(step)
