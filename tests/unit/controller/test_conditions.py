"""Conditions follow from the status."""

from dataclasses import replace

import pytest

from controller.conditions import conditions
from controller.status import BotStatus, Health, Reason, Sync
from tests.unit.controller.examples import NOW

STATUS = BotStatus(
    "a",
    "sma",
    "1.0.0",
    "realtime",
    "dry",
    "",
    Sync.SYNCED,
    Health.HEALTHY,
    Reason.RUNNING,
    "",
    "",
    "",
    0,
    None,
    NOW,
)


@pytest.mark.parametrize(
    ("health", "reason", "sync", "ready", "reconciling", "stalled"),
    [
        (Health.HEALTHY, Reason.RUNNING, Sync.SYNCED, "True", "False", "False"),
        (Health.HEALTHY, Reason.INVALID_MANIFEST, Sync.UNKNOWN, "False", "False", "True"),
        (Health.PROGRESSING, Reason.UPDATING, Sync.OUT_OF_SYNC, "False", "True", "False"),
        (Health.DEGRADED, Reason.CRASH_LOOP, Sync.SYNCED, "False", "False", "True"),
        (Health.UNKNOWN, Reason.NODE_LOST, Sync.UNKNOWN, "Unknown", "False", "True"),
        (Health.SUSPENDED, Reason.SUSPENDED, Sync.SYNCED, "False", "False", "False"),
    ],
)
def test_conditions_of_a_status(health, reason, sync, ready, reconciling, stalled):
    """Ready, Reconciling and Stalled each have one answer, with the status's reason."""
    found = conditions(replace(STATUS, health=health, reason=reason, sync=sync))
    assert [one.status for one in found] == [ready, reconciling, stalled]
    assert {one.type: one.reason for one in found} == dict.fromkeys(
        ("Ready", "Reconciling", "Stalled"), reason
    )


def test_a_message_stands_where_it_explains():
    """What is wrong is said once: how ready the bot is, and with what is worked on or stuck."""
    failed = replace(
        STATUS, sync=Sync.OUT_OF_SYNC, reason=Reason.BUILD_FAILED, message="the build failed: no main"
    )
    ready, reconciling, stalled = conditions(failed)
    assert (ready.status, stalled.status) == ("False", "True")
    assert ready.message == stalled.message == failed.message
    assert (reconciling.status, reconciling.message) == ("False", "")
