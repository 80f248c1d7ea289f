"""What `herdsman new` writes, for each runtime: built where it must be, run by the launcher, and stopped."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.scaffold import fleet_files, program_files, runtimes
from controller.launcher.order import Content
from gitops.build import build_desired_state
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from gitops.reading import CommitReader
from gitops.runtimes import find_node
from tests.unit.controller.launcher.conftest import station
from tests.unit.controller.launcher.station import Station, ended
from tests.unit.gitops.fleets import Clone

__all__ = ["station"]


def test_every_runtime_that_is_run_has_templates() -> None:
    """There is something to start from in each language."""
    assert runtimes() == ["gcc13", "nodejs20", "python3.11", "rust-stable"]


def unpacked(bundle: Bundle, folder: Path) -> Path:
    """Unpack a bundle into a folder and return it."""
    with tarfile.open(bundle.path) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
async def template(
    request: pytest.FixtureRequest, tmp_path: Path, station: Callable[[str], Station]
) -> Station:
    """A launcher of the bot that a template makes, its program built, started."""
    runtime, kind = request.param
    clone, store = Clone(tmp_path / "clone"), BundleStore(tmp_path / "bundles")
    clone.commit({**fleet_files(), **program_files("sma", runtime, kind)})
    with CommitReader(clone.store, clone.head) as reader:
        state = build_desired_state(reader)
    assert state.errors == ()
    spec = state.bots["sma"]
    layer = await store.dependencies(clone.store, spec.program, "3.11")
    place = station("")
    unpacked(await store.code(clone.store, spec.program), place.code)
    changes = {
        "runtime": runtime,
        "entrypoint": spec.program.entrypoint,
        "config": spec.config_json,
        "interpreter": str(find_node().path) if runtime == "nodejs20" else "",
    }
    if layer is not None:
        folder = str(unpacked(layer, tmp_path / "layer"))
        changes["dependencies"] = vars_of(Content(layer.digest, path=folder))
    schedule = "* * * * *" if kind == "scheduled" else ""
    place.start(place.order(schedule=schedule, changes=changes), HERDSMAN_DUE="0")
    return place


def vars_of(content: Content) -> dict[str, str]:
    """Return a bundle's place as the launcher's order has it."""
    return {"digest": content.digest, "url": content.url, "path": content.path}


def metrics(lines: list[str]) -> list[dict[str, object]]:
    """Return the metric lines among those printed."""
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize("template", [(one, "realtime") for one in runtimes()], indirect=True)
async def test_a_new_realtime_bot_prints_metrics_and_stops_when_asked(template: Station) -> None:
    """It trades at once in its own market, and says goodbye on SIGTERM."""
    assert await template.line("stdout", "alpha watches ") == "BTC/USDT"
    await template.line("stdout", '{"_metric"')
    template.processes[0].terminate()
    assert await ended(template.processes[0]) == 0
    found = metrics(template.lines("stdout"))
    assert {line["_metric"] for line in found} == {"price", "equity"}
    assert found[0]["symbol"] == "BTC/USDT"
    assert isinstance(found[0]["value"], float)
    assert template.lines("stdout")[-1] == "alpha stopped as asked"


@pytest.mark.parametrize("template", [(one, "scheduled") for one in runtimes()], indirect=True)
async def test_a_new_scheduled_bot_leaves_its_outcome(template: Station) -> None:
    """One run: a metric line, a result, and an end of its own."""
    (report, *_) = await template.report("exited")
    (price,) = metrics(template.lines("stdout"))
    assert (price["_metric"], price["symbol"], report.outcome) == ("price", "BTC/USDT", "success")
    assert report.message.startswith("BTC/USDT at ")
