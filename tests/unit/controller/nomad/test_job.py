"""Rendering a bot as a Nomad job."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.schedulers.nomad.job import job_id, lease_path, render, resources, state_path
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Launch
from gitops.bundle import Bundle
from schemas.bot import Resources
from schemas.errors import SchedulerRefused, UsageError
from tests.engines.launching import make_spec

MIB = 1024 * 1024
FLEET = "demo-abc234"
LAUNCHER = Bundle("launcher", "1" * 64, Path("/bundles/launcher.tar.gz"), 10)
CODE = Bundle("tree-1", "2" * 64, Path("/bundles/code.tar.gz"), 10)
LAYER = Bundle("layer", "3" * 64, Path("/bundles/layer.tar.gz"), 10)


def url_of(bundle: Bundle) -> str:
    return f"http://controller:8000/bundles/secret/{bundle.digest}.tar.gz"


def rendered(
    spec=None, settings: NomadSettings | None = None, layer: Bundle | None = None, **fields: Any
) -> dict[str, Any]:
    launch = Launch(spec or make_spec("maker", **fields), "c0ffee", CODE, layer, "3.11")
    return render(launch, settings or NomadSettings(FLEET), LAUNCHER, url_of, 1_800_000_000.0)


def task_of(job: dict[str, Any]) -> dict[str, Any]:
    (group,) = job["TaskGroups"]
    (task,) = group["Tasks"]
    return task


def order_of(job: dict[str, Any]) -> dict[str, Any]:
    return json.loads(base64.b64decode(task_of(job)["Env"]["HERDSMAN_ORDER"]))


def test_job_carries_the_fleets_mark():
    """Whose job it is, which bot, which spec and which revision can be read in Nomad."""
    job = rendered()
    assert job["ID"] == "demo-abc234.maker"
    scopes = json.loads(base64.b64decode(job["Meta"].pop("herdsman.scopes")))
    assert {"all", "bot=maker", "mode=dry"} <= set(scopes)
    assert job["Meta"] == {
        "herdsman.fleet": FLEET,
        "herdsman.bot": "maker",
        "herdsman.spec": "digest-1",
        "herdsman.revision": "c0ffee",
        "herdsman.type": "realtime",
        "herdsman.needs": "Python 3.11",
        "herdsman.fail-over": "60",
    }


def test_configuration_arrives_byte_for_byte():
    """Nothing of a user's own values stands where Nomad would interpolate it."""
    odd = {"a": "${NOMAD_JOB_NAME}", "b": "{{ env }}", "c": "żółw 🐢", "d": "$HOME"}
    job = rendered(make_spec("maker", config=odd))
    assert json.loads(order_of(job)["config"]).items() >= odd.items()
    text = json.dumps(job)
    assert "NOMAD_JOB_NAME" not in text
    assert "{{" not in text


def test_realtime_bot_is_a_service_that_nomad_never_replaces():
    """A lost node's bot is left alone, and only the launcher itself is restarted, for ever."""
    job = rendered()
    (group,) = job["TaskGroups"]
    assert job["Type"] == "service"
    assert "Periodic" not in job
    assert group["Disconnect"]["Replace"] is False
    assert group["Disconnect"]["LostAfter"] == 3600 * 10**9
    assert group["ReschedulePolicy"] == {"Attempts": 0, "Unlimited": False}
    assert group["RestartPolicy"]["Mode"] == "delay"


def test_scheduled_bot_is_a_periodic_batch_without_overlap_or_retries():
    """Nomad starts a run at each slot in the bot's own time zone, and never a run twice."""
    job = rendered(schedule="*/5 * * * *", timezone="Europe/Berlin")
    assert job["Type"] == "batch"
    assert job["Periodic"] == {
        "Enabled": True,
        "SpecType": "cron",
        "Specs": ["*/5 * * * *"],
        "TimeZone": "Europe/Berlin",
        "ProhibitOverlap": True,
    }
    assert job["Meta"]["herdsman.schedule"] == "*/5 * * * *"
    assert job["TaskGroups"][0]["RestartPolicy"]["Attempts"] == 0


def test_stop_is_sigterm_with_the_bots_own_time_and_the_launchers_margin():
    """Nomad kills the launcher only after the launcher had time to end the bot."""
    task = task_of(rendered(kill_timeout=45.0))
    assert task["KillSignal"] == "SIGTERM"
    assert task["KillTimeout"] == 55 * 10**9


