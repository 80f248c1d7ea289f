"""One run of a scheduled bot: what its end means, and whether it begins at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from schemas.reports import Outcome
from tests.unit.controller.launcher.station import Station, ended

Stations = Callable[[str], Station]
EVERY_MINUTE = "* * * * *"
RESULT = 'import json, os; open("/" + os.environ["CODE_MOUNT_DIR"] + "/result.json", "w").write({text!r})\n'


def leaving(result: object, then: str = "") -> str:
    """Return a program that leaves a result, and then does something."""
    text = result if isinstance(result, str) else json.dumps(result)
    return RESULT.format(text=text) + then


SUCCESS = {"status": "success", "message": "rebalanced", "data": {"n": 1}}
ERROR = {"status": "error", "message": "no funds"}


@pytest.mark.parametrize(
    ("code", "outcome", "message", "exit_code"),
    [
        ("pass", Outcome.SUCCESS, "", 0),
        (leaving(SUCCESS), Outcome.SUCCESS, "rebalanced", 0),
        (leaving(ERROR), Outcome.ERROR, "no funds", 0),
        (leaving(ERROR, "raise SystemExit(1)"), Outcome.ERROR, "no funds", 1),
        (leaving(SUCCESS, "raise KeyError('x')"), Outcome.CRASHED, "KeyError: 'x' (main.py:2)", 1),
        ("1 / 0", Outcome.CRASHED, "ZeroDivisionError: division by zero (main.py:1)", 1),
        ("raise SystemExit(7)", Outcome.CRASHED, "ended with exit code 7", 7),
        (leaving("{broken"), Outcome.SUCCESS, "", 0),
        (
            'import sys; print(\'{"level": "error", "message": "told so"}\', file=sys.stderr); sys.exit(2)',
            Outcome.CRASHED,
            "told so",
            2,
        ),
    ],
)
async def test_how_a_run_ended(
    station: Stations, code: str, outcome: Outcome, message: str, exit_code: int
) -> None:
    """An exception, the bot's own error and its success are three different outcomes."""
    place = station(code)
    launcher = place.start(place.order(schedule=EVERY_MINUTE))
    assert await ended(launcher) == (0 if outcome is Outcome.SUCCESS else 1)
    (run,) = place.reports("exited")
    assert (run.outcome, run.message, run.exit_code) == (outcome, message, exit_code)
    assert run.restart_in is None
    assert [report.kind for report in place.reports()][-1] == "lease_released"


@pytest.mark.parametrize(
    "leaves",
    [
        "os.mkfifo(path)",
        "os.symlink('/dev/zero', path)",
        "open(other, 'w').write('{\"message\": \"elsewhere\"}'); os.symlink(other, path)",
        "open(path, 'w').write('{\"message\": \"' + 'x' * 2**20 + '\"}')",
    ],
    ids=["pipe", "device", "link", "huge"],
)
async def test_only_a_small_plain_file_is_a_result(station: Stations, leaves: str) -> None:
    """A pipe, a device, a link or a file over a mebibyte is no result, and keeps no launcher waiting."""
    place = station(
        'import os; folder = "/" + os.environ["CODE_MOUNT_DIR"]; '
        f'path = folder + "/result.json"; other = folder + "/other"; {leaves}'
    )
    assert await ended(place.start(place.order(schedule=EVERY_MINUTE))) == 0
    (run,) = place.reports("exited")
    assert (run.outcome, run.message, run.result) == (Outcome.SUCCESS, "", None)


async def test_an_old_result_is_not_taken_for_a_new_one(station: Stations) -> None:
    """A run that leaves no result has none, whatever the run before it left."""
    place = station(leaving(ERROR))
    await ended(place.start(place.order(schedule=EVERY_MINUTE)))
    (place.code / "main.py").write_text("pass")
    await ended(place.start(place.order(schedule=EVERY_MINUTE)))
    first, second = place.reports("exited")
    assert (first.outcome, second.outcome, second.result) == (Outcome.ERROR, Outcome.SUCCESS, None)
    assert (first.run, second.run) == ("a1-1", "a1-2")


async def test_a_run_that_takes_too_long_is_ended(station: Stations) -> None:
    """At its time-out a run gets SIGTERM and its kill_timeout, and has failed."""
    place = station("import time; time.sleep(600)")
    launcher = place.start(place.order(schedule=EVERY_MINUTE, timeout=0.3))
    assert await ended(launcher) == 1
    (run,) = place.reports("exited")
    assert (run.outcome, run.reason) == (Outcome.TIMED_OUT, "timeout")


MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("environment", "catch_up", "runs"),
    [
        ({"HERDSMAN_DUE": f"{MONDAY_NOON:.0f}"}, False, True),
        ({"HERDSMAN_DUE": f"{MONDAY_NOON + 60:.0f}"}, False, False),
        ({"NOMAD_JOB_ID": f"fleet-alpha/periodic-{MONDAY_NOON:.0f}"}, False, True),
        ({"NOMAD_JOB_ID": f"fleet-alpha/periodic-{MONDAY_NOON + 17:.0f}"}, False, False),
        ({"NOMAD_JOB_ID": f"fleet-alpha/periodic-{MONDAY_NOON + 17:.0f}"}, True, True),
    ],
)
async def test_a_start_off_its_slot_is_skipped(
    station: Stations, environment: dict[str, str], catch_up: bool, runs: bool
) -> None:
    """A scheduler that starts a bot when it is not due is told so, unless late runs are wanted."""
    place = station("pass")
    launcher = place.start(place.order(schedule="0 12 * * mon", catch_up=catch_up), **environment)
    assert await ended(launcher) == 0
    assert bool(place.reports("exited")) is runs
    assert [report.reason for report in place.reports("skipped")] == ([] if runs else ["off_slot"])


async def test_a_run_beside_another_is_skipped(station: Stations) -> None:
    """A scheduled start that finds the lease taken for too long is an overlap, and no run."""
    place = station("import time; time.sleep(600)")
    first = place.start(place.order(schedule=EVERY_MINUTE))
    await place.report("started")
    order = place.order(schedule=EVERY_MINUTE)
    order["lease"] = {**order["lease"], "ttl": 0.1}
    second = place.start(order)
    assert await ended(second) == 0
    assert [report.reason for report in place.reports("skipped")] == ["overlap"]
    first.terminate()
    assert await ended(first) == 0
