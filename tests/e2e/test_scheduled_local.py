"""Scheduled bots on this machine: runs, outcomes, time-outs."""

import pytest

from tests.e2e.fleet import Fleet, write_program
from tests.e2e.service import Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

README = "# ways\n\nA test program that ends its run in the way it is told to end.\n"
SCHEMA = '{"type": "object", "properties": {"way": {"type": "string"}}, "required": ["way"]}'
SDK = """\
the0-sdk==0.4.0 \\
    --hash=sha256:6b4bee2feb0b5163b78374b080c5b7ae3c49d11e58b744a3200e5513d332390c \\
    --hash=sha256:bbdf4dc9ed5124f80cfd8c313226ce4afe8883ee80875f57e7ab83b5dc094a0c
"""
MAIN = """\
from the0 import success, error

def main(bot_id, config):
    if config["way"] == "success":
        success("rebalanced", {"traded": 3})
    elif config["way"] == "error":
        error("no funds", {"required": 150})
    elif config["way"] == "hang":
        import time
        time.sleep(600)
    else:
        raise ValueError("a wrong turn")
"""


def add_ways(fleet: Fleet) -> None:
    """Write a scheduled program that ends in the way it is asked to."""
    write_program(fleet, "ways", (MAIN, SCHEMA, README), kind="scheduled")
    (fleet.folder / "programs/ways/requirements.txt").write_text(SDK)


def test_three_ways_to_end_are_three_outcomes(service: Service, fleet: Fleet) -> None:
    add_ways(fleet)
    for way in ("success", "error", "raise", "hang"):
        fleet.write(
            f"bots/{way}.yaml",
            f"""\
            name: {way}
            type: scheduled/ways
            version: 1.0.0
            schedule: "* * * * *"
            way: {way}
            herdsman: {{timeout: {"5s" if way == "hang" else "10m"}, kill_timeout: 2s}}
            """,
        )
    fleet.commit("four ways")
    fleet.push()

    def outcomes() -> dict[str, str]:
        found = {}
        for way in ("success", "error", "raise", "hang"):
            ended = [run for run in service.get(f"/api/v1/bots/{way}/runs") if run["outcome"]]
            if not ended:
                return {}
            found[way] = ended[0]["outcome"]
        return found

    found = wait_for(outcomes, "every bot to have run", 300, 0.5)
    assert found == {"success": "success", "error": "error", "raise": "crashed", "hang": "timed_out"}
    run = next(run for run in service.get("/api/v1/bots/success/runs") if run["outcome"])
    assert run["result"]["data"] == {"traded": 3}

    def told() -> bool:
        """Say whether the statuses speak of the runs: between two of them, while none is being prepared."""
        bots = service.bots()
        return (
            bots["success"]["health"] == "Healthy"
            and {bots[way]["reason"] for way in ("error", "raise", "hang")} == {"LastRunFailed"}
            and "ValueError: a wrong turn" in bots["raise"]["message"]
        )

    wait_for(told, "the outcomes to be the bots' health")
