"""What happens in a run, drawn from its seed alone. Pure."""

import random
from dataclasses import dataclass, replace
from enum import StrEnum

from tests.faults.runs.dying import LOCAL, NOMAD, POINTS
from tests.faults.runs.proxy import MOODS


class Kind(StrEnum):
    """What one step does; each ends with everything mended."""

    CHANGE = "change"
    ADD = "add"
    REMOVE = "remove"
    RENAME = "rename"
    BAD_MANIFEST = "bad manifest"
    FORCE_PUSH = "force push"
    KILL_AMID_PUSH = "kill amid a push"
    DIE_AT_POINT = "die at a point"
    RESTART = "restart"
    KILL_BOT = "kill a bot"
    KILL_LAUNCHER = "kill a launcher"
    CUT_PUSH = "cut a push"
    FULL_DISK = "full disk"
    DAMAGED_DATABASE = "damaged database"
    STEP_CLOCK = "step the clock"
    CUT_NOMAD = "cut Nomad off"
    KILL_AGENT = "kill the agent"
    KILL_NOMAD = "kill Nomad"
    KILL_WEB = "kill the web"


WEIGHTS = {
    Kind.CHANGE: 3,
    Kind.ADD: 2,
    Kind.REMOVE: 2,
    Kind.RENAME: 2,
    Kind.BAD_MANIFEST: 2,
    Kind.FORCE_PUSH: 1,
    Kind.KILL_AMID_PUSH: 5,
    Kind.DIE_AT_POINT: 8,
    Kind.RESTART: 1,
    Kind.KILL_BOT: 2,
    Kind.KILL_LAUNCHER: 2,
    Kind.CUT_PUSH: 3,
    Kind.FULL_DISK: 2,
    Kind.DAMAGED_DATABASE: 1,
    Kind.STEP_CLOCK: 2,
}
ON_NOMAD = {
    **{kind: WEIGHTS[kind] for kind in (Kind.CHANGE, Kind.ADD, Kind.REMOVE, Kind.RENAME, Kind.BAD_MANIFEST)},
    **{kind: WEIGHTS[kind] for kind in (Kind.KILL_AMID_PUSH, Kind.DIE_AT_POINT, Kind.RESTART, Kind.KILL_BOT)},
    Kind.CUT_NOMAD: 8,
    Kind.KILL_AGENT: 2,
    Kind.KILL_NOMAD: 5,
}
"""How often each is drawn where bots run on a real Nomad behind a proxy."""
IN_PROCESSES = {**ON_NOMAD, Kind.KILL_WEB: 7}
"""The same where herdsman runs as several processes."""
PUSHES = (Kind.CHANGE, Kind.ADD, Kind.REMOVE, Kind.RENAME)


@dataclass(frozen=True)
class Step:
    """One step: `push` is what is pushed in the middle of a fault, `moment` when it strikes (seconds)."""

    kind: Kind
    push: Kind
    share: float
    """Which bots it concerns: a number from 0 to 1, turned into bots by the fleet that is there then."""
    moment: float
    point: str
    call: int
    fault: str


@dataclass(frozen=True)
class Run:
    """One run: how many bots it begins with, and its steps."""

    seed: int
    bots: int
    steps: tuple[Step, ...]
    several: bool = False
    """herdsman runs as several processes: a controller and a web, on PostgreSQL."""


def draw(seed: int, most_bots: int = 30, most_steps: int = 7, *, on_nomad: bool = False) -> Run:
    """Return the run of a seed; its steps are the same for however many bots, and the first of them alike.

    On Nomad herdsman runs as several processes with every second seed.
    """
    name = f"faults {seed}{' on nomad' * on_nomad}"
    rng, size = random.Random(name), random.Random(f"bots of {name}")
    several = on_nomad and seed % 2 == 0
    weights = IN_PROCESSES if several else ON_NOMAD if on_nomad else WEIGHTS
    kinds = rng.choices(list(weights), list(weights.values()), k=rng.randint(4, 7))
    bots = size.randint(min(10, most_bots), most_bots)
    return Run(seed, bots, tuple(_step(rng, kind, on_nomad) for kind in kinds)[:most_steps], several)


def _step(rng: random.Random, kind: Kind, on_nomad: bool) -> Step:
    step = Step(
        kind=kind,
        push=rng.choice(PUSHES),
        share=rng.random(),
        moment=rng.choice((0.05, 0.2, 0.4, 0.8, 1.5)) * rng.uniform(0.5, 1.5),
        point=rng.choice(POINTS),
        call=rng.choice((1, 1, 2, 3)),
        fault=rng.choice(MOODS),
    )
    return replace(step, point=step.point.replace(LOCAL, NOMAD)) if on_nomad else step
