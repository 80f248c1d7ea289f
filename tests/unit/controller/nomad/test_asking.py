"""The job that asks a scheduled bot: the bot's own in everything but what would make it one."""

import base64
import json
from typing import Any

import pytest

from controller.launcher.archive import QUERY
from controller.schedulers.nomad.asking import check_home, render_query
from controller.schedulers.nomad.reading import NodeRecord
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Question
from schemas.errors import SchedulerUnavailable

SETTINGS = NomadSettings("desk-abc")
JOB: dict[str, Any] = {
    "ID": "desk-abc.alpha",
    "Namespace": "default",
    "Type": "batch",
    "Priority": 40,
    "Datacenters": ["*"],
    "NodePool": "default",
    "Periodic": {"Enabled": True, "SpecType": "cron"},
    "Meta": {"herdsman.fleet": "desk-abc", "herdsman.bot": "alpha", "herdsman.revision": "r1"},
    "Constraints": [{"LTarget": "${attr.kernel.name}", "Operand": "=", "RTarget": "linux"}],
    "TaskGroups": [
        {
            "Name": "bot",
            "Count": 1,
            "Tasks": [
                {
                    "Name": "bot",
                    "Driver": "raw_exec",
                    "User": "trader",
                    "Config": {
                        "command": "python",
                        "args": ["-I", "-S", "x/controller/launcher/launcher.py"],
                    },
                    "Env": {"HERDSMAN_ORDER": "b3JkZXI="},
                    "KillTimeout": 40_000_000_000,
                    "Resources": {"CPU": 50, "MemoryMB": 64},
                }
            ],
        }
    ],
}


def rendered(node: str = "") -> dict[str, Any]:
    return render_query(JOB, SETTINGS, "alpha", Question("/runs", {"n": 1}, 5.0), node)


def test_a_query_job_is_no_bot() -> None:
    """It has no bot's mark and no bot's name, no schedule, and is never tried again."""
    job = rendered()
    assert job["Meta"] == {
        "herdsman.fleet": "desk-abc",
        "herdsman.component": "query",
        "herdsman.query": "alpha",
        "herdsman.revision": "r1",
    }
    assert job["ID"].startswith("desk-abc-query.alpha.")
    assert not job["ID"].startswith(SETTINGS.prefix)
    assert job["ID"] != rendered()["ID"]
    assert (job["Type"], "Periodic" in job) == ("batch", False)
    assert job["TaskGroups"][0]["RestartPolicy"]["Attempts"] == 0


def test_a_query_runs_as_its_bot_does() -> None:
    """Content, user, limits and constraints are its own; the question travels encoded."""
    before = json.dumps(JOB)
    (task,) = rendered()["TaskGroups"][0]["Tasks"]
    own = JOB["TaskGroups"][0]["Tasks"][0]
    assert {key: task[key] for key in ("Driver", "User", "Resources")} == {
        key: own[key] for key in ("Driver", "User", "Resources")
    }
    assert task["Config"]["args"] == ["-I", "-S", f"x/{QUERY}"]
    assert task["Env"]["HERDSMAN_ORDER"] == own["Env"]["HERDSMAN_ORDER"]
    asked = json.loads(base64.b64decode(task["Env"]["HERDSMAN_QUERY"]))
    assert asked == {"path": "/runs", "params": {"n": 1}, "seconds": 5.0}
    assert rendered()["Constraints"] == JOB["Constraints"]
    assert rendered("n-1")["Constraints"][-1] == {
        "LTarget": "${node.unique.id}",
        "Operand": "=",
        "RTarget": "n-1",
    }
    assert json.dumps(JOB) == before


def test_a_node_that_does_not_answer_is_told_at_once() -> None:
    """A bot whose state lies on a node that is down or gone is not asked on another."""
    nodes = [NodeRecord("n-1", "amber", "ready", 1), NodeRecord("n-2", "birch", "down", 1)]
    check_home("alpha", "", nodes)
    check_home("alpha", "n-1", nodes)
    with pytest.raises(SchedulerUnavailable, match="birch is down"):
        check_home("alpha", "n-2", nodes)
    with pytest.raises(SchedulerUnavailable, match="not in the cluster"):
        check_home("alpha", "n-3", nodes)
