"""How far a change has come, by the evidence."""

from dataclasses import replace

import pytest

from controller.doing import Operation
from controller.process import ProcessState, fold
from controller.progress import NO_REPORT, Aim, Evidence, progress
from controller.records import ChangeState
from controller.schedulers.protocol import Phase
from controller.status import BotStatus, Health, Reason, Sync
from schemas.bot import RestartPolicy
from schemas.reports import LauncherReport, ReportKind
from tests.unit.controller.examples import NOW, entry, exited, labels, seen, spec, started

BOT = spec()
AIM = Aim("update", BOT.digest, run_before="sma-btc-a0-1", allocation_before="sma-btc-a0")
STATUS = BotStatus(
    BOT.name,
    "sma",
    "1",
    "realtime",
    "dry",
    "",
    Sync.SYNCED,
    Health.PROGRESSING,
    Reason.STARTING,
    "",
    "",
    "",
    0,
    None,
    NOW,
)
EVIDENCE = Evidence(entry(BOT), seen(BOT), ProcessState(), None, STATUS)


def after(*reports, allocation="sma-btc-a1"):
    state = ProcessState()
    for report in reports:
        state = fold(state, labels(BOT, allocation), report, NOW, RestartPolicy())
    return state


def well(health, reason=Reason.RUNNING):
    return replace(STATUS, health=health, reason=reason, message="words")


@pytest.mark.parametrize(
    ("fields", "state", "message"),
    [
        ({}, ChangeState.WAITING, ""),
        ({"process": after(started())}, ChangeState.RUNNING, ""),
        ({"process": after(started()), "status": well(Health.HEALTHY)}, ChangeState.HEALTHY, ""),
        ({"process": after(started(), exited())}, ChangeState.DEGRADED, "crashed: ValueError: no"),
        (
            {"process": after(started(), exited(), started(2))},
            ChangeState.DEGRADED,
            "crashed: ValueError: no; alive again",
        ),
        (
            {"process": replace(after(started()), crashes=(NOW,), last_error="long ago")},
            ChangeState.RUNNING,
            "",
        ),
        (
            {"process": after(started(), exited(), started(2)), "status": well(Health.HEALTHY)},
            ChangeState.HEALTHY,
            "",
        ),
        ({"process": after(started(1, NOW, "sma-btc-a0"), allocation="sma-btc-a0")}, ChangeState.WAITING, ""),
        (
            {"process": after(LauncherReport(NOW, ReportKind.FAILED, message="no python"))},
            ChangeState.FAILED,
            "no python",
        ),
        ({"status": well(Health.DEGRADED, Reason.NO_RUNTIME)}, ChangeState.FAILED, "words"),
        ({"placed_for": 9.9}, ChangeState.WAITING, ""),
        ({"placed_for": 10.0}, ChangeState.RUNNING, NO_REPORT),
        ({"owned": entry(BOT, intent=BOT.digest)}, ChangeState.WAITING, ""),
        ({"owned": None, "blocked": "lost"}, ChangeState.WAITING, "lost"),
        ({"operation": Operation("r", Reason.APPLY_FAILED, "no room")}, ChangeState.FAILED, "no room"),
        (
            {"seen": seen(BOT, Phase.PENDING, message="no node has 8 GiB")},
            ChangeState.WAITING,
            "no node has 8 GiB",
        ),
    ],
)
def test_update_of_a_realtime_bot(fields, state, message):
    """A change runs by the launcher's word for the new spec, and fails by the first bad one."""
    assert progress(AIM, replace(EVIDENCE, **fields)) == (state, message)


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.IDLE, ChangeState.HEALTHY),
        (Phase.RUNNING, ChangeState.HEALTHY),
        (Phase.PENDING, ChangeState.WAITING),
    ],
)
def test_update_of_a_scheduled_bot(phase, state):
    """A scheduled bot's change is done once it is registered and waits for its slot."""
    aim = replace(AIM, scheduled=True)
    assert progress(aim, replace(EVIDENCE, seen=seen(BOT, phase)))[0] is state


@pytest.mark.parametrize(
    ("action", "observed", "owned", "state"),
    [
        ("remove", seen(BOT, Phase.STOPPING), entry(BOT), ChangeState.WAITING),
        ("remove", seen(BOT, Phase.STOPPED), entry(BOT), ChangeState.WAITING),
        ("remove", None, entry(BOT), ChangeState.WAITING),
        ("remove", None, None, ChangeState.REMOVED),
        ("stop", seen(BOT, Phase.STOPPING), entry(BOT), ChangeState.WAITING),
        ("stop", seen(BOT, Phase.STOPPED), entry(BOT), ChangeState.REMOVED),
    ],
)
def test_ends(action, observed, owned, state):
    """A stop is done when the bot is dead, a removal when nothing is left of it."""
    assert progress(Aim(action), replace(EVIDENCE, seen=observed, owned=owned))[0] is state


@pytest.mark.parametrize("action", ["remove", "stop"])
def test_an_older_failure_is_none_of_an_end(action):
    """What failed before a bot was to end is not told as the end's own failure; a later one is."""
    older = Operation("r", Reason.BUILD_FAILED, "no such package")
    aim = Aim(action, failure_before=older)
    evidence = replace(EVIDENCE, operation=older)
    assert progress(aim, evidence) == (ChangeState.WAITING, "")
    gone = replace(evidence, owned=None, seen=None)
    assert progress(aim, gone)[0] is ChangeState.REMOVED
    later = replace(evidence, operation=Operation("r", Reason.APPLY_FAILED, "no server"))
    assert progress(aim, later) == (ChangeState.FAILED, "no server")