def test_bundles_are_fetched_by_digest():
    """Launcher and code are artifacts with their checksum; the launcher fetches the dependency layer."""
    job = rendered(layer=LAYER)
    launcher, code = task_of(job)["Artifacts"]
    assert launcher["GetterSource"] == url_of(LAUNCHER)
    assert code["GetterOptions"]["checksum"] == f"sha256:{CODE.digest}"
    assert order_of(job)["dependencies"]["url"] == url_of(LAYER)
    assert order_of(job)["code"]["path"] == "$NOMAD_TASK_DIR/code"


def test_interpreter_is_the_nodes_own_and_a_condition_of_placement():
    """The command is the path that the node published for the version the dependencies were built for."""
    job = rendered(layer=LAYER, settings=NomadSettings(FLEET, architecture="amd64"))
    assert task_of(job)["Config"]["command"] == "${meta.herdsman_python_3_11}"
    conditions = {(item["LTarget"], item["Operand"], item["RTarget"]) for item in job["Constraints"]}
    assert ("${meta.herdsman_python_3_11}", "is_set", "") in conditions
    assert ("${attr.cpu.arch}", "=", "amd64") in conditions


def test_node_bot_runs_where_a_nodejs_is_published():
    """Its launcher runs on any Python of the node, and the bot on the Node.js that the node published."""
    spec = make_spec("maker")
    program = replace(spec.program, runtime="nodejs20", entrypoint="main.mjs")
    job = rendered(replace(spec, program=program), layer=LAYER)
    conditions = {(item["LTarget"], item["Operand"]) for item in job["Constraints"]}
    assert ("${meta.herdsman_node}", "is_set") in conditions
    assert ("${meta.herdsman_python}", "is_set") in conditions
    assert task_of(job)["Config"]["command"] == "${meta.herdsman_python}"
    assert task_of(job)["Env"]["HERDSMAN_INTERPRETER"] == "${meta.herdsman_node}"
    assert order_of(job)["interpreter"] == "$HERDSMAN_INTERPRETER"


def test_compiled_bot_runs_where_the_c_library_is_new_enough():
    """It needs the processor and the C library that it was built for, and no particular Python."""
    spec = make_spec("maker")
    program = replace(spec.program, runtime="rust-stable", entrypoint="src/main.rs")
    settings = NomadSettings(FLEET, architecture="amd64", glibc="2.36")
    job = rendered(replace(spec, program=program), layer=LAYER, settings=settings)
    conditions = {(item["LTarget"], item["Operand"], item["RTarget"]) for item in job["Constraints"]}
    assert ("${meta.herdsman_glibc}", "version", ">= 2.36") in conditions
    assert ("${attr.cpu.arch}", "=", "amd64") in conditions
    assert task_of(job)["Config"]["command"] == "${meta.herdsman_python}"
    assert order_of(job)["interpreter"] == ""


def test_a_bot_carries_what_its_node_must_offer():
    """In words, for as long as no node does."""
    settings = NomadSettings(FLEET, architecture="amd64", glibc="2.36")
    spec = make_spec("maker")
    needed = {}
    for runtime in ("python3.11", "nodejs20", "gcc13"):
        program = replace(spec.program, runtime=runtime)
        job = rendered(replace(spec, program=program), layer=LAYER, settings=settings)
        needed[runtime] = job["Meta"]["herdsman.needs"]
    assert needed == {
        "python3.11": "Python 3.11, amd64 processors",
        "nodejs20": "Node.js 20 or newer, Python 3.11 or newer, amd64 processors",
        "gcc13": "glibc 2.36 or newer, Python 3.11 or newer, amd64 processors",
    }


def test_bot_without_a_layer_runs_on_any_architecture():
    """Only built dependencies tie a bot to a kind of processor."""
    assert not any("cpu.arch" in item["LTarget"] for item in rendered()["Constraints"])


def test_state_lies_outside_the_allocation_under_the_nodes_own_root():
    """The state folder is named by fleet and bot below what the node published."""
    job = rendered()
    assert order_of(job)["paths"]["state"] == "$HERDSMAN_STATE_ROOT/demo-abc234/maker"
    assert task_of(job)["Env"]["HERDSMAN_STATE_ROOT"] == "${meta.herdsman_state_root}"


