"""The test agent itself: hidden folders are empty for what it runs, and nothing of it stays behind."""

import json
import time
from pathlib import Path

import pytest

from tests.engines.launching import this_python
from tests.engines.nomad import NomadAgent, nomad_agent
from tests.engines.processes import CHECKOUT, marked

pytestmark = pytest.mark.nomad

LOOK = "import json,os,sys;print(json.dumps([os.listdir(path) for path in sys.argv[1:]]))"


def run(agent: NomadAgent, arguments: list[str]) -> str:
    """Run a Python program as a batch job and return what it printed."""
    task = {"Name": "t", "Driver": "raw_exec", "Config": {"command": this_python()[1], "args": arguments}}
    group = {"Name": "g", "Count": 1, "RestartPolicy": {"Attempts": 0, "Mode": "fail"}, "Tasks": [task]}
    agent.send(
        "POST", "jobs", {"Job": {"ID": "look", "Type": "batch", "Datacenters": ["*"], "TaskGroups": [group]}}
    )
    while not (
        ended := [one for one in agent.get("job/look/allocations") if one["ClientStatus"] == "complete"]
    ):
        time.sleep(0.05)
    log = agent.alloc_root / ended[0]["ID"] / "alloc" / "logs" / "t.stdout.0"
    while not (printed := log.read_text()).endswith("\n"):  # it may be written after the end is known
        time.sleep(0.05)
    return printed


def test_hidden_folders_are_empty_inside_and_nothing_is_left(tmp_path: Path) -> None:
    """A task sees neither the checkout nor a data folder; afterwards no process and no mount remains."""
    (tmp_path / "secret").write_text("data")
    with nomad_agent(hide=[CHECKOUT, tmp_path]) as agent:
        assert json.loads(run(agent, ["-c", LOOK, str(CHECKOUT), str(tmp_path)])) == [[], []]
        assert (tmp_path / "secret").exists()
        root = agent.data.parent
    assert list(marked(agent.process.mark)) == []
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mounts").read_text()
