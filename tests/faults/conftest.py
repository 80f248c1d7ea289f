"""A cluster of its own for each fault, since each breaks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.cluster import Cluster, nomad_cluster
from tests.engines.launching import BundleServer, bundle_server, this_python


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One server and two clients, each in its own network namespace."""
    version, path = this_python()
    meta = {f"herdsman_python_{version.replace('.', '_')}": path, "herdsman_python": path}
    with nomad_cluster(servers=1, clients=2, meta=meta) as running:
        yield running


@pytest.fixture
def bundles(cluster: Cluster, tmp_path: Path) -> Iterator[BundleServer]:
    """A server of bundles that the cluster's nodes reach."""
    folder = tmp_path / "bundles"
    folder.mkdir()
    with bundle_server(folder, cluster.outside) as server:
        yield server


@pytest.fixture
def report(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]):
    """Print a line that is seen also where output is captured."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {text}")

    return say
