"""Whether an update got healthy, from what is known of it at one moment."""

from dataclasses import replace

import pytest

from controller.process import ProcessState, Stage
from controller.rollback.records import Trial
from controller.rollback.trial import Verdict, judge_trial
from controller.status import BotStatus, Health, Reason, Sync
from tests.unit.controller.examples import NOW, entry, revision
from tests.unit.controller.rollback.crashes import BAD, GOOD

TRIAL = Trial("a", BAD.digest, revision(2), GOOD, revision(1))
STATUS = BotStatus(
    *("a", "sma", "1.0.0", "realtime", "dry", ""),
    *(Sync.SYNCED, Health.HEALTHY, Reason.RUNNING, ""),
    *(revision(2).id, revision(2).id, 0, NOW, NOW),
)
BEFORE = ProcessState("a-1", GOOD.digest, stage=Stage.STARTED, run="a-1.1", alive_since=NOW - 600)


def judged(process: ProcessState) -> Verdict:
    """Return the verdict on the update of a bot that is said to be healthy."""
    owned = entry(BAD, applied_at=NOW)
    return judge_trial(TRIAL, BAD, owned, STATUS, process, NOW + 1).verdict


def test_health_of_the_copy_before_an_update_ends_no_trial():
    """After its job was changed the old copy is shown for a moment, as healthy as it was."""
    assert judged(BEFORE) is Verdict.OPEN
    assert judged(replace(BEFORE, allocation="a-2", spec=BAD.digest)) is Verdict.HEALTHY


@pytest.mark.parametrize("reason", [Reason.RESTARTING, Reason.OUT_OF_MEMORY, Reason.NOT_YET_HEALTHY])
def test_an_update_that_is_not_healthy_in_time_has_failed(reason: Reason):
    """However it fails, and be it that the kernel ends it for its memory now and then."""
    owned = entry(BAD, applied_at=NOW)
    status = replace(STATUS, health=Health.PROGRESSING, reason=reason, message="crashed")
    own = replace(BEFORE, allocation="a-2", spec=BAD.digest, first_at=NOW)
    late = NOW + BAD.healthy_within + 1
    assert judge_trial(TRIAL, BAD, owned, status, own, NOW + 1).verdict is Verdict.OPEN
    assert judge_trial(TRIAL, BAD, owned, status, own, late).verdict is Verdict.FAILED


def test_an_update_does_not_wait_for_a_clock_that_ran_ahead_as_herdsman_began():
    """A beginning that lies in time to come measures nothing; one that has passed spares the update."""
    owned = entry(BAD, applied_at=NOW)
    status = replace(STATUS, health=Health.PROGRESSING, reason=Reason.RESTARTING, message="crashed")
    own = replace(BEFORE, allocation="a-2", spec=BAD.digest, first_at=NOW)
    late = NOW + BAD.healthy_within + 1

    def at(now: float, since: float) -> Verdict:
        return judge_trial(TRIAL, BAD, owned, status, own, now, since).verdict

    assert at(late, NOW + 2 * 24 * 3600) is Verdict.FAILED
    assert at(late, NOW + 10) is Verdict.OPEN
    assert at(late + 10, NOW + 10) is Verdict.FAILED