def test_exec_driver_mounts_the_host_volume():
    """In a chroot, state and cache come from the node's host volume `herdsman`."""
    job = rendered(settings=NomadSettings(FLEET, driver="exec"))
    assert job["TaskGroups"][0]["Volumes"]["herdsman"]["Source"] == "herdsman"
    assert task_of(job)["VolumeMounts"][0]["Destination"] == "/herdsman"
    assert task_of(job)["Env"]["HERDSMAN_STATE_ROOT"] == "/herdsman/state"


def test_priority_stays_within_nomads_range():
    """Nomad takes 1 to 100."""
    assert rendered(priority=500)["Priority"] == 100


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (Resources(), {"CPU": 50, "MemoryMB": 256}),
        (Resources(cpu_limit=500, memory_limit=512 * MIB), {"CPU": 500, "MemoryMB": 512}),
        (Resources(cpu_request=250, cpu_limit=1000), {"CPU": 250, "MemoryMB": 256}),
        (Resources(memory_request=100 * MIB, memory_limit=300 * MIB), {"CPU": 50, "MemoryMB": 300}),
        (Resources(memory_request=100 * MIB + 1), {"CPU": 50, "MemoryMB": 101}),
    ],
)
def test_resources_reserve_what_the_manifest_asks(of, expected):
    """Millicores become MHz, bytes become MB rounded up, and a limit is reserved whole."""
    assert resources(of, NomadSettings(FLEET)) == expected


def test_oversubscription_reserves_the_request_and_allows_the_limit():
    """Where the cluster permits it, the limit may exceed what is reserved."""
    settings = NomadSettings(FLEET, memory_oversubscription=True)
    of = Resources(memory_request=100 * MIB, memory_limit=300 * MIB)
    assert resources(of, settings) == {"CPU": 50, "MemoryMB": 100, "MemoryMaxMB": 300}


def test_too_large_a_configuration_is_refused_in_words():
    """The job would not start: an environment variable has a limit."""
    with pytest.raises(SchedulerRefused, match="too large for Nomad"):
        rendered(make_spec("maker", config={"big": "x" * 100_000}))


@pytest.mark.parametrize("name", ["", "a/b", "a b", "../x", "a#b", "ä"])
def test_name_that_is_no_part_of_a_job_id_is_refused(name):
    """Nothing that could reach another job or another route gets into an id."""
    with pytest.raises(SchedulerRefused, match="cannot be part"):
        job_id(FLEET, name)


def test_lease_paths_use_only_what_variables_allow_and_never_meet():
    """Dots are escaped, and the escape cannot be forged."""
    assert lease_path(FLEET, "a.b") == "herdsman/leases/demo-abc234/a~2eb"
    assert lease_path(FLEET, "a~2eb") != lease_path(FLEET, "a.b")
    assert state_path(FLEET, "maker") == "herdsman/state/demo-abc234/maker"


def test_token_never_shows():
    """Settings may be logged."""
    assert "s3cret" not in repr(NomadSettings(FLEET, token="s3cret"))


@pytest.mark.parametrize(
    "settings", [{"fleet": "a b"}, {"fleet": "f", "driver": "docker"}, {"fleet": "f", "address": "x"}]
)
def test_settings_that_cannot_be_are_refused(settings):
    """A wrong value is named at once, not at the first call."""
    with pytest.raises(UsageError):
        NomadSettings(**settings)


def test_environment_names_the_node_pool():
    """A bot's environment says on which nodes it runs, else the service does."""
    assert rendered(make_spec("maker"))["NodePool"] == "default"
    assert rendered(replace(make_spec("maker"), node_pool="fast"))["NodePool"] == "fast"


def test_bot_of_another_namespace_is_refused():
    """A service never runs an environment's bots in a namespace that is not theirs."""
    spec = replace(make_spec("maker"), environment="prod", namespace="trading")
    assert rendered(spec, NomadSettings(FLEET, namespace="trading"))["Namespace"] == "trading"
    with pytest.raises(SchedulerRefused, match="--environment prod and NOMAD_NAMESPACE=trading"):
        rendered(spec)


def test_bot_of_another_region_is_refused():
    """A service runs bots in one region, its own where an environment names none."""
    spec = replace(make_spec("maker"), environment="prod", region="eu")
    assert rendered(spec, NomadSettings(FLEET, region="eu"))["Region"] == "eu"
    assert "Region" not in rendered(make_spec("maker"))
    with pytest.raises(SchedulerRefused, match=r"runs bots in us: .* NOMAD_REGION=eu"):
        rendered(spec, NomadSettings(FLEET, region="us"))
