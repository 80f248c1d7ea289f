"""A leading controller killed or frozen, until the other one serves git; on real PostgreSQL and Nomad."""

import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench.figures import Figure, spread, thinned
from tests.e2e.service import Service, wait_for
from tests.engines.nomad import nomad_agent
from tests.engines.postgresql import postgresql

KILLS = 6
FREEZES = 2
TARGET = "30 s"


def measure() -> list[Figure]:
    """Measure with two controllers and a web, and no bot: a takeover touches none."""
    with (
        tempfile.TemporaryDirectory(prefix="herdsman-bench-") as folder,
        postgresql() as server,
        nomad_agent() as nomad,
    ):
        root, file = Path(folder), Path(folder) / "database"
        file.write_text(server.new_database())
        file.chmod(0o600)
        shared = ("--database-file", str(file))
        options = (*shared, "--nomad-address", nomad.address)
        controllers = [Service(root / "home", options, process_kind="controller") for _ in range(2)]
        web = Service(root / "web", shared, process_kind="web")
        try:
            for one in controllers:
                one.start()
            wait_for(lambda: any(role(one) == "leader" for one in controllers), "a leader", 60)
            web.start()
            killed = [takeover(controllers, web.token, Service.kill) for _ in range(KILLS)]
            frozen = [takeover(controllers, web.token, freeze) for _ in range(FREEZES)]
        finally:
            for one in (*controllers, web):
                one.end()
    return [
        Figure(
            "leader killed to the other serving git, p50",
            statistics.median(killed),
            "s",
            1.0,
            "a stand-by looks each second",
            TARGET,
            spread([1000 * value for value in killed]),
            thinned(killed),
        ),
        Figure(
            "leader frozen to the other serving git, longest",
            max(frozen),
            "s",
            15.0,
            "the server ends a silent session",
            TARGET,
            spread([1000 * value for value in frozen]),
            thinned(frozen),
        ),
    ]


def takeover(controllers: list[Service], token: str, break_it: Callable[[Service], None]) -> float:
    """Return the seconds from the leader's end to a git request that the other one answers."""
    (leader,) = [one for one in controllers if role(one) == "leader"]
    (other,) = [one for one in controllers if one is not leader]
    wait_for(lambda: role(other) == "standby", "the other to stand by", 60)
    began = time.monotonic()
    break_it(leader)
    wait_for(lambda: serves_git(other, token), "the other to lead", 60, 0.02)
    took = time.monotonic() - began
    leader.kill()
    leader.start()
    return took


def freeze(service: Service) -> None:
    """Stop a process from running, as a paused machine does."""
    assert service.process is not None
    service.process.send_signal(signal.SIGSTOP)


def role(service: Service) -> str:
    """Return what a controller says it is, "" where it does not answer."""
    try:
        return str(httpx.get(f"{service.url}/readyz", timeout=2).json()["role"])
    except httpx.TransportError:
        return ""


def serves_git(service: Service, token: str) -> bool:
    """Say whether a controller answers git."""
    address = f"{service.url}/git/fleet.git/info/refs?service=git-upload-pack"
    return httpx.get(address, auth=("herdsman", token), timeout=5).status_code == 200
