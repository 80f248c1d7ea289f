"""The faults: what breaks, how it is mended, and what may be expected meanwhile."""

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.engines.cables import SlowCable, block, unblock
from tests.engines.clocks import step
from tests.engines.cluster import Machine
from tests.faults.house import wait
from tests.faults.scene import Scene, inside, launchers, send, watching

Mend = Callable[[], None]


@dataclass(frozen=True)
class Fault:
    """`strike` breaks something and returns how it is mended."""

    name: str
    strike: Callable[[Scene], Mend]
    silent: bool = True
    """Nomad notices that the struck nodes do not answer."""
    moves: bool = True
    """Where it does, bots move to the other node: their programs can be fetched there."""
    away: bool = False
    """Nobody can ask Nomad meanwhile."""
    between: Callable[[Scene], None] = field(default=lambda _: None)
    """What is done between the early operations and the late ones."""
    early_mend: bool = False
    """It is mended right after the late operations, before any lease has ended."""
    lasts: float = 14.0
    """Seconds after the late operations, where no bot moves; longer than a lease."""
    spares: bool = True
    """A bot on the other node lives on undisturbed."""
    may_meet: bool = False
    """Two copies may meet for a moment, which is measured."""


def both(strike: Callable[[Scene], Mend], other: Callable[[Scene], Mend]) -> Callable[[Scene], Mend]:
    """Return two faults at once, mended in the same order."""

    def struck(scene: Scene) -> Mend:
        mends = [strike(scene), other(scene)]
        return lambda: [mend() for mend in mends] and None

    return struck


def agents_killed(scene: Scene) -> Mend:
    for machine in scene.struck:
        scene.cluster.kill(machine)
    return lambda: [scene.cluster.start(machine) for machine in scene.struck] and None


def agents_frozen(scene: Scene) -> Mend:
    for machine in scene.struck:
        scene.cluster.freeze(machine)
    return lambda: [scene.cluster.thaw(machine) for machine in scene.struck] and None


def nodes_cut(scene: Scene) -> Mend:
    for machine in scene.struck:
        scene.cluster.cut(machine)
    return lambda: [scene.cluster.plug(machine) for machine in scene.struck] and None


def _blocked(origins: list[Machine], others: list[Machine]) -> Mend:
    for machine in origins:
        block(machine, others)
    return lambda: [unblock(machine, others) for machine in origins] and None


def nodes_mute(scene: Scene) -> Mend:
    return _blocked(scene.struck, scene.cluster.servers)


def nodes_deaf(scene: Scene) -> Mend:
    return _blocked(scene.cluster.servers, scene.struck)


def cut_from_leader(scene: Scene) -> Mend:
    leader = [scene.cluster.leader]
    mends = [_blocked(scene.struck, leader), _blocked(leader, scene.struck)]
    return lambda: [mend() for mend in mends] and None


def leader_killed(scene: Scene) -> Mend:
    leader = scene.cluster.leader
    scene.cluster.kill(leader)
    return lambda: scene.cluster.start(leader)


def leader_frozen(scene: Scene) -> Mend:
    leader = scene.cluster.leader
    scene.cluster.freeze(leader)
    return lambda: scene.cluster.thaw(leader)


def servers_cut(scene: Scene) -> Mend:
    for machine in scene.cluster.servers:
        scene.cluster.cut(machine)
    return lambda: [scene.cluster.plug(machine) for machine in scene.cluster.servers] and None


def launchers_frozen(scene: Scene) -> Mend:
    stopped = [pid for machine in scene.struck for pid in launchers(machine)]
    send(stopped, signal.SIGSTOP)
    return lambda: send(stopped, signal.SIGCONT)


def launchers_killed(scene: Scene) -> Mend:
    send([pid for machine in scene.struck for pid in launchers(machine)], signal.SIGKILL)
    return lambda: None


def launchers_and_guards_killed(scene: Scene) -> Mend:
    """Kill the guards a moment before, so that none of them ends what its launcher leaves."""
    for machine in scene.struck:
        found = watching(machine)
        send([pid for pid, parent in found.items() if parent in found], signal.SIGKILL)
        send([pid for pid, parent in found.items() if parent not in found], signal.SIGKILL)
    return lambda: None


def keepers_killed(scene: Scene) -> Mend:
    """Kill herdsman's own agents, which save the bots' states."""
    for machine in scene.struck:
        scene.herdsman.kill_agent(machine)
    return lambda: [scene.herdsman.start_agent(machine) for machine in scene.struck] and None


def herdsman_killed(scene: Scene) -> Mend:
    scene.herdsman.kill()
    return lambda: _herdsman_again(scene)


