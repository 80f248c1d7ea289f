"""What is done to the machine while bots print. Each step returns with everything running again."""

import os
import random
import signal
import time
from collections.abc import Callable

from tests.soak.machine import Machine, Printer, full

Step = Callable[[Machine, Printer, random.Random], None]


def kill_agent(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill the agent; it starts again after a moment."""
    machine.kill_agent()
    _moment(chance)
    machine.start_agent()


def kill_service(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill the service, with intake and embedded store; it starts again."""
    machine.service.kill()
    _moment(chance)
    machine.service.start()


def kill_series(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill VictoriaMetrics; it starts again after a moment."""
    assert machine.series is not None
    machine.series.kill()
    _moment(chance)
    machine.series.start()


def kill_service_and_series(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill service and VictoriaMetrics, one right after the other: what neither had written is gone."""
    assert machine.series is not None
    first, second = chance.sample([machine.service.kill, machine.series.kill], 2)
    first()
    second()
    machine.series.start()
    machine.service.start()


def kill_agent_and_service(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill agent and service at once, as `herdsman up` is both on a machine of its own."""
    machine.service.kill()
    machine.kill_agent()
    machine.start_agent()
    machine.service.start()


def kill_all(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill everything at once."""
    machine.kill_agent()
    if machine.series is not None:
        machine.series.kill()
    machine.service.kill()
    if machine.series is not None:
        machine.series.start()
    machine.service.start()
    machine.start_agent()


def away(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Leave the agent dead, as it has been since this part's first line: loud files are rotated away."""
    printer.wait()
    machine.start_agent()


def freeze_series(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Stop VictoriaMetrics for two seconds, as a slow disk does."""
    assert machine.series is not None
    machine.series.process.signal(signal.SIGSTOP)
    time.sleep(2)
    machine.series.process.signal(signal.SIGCONT)


def fill_store(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Leave no byte to the service; kill it while there is none."""
    with full(machine.store):
        _moment(chance)
        if chance.random() < 0.5:
            machine.service.kill()
    machine.service.end()
    machine.service.start()


def fill_notes(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Leave no byte for the agent's checkpoint, and kill it while there is none."""
    with full(machine.notes):
        _moment(chance)
        machine.kill_agent()
    machine.start_agent()


def tear_notes(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Kill the agent, and cut its checkpoint short, at times the earlier one too: all is read again."""
    machine.kill_agent()
    for name in ("checkpoint", "checkpoint.old")[: chance.choice((1, 2))]:
        file = machine.notes / name
        if file.exists():
            os.truncate(file, file.stat().st_size // 2)
    machine.start_agent()


def fill_node(machine: Machine, printer: Printer, chance: random.Random) -> None:
    """Leave no byte for the bots' log files."""
    with full(machine.node):
        _moment(chance)


def _moment(chance: random.Random) -> None:
    time.sleep(chance.uniform(0.05, 1.0))


ON_SERIES = (kill_series, kill_service_and_series, freeze_series)
"""Those that need a VictoriaMetrics."""
STEPS: tuple[Step, ...] = (
    kill_service_and_series,
    kill_agent,
    away,
    fill_store,
    kill_series,
    kill_service,
    kill_agent_and_service,
    fill_notes,
    tear_notes,
    freeze_series,
    fill_node,
    kill_all,
)
FEW: tuple[Step, ...] = (kill_service_and_series, away, kill_series, fill_store)
"""One of each kind, for every change."""


def name_of(step: Step) -> str:
    """Return a step's name as it is published."""
    return step.__name__.replace("_", " ")


def drawn(chance: random.Random, count: int, *, embedded: bool) -> list[Step]:
    """Draw so many steps, each kind at least once where there is room."""
    kinds = [step for step in STEPS if not (embedded and step in ON_SERIES)]
    steps = [*kinds, *chance.choices(kinds, k=max(count - len(kinds), 0))][:count]
    chance.shuffle(steps)
    return steps
