"""The order that a launcher gets, and the files that it is made of."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from controller.launcher.archive import LAUNCHER, launcher_digest, launcher_files
from controller.launcher.launcher import read_order
from controller.launcher.order import ORDER_VARIABLE, Content, LaunchOrder, LeaseOrder, NodePaths, Output
from controller.schedulers.protocol import Launch
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType, Mode, ProgramVersion, SecretReference
from schemas.labels import AllocationLabels
from tests.unit.controller.launcher.station import Station

ODD = json.dumps({"x": "${NOMAD_JOB_NAME} {{ y }} ☃"}, ensure_ascii=False)
PROGRAM = ProgramVersion("tester", "1.0.0", BotType.REALTIME, "python3.11", "main.py", "", "programs/t", "t")
SPEC = BotSpec("alpha", PROGRAM, Mode.DRY, True, ODD, "bots/a.yaml", "d", renamed_from="former")
ORDER = LaunchOrder(
    launch=Launch(SPEC, "0" * 40, Bundle("k", "c" * 64, Path("/b"), 1)),
    fleet="fleet-abc",
    paths=NodePaths("$NOMAD_ALLOC_DIR", "$NOMAD_TASK_DIR/herdsman", "/var/cache", "/state/fleet-abc/alpha"),
    lease=LeaseOrder("nomad", {"path": "leases/alpha", "secrets": "$NOMAD_SECRETS_DIR"}),
    code=Content("c" * 64, url="http://127.0.0.1/x"),
    output=Output(pump=False),
    allocation="$NOMAD_ALLOC_ID",
    node="$HERDSMAN_NODE",
)


def test_the_order_survives_interpolation() -> None:
    """Nothing in the text that travels looks like a template of Nomad's."""
    text = ORDER.encoded()
    assert "$" not in text
    assert "{" not in text
    document = json.loads(base64.b64decode(text))
    assert document["config"] == ODD
    assert document == json.loads(ORDER.json())


def test_a_scheduled_bot_is_told_its_timetable_and_its_time() -> None:
    """Only a scheduled bot has a time-out."""
    program = replace(PROGRAM, type=BotType.SCHEDULED)
    spec = replace(SPEC, program=program, schedule="0 * * * *", timeout=60.0)
    document = replace(ORDER, launch=replace(ORDER.launch, spec=spec)).document()
    assert document["timetable"]["minutes"] == [0]
    assert document["timeout"] == 60.0
    assert (ORDER.document()["timetable"], ORDER.document()["timeout"]) == (None, 0)


def test_secrets_travel_as_references() -> None:
    """The order names where each is found, and for which variable."""
    spec = replace(SPEC, secrets=(SecretReference("KEY", "env:FLEET_KEY"),))
    document = replace(ORDER, launch=replace(ORDER.launch, spec=spec)).document()
    assert document["secrets"] == {"KEY": "env:FLEET_KEY"}


def test_labels_are_complete() -> None:
    """With what the launcher adds, every label is there."""
    labels = ORDER.document()["labels"] | {"allocation": "a", "node": "n", "task": "bot"}
    assert set(labels) == {field.name for field in fields(AllocationLabels)}


def test_folders_of_the_node_are_found_in_its_environment() -> None:
    """Paths, allocation, node and the lease's options may begin with a variable; nothing else is touched."""
    own = {
        ORDER_VARIABLE: ORDER.encoded(),
        "NOMAD_ALLOC_DIR": "/alloc",
        "NOMAD_TASK_DIR": "/local",
        "NOMAD_ALLOC_ID": "id-1",
        "NOMAD_SECRETS_DIR": "/secrets",
        "HERDSMAN_NODE": "node-7",
    }
    order = read_order(["launcher.py"], own)
    assert order["paths"]["allocation"] == "/alloc"
    assert order["paths"]["work"] == "/local/herdsman"
    assert (order["allocation"], order["node"]) == ("id-1", "node-7")
    assert order["lease"]["options"] == {"path": "leases/alpha", "secrets": "/secrets"}
    assert order["former_state"] == "/state/fleet-abc/former"
    assert order["config"] == ODD
    del own["HERDSMAN_NODE"]
    with pytest.raises(KeyError, match="HERDSMAN_NODE"):
        read_order(["launcher.py"], own)


def test_the_archive_runs_alone(tmp_path: Path, station: Callable[[str], Station]) -> None:
    """Unpacked anywhere, without any package but the standard library, the launcher runs a bot."""
    for name, content in launcher_files().items():
        file = tmp_path / "unpacked" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    place = station("print('it runs')")
    text = json.dumps(place.order(schedule="* * * * *"))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", tmp_path / "unpacked" / LAUNCHER],
        env={ORDER_VARIABLE: base64.b64encode(text.encode()).decode(), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert place.lines("stdout") == ["it runs"]


def test_every_module_that_the_launcher_imports_is_in_the_archive() -> None:
    """A module that is forgotten there would be missed on a node only."""
    names = set(launcher_files())
    imported = {
        line.split()[1].replace(".", "/") + ".py"
        for name, content in launcher_files().items()
        if name.endswith(".py")
        for line in content.decode().replace("    from ", "from ").splitlines()
        if line.startswith("from controller.")
    }
    assert imported <= names
    assert "controller/launcher/nomad_lease.py" in names
    assert len(launcher_digest()) == 64