def _herdsman_again(scene: Scene) -> None:
    assert scene.herdsman.process is not None
    if not scene.herdsman.process.alive():
        scene.herdsman.start()
        wait(scene.herdsman.ready, 60, "herdsman ready again")


def herdsman_killed_again_and_again(scene: Scene) -> None:
    """In the middle of the pass for the early operations; it is back for the late ones, and killed again."""
    _herdsman_again(scene)
    time.sleep(0.5)
    scene.herdsman.kill()
    _herdsman_again(scene)


def herdsman_cut(scene: Scene) -> Mend:
    away = [*scene.cluster.servers, *scene.cluster.clients]
    return _blocked([scene.herdsman.machine], away)


def stores_slow(seconds: float) -> Callable[[Scene], Mend]:
    def strike(scene: Scene) -> Mend:
        cables = [SlowCable(scene.cluster, machine, seconds) for machine in scene.struck]
        return lambda: [cable.close() for cable in cables] and None

    return strike


def clocks_stepped(hours: int) -> Callable[[Scene], Mend]:
    """Set the wall clocks of all on the struck nodes: Nomad's client, launchers, guards and bots."""

    def strike(scene: Scene) -> Mend:
        for machine in scene.struck:
            for pid in inside(machine):
                step(pid, wall=hours * 3600)
        return lambda: None

    return strike


def servers_clocks_stepped(hours: int) -> Callable[[Scene], Mend]:
    def strike(scene: Scene) -> Mend:
        pids = [pid for machine in scene.cluster.servers for pid in inside(machine)]
        for pid in pids:
            step(pid, wall=hours * 3600)
        return lambda: [step(pid) for pid in pids] and None

    return strike


def machines_paused(*, with_clocks: bool) -> Callable[[Scene], Mend]:
    """Stop everything on the struck nodes at once; `with_clocks` their clocks stand still as well."""

    def strike(scene: Scene) -> Mend:
        began = time.monotonic()
        pids = [pid for machine in scene.struck for pid in inside(machine)]
        send(pids, signal.SIGSTOP)

        def resume() -> None:
            paused = round(time.monotonic() - began)
            for pid in pids if with_clocks else []:
                with contextlib.suppress(OSError):
                    step(pid, wall=-paused, boot=-paused)
            send(pids, signal.SIGCONT)

        return resume

    return strike


FAULTS = (
    Fault("nodes cut off", nodes_cut),
    Fault("nodes cut off, back at once", nodes_cut, early_mend=True),
    Fault("nodes cannot send", nodes_mute),
    Fault("nodes hear nothing", nodes_deaf),
    Fault("nodes cut off from the leader alone", cut_from_leader, silent=False),
    Fault("agents killed", agents_killed),
    Fault("agents frozen", agents_frozen),
    Fault("launchers killed", launchers_killed, silent=False),
    Fault("launchers and agents killed", both(agents_killed, launchers_killed)),
    Fault("launchers and guards killed, nodes cut off", both(nodes_cut, launchers_and_guards_killed)),
    Fault("launchers frozen, nodes cut off", both(nodes_cut, launchers_frozen)),
    Fault("herdsman's agents killed, nodes cut off", both(keepers_killed, nodes_cut)),
    Fault("leader killed", leader_killed, silent=False, lasts=8),
    Fault("leader frozen", leader_frozen, silent=False, lasts=8),
    Fault("leader killed, nodes cut off", both(leader_killed, nodes_cut)),
    Fault("all servers cut off", servers_cut, silent=False, away=True, spares=False),
    Fault(
        "herdsman killed twice, nodes cut off",
        both(nodes_cut, herdsman_killed),
        between=herdsman_killed_again_and_again,
    ),
    Fault("herdsman cut off, nodes too", both(nodes_cut, herdsman_cut), moves=False),
    Fault("herdsman cut off from Nomad", herdsman_cut, silent=False),
    Fault("store answers 1 s late", stores_slow(1), silent=False),
    Fault("store answers 3 s late", stores_slow(3), silent=False),
    Fault("store answers 10 s late", stores_slow(10), silent=False),
    Fault("nodes' clocks 3 h forward, cut off", both(clocks_stepped(3), nodes_cut)),
    Fault("nodes' clocks 3 h back, cut off", both(clocks_stepped(-3), nodes_cut)),
    Fault("servers' clocks 3 h forward, nodes cut off", both(servers_clocks_stepped(3), nodes_cut)),
    Fault(
        "servers' clocks 3 h back, nodes cut off",
        both(servers_clocks_stepped(-3), nodes_cut),
        moves=False,  # Nomad refuses every node's identity, which it signed before: nothing is placed
    ),
    Fault("machines paused", machines_paused(with_clocks=False), may_meet=True),
    Fault("machines paused with their clocks", machines_paused(with_clocks=True), may_meet=True),
)
