"""An upgrade of herdsman with a hundred bots running on a real Nomad: nobody may restart."""

import tempfile
from pathlib import Path

from bench.figures import Figure
from tests.e2e.cluster import install_on_node
from tests.e2e.installation import build_wheel, install, newer_sources
from tests.e2e.upgrading import upgrade_many
from tests.engines.nomad import nomad_agent

BOTS = 100


def measure() -> list[Figure]:
    """Upgrade from this version, as it is installed from its wheel, to a later one with other jobs."""
    with tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        older = install_on_node(root)
        newer = install(build_wheel(newer_sources(root / "sources"), root / "newer-wheel"), root / "newer")
        with nomad_agent() as nomad:
            touched = upgrade_many(root / "run", nomad, older, newer, BOTS)
    assert not touched.changed, f"the upgrade touched {', '.join(touched.changed)}"
    return [
        Figure(f"upgrade with {BOTS} bots on Nomad: bots restarted", len(touched.changed), "bots"),
        Figure(
            f"upgrade with {BOTS} bots on Nomad: newer one started to all told healthy", touched.known, "s"
        ),
        Figure(f"{BOTS} new bots on Nomad: push to all healthy", touched.started, "s"),
    ]
