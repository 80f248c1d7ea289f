"""A cluster of its own for each fault, since each breaks it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controller.schedulers.nomad.scheduler import NomadScheduler
from controller.schedulers.nomad.settings import NomadSettings
from tests.engines.cluster import Cluster, nomad_cluster
from tests.engines.launching import (
    RECORDING_BOT,
    bundle_server,
    launcher_bundle,
    make_bundle,
    this_python,
)
from tests.faults.stage import Stage

FLEET = "faults-abc234"


def published() -> dict[str, str]:
    """Return the node metadata that `herdsman agent` would publish of this machine's Python."""
    version, path = this_python()
    return {f"herdsman_python_{version.replace('.', '_')}": path, "herdsman_python": path}


@asynccontextmanager
async def staged(cluster: Cluster, folder: Path) -> AsyncIterator[Stage]:
    """Set a stage on a cluster, with a server of bundles that its nodes reach."""
    bundles = folder / "bundles"
    bundles.mkdir()
    with bundle_server(bundles, cluster.outside) as server:
        code = make_bundle(bundles, "recorder", {"main.py": RECORDING_BOT})
        settings = NomadSettings(FLEET, address=cluster.address, timeout=5, stop_margin=2)
        scheduler = NomadScheduler(settings, launcher_bundle(bundles), server.url_of)
        await scheduler.open()
        yield Stage(cluster, scheduler, code, folder)
        await scheduler.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One server and two clients, each in its own network namespace."""
    with nomad_cluster(servers=1, clients=2, meta=published()) as running:
        yield running


@pytest.fixture
async def stage(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(cluster, tmp_path) as set_up:
        yield set_up


@pytest.fixture
def report(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]):
    """Print a line that is seen also where output is captured."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {text}")

    return say
