"""At most one copy of a bot lives, whatever breaks and whatever is done to it meanwhile.

On a cluster of three servers and three clients, driven through the whole of herdsman: each fault strikes two
nodes with a bot for each operation. What counts is the bots' own record, on the one clock that all nodes of
the test's cluster share. `make one-copy` runs all faults and writes docs/reliability.md; otherwise those run
that `HERDSMAN_ONE_COPY` names (separated by semicolons), and without it one that stands for the rest.
"""

import functools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.cluster import Cluster, nomad_cluster
from tests.faults import living
from tests.faults.breaking import FAULTS, Fault
from tests.faults.conftest import published
from tests.faults.house import RUNNING, Herdsman, herdsman, patiently, wait
from tests.faults.operations import OPERATIONS, Operation
from tests.faults.publishing import Outcome
from tests.faults.scene import SETTLED, Scene

pytestmark = [pytest.mark.nomad, pytest.mark.timeout(1800)]

USUAL = "nodes cut off"
ASKED = bool(os.environ.get("HERDSMAN_ONE_COPY"))
CHOSEN = os.environ.get("HERDSMAN_ONE_COPY") or USUAL
MOVES = 100.0
MENDS = 240.0


def chosen() -> list[Fault]:
    """Return the faults that run now."""
    if CHOSEN == "all":
        return list(FAULTS)
    return [fault for fault in FAULTS if fault.name in CHOSEN.split(";")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three servers, three clients and a desk, for all faults: each is mended."""
    with nomad_cluster(servers=3, clients=3, desk=True, meta=published()) as running:
        running.asked = running.clients[2]
        yield running


@pytest.fixture(scope="module")
def service(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Herdsman]:
    """Herdsman on the desk."""
    with herdsman(cluster, tmp_path_factory.mktemp("herdsman")) as running:
        yield running


@pytest.fixture
def scene(cluster: Cluster, service: Herdsman, tmp_path: Path) -> Iterator[Scene]:
    """A cluster that is well, without any bot."""
    tmp_path.chmod(0o755)
    set_up = Scene(cluster, service, tmp_path)
    yield set_up
    for bot in set_up.bots.values():
        bot.remove()
    service.push("no bots")
    wait(lambda: not any(bot.living() for bot in set_up.bots.values()), MENDS, "all bots dead")
    for switch in service.ask("GET", "kill"):
        service.ask("POST", "release", {"scope": switch["scope"], "reason": "the fault is over"})


@pytest.mark.parametrize("fault", chosen(), ids=lambda fault: fault.name)
def test_no_two_copies_meet(scene: Scene, fault: Fault, report) -> None:
    """Whatever is done in the middle of a fault: no two copies, and in the end each bot as git has it."""
    operations = [one for one in OPERATIONS if is_played(one, fault)]
    began(scene, operations)
    played(scene, fault, operations)
    wait_until_as_wanted(scene)
    time.sleep(SETTLED)
    wait_until_as_wanted(scene)
    found = {name: living.read(bot.record) for name, bot in scene.bots.items()}
    outcome = Outcome(fault.name, found)
    report(outcome.text())
    outcome.keep()
    if fault.spares:
        assert found["untouched, elsewhere"].lives == 1
    if not fault.may_meet:
        assert {name: one for name, one in found.items() if one.overlaps} == {}
    assert max(one.orders_together for one in found.values()) == 0 or fault.may_meet
    assert {name: one for name, one in found.items() if one.lost} == {}


def is_played(one: Operation, fault: Fault) -> bool:
    """Whether an operation can be done in a fault; with every test run nobody waits for a cron slot."""
    return not (fault.away and one.asks_nomad) and (one.kind != RUNNING or ASKED)


def began(scene: Scene, operations: list[Operation]) -> None:
    """Start each operation's bot on the node where it is to be."""
    for number, machine in enumerate(scene.cluster.clients):
        scene.place(
            [scene.add(one.name, one.ends, one.lease, one.kind) for one in operations if one.on == number],
            machine,
        )


def played(scene: Scene, fault: Fault, operations: list[Operation]) -> None:
    """Let the fault strike, do the operations in the middle of it, and mend it."""
    mend = fault.strike(scene)
    try:
        done(scene, operations, "early")
        fault.between(scene)
        if fault.silent:
            wait(scene.silent, 60, "the struck nodes known to be silent")
        else:
            time.sleep(5)
        done(scene, operations, "late")
        if fault.silent and fault.moves and not fault.early_mend:
            wait(lambda: moved(scene), MOVES, "bots living on the other node")
        elif not fault.early_mend:
            time.sleep(fault.lasts)
    finally:
        mend()
    undrained(scene)


def done(scene: Scene, operations: list[Operation], moment: str) -> None:
    """Do what is to be done at one moment, to each bot its own."""
    for one in operations:
        act = getattr(one, moment)
        if act is not None:
            patiently(functools.partial(act, scene, scene.bots[one.name]))
    scene.herdsman.push(moment)


def moved(scene: Scene) -> bool:
    """Whether bots live elsewhere that nobody touched, and that a stranger registered anew."""
    bots = scene.bots["nothing"], scene.bots["nomad job run"]
    return all(bot.living() and len(living.lives(bot.record)) > 1 for bot in bots)


def undrained(scene: Scene) -> None:
    """End the drain, whose node may be used again."""

    def ready() -> bool:
        try:
            return all(node["Status"] == "ready" for node in scene.cluster.get("nodes"))
        except OSError:
            return False

    wait(ready, MENDS, "all nodes ready again")

    def end() -> None:
        for node in scene.cluster.get("nodes"):
            body = {"NodeID": node["ID"], "DrainSpec": None, "MarkEligible": True}
            scene.cluster.send("PUT", f"node/{node['ID']}/drain", body)

    patiently(end)


def wait_until_as_wanted(scene: Scene) -> None:
    """Wait until every bot is what it must be, and say what is not."""
    until = time.monotonic() + MENDS
    while not scene.as_wanted():
        assert time.monotonic() < until, f"{MENDS:g} s after the fault was mended:\n{scene.report()}"
        time.sleep(0.5)
