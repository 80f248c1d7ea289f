"""What was measured, on its way: each measurement is told live, one for ten seconds is kept. Pure."""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from telemetry.wire import KEPT, TOLD, TOLD_AND_KEPT

STEP = 10.0
"""Seconds of a step."""
_MOST = 20_000
_AT_ONCE = 500
"""Steps that wait for a service that is away, at most: what comes then is not kept."""
_HIGHEST = frozenset({"bot_memory_bytes", "bot_processes", "bot_threads", "bot_open_files"})
_RATES = ("_per_second", "_percent")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One measurement of an allocation (Unix seconds, series name -> value); `way` is one of wire.py's."""

    allocation: str
    time: float
    values: dict[str, float]
    way: int


@dataclass(slots=True)
class _Step:
    """The measurements of one step: sums of rates, the highest of what is held, the newest of others."""

    number: int
    at: float
    values: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, at: float, values: Mapping[str, float]) -> None:
        self.at = at
        mine = self.values
        for name, value in values.items():
            if name.endswith(_RATES) and name in mine:
                mine[name] += value
                self.counts[name] = self.counts.get(name, 1) + 1
            elif name in _HIGHEST and name in mine:
                mine[name] = max(mine[name], value)
            else:
                mine[name] = value

    def whole(self) -> dict[str, float]:
        """Return each rate's mean, the highest memory and the like, and the newest of all else."""
        return {name: value / self.counts.get(name, 1) for name, value in self.values.items()}


class Uses:
    """Takes measurements, and gives what is to be sent."""

    def __init__(self) -> None:
        self._live: dict[str, Waiting] = {}
        self._kept: list[Waiting] = []
        self._steps: dict[str, _Step] = {}
        self._ended = False

    def add(self, at: float, measured: Mapping[str, dict[str, float]]) -> None:
        """Take a round: allocation -> series name -> value. One that it lacks is over."""
        if self._ended:
            return
        self._end(self._steps.keys() - measured.keys())
        for allocation, values in measured.items():
            step = self._steps.get(allocation)
            if step is None:  # its first one is kept as it is: the history begins at once
                self._steps[allocation] = _Step(_number(allocation, at), at)
                self._keep(Waiting(allocation, at, values, TOLD_AND_KEPT))
                continue
            if step.number != (number := _number(allocation, at)):
                self._end([allocation])
                step = self._steps[allocation] = _Step(number, at)
            step.add(at, values)
            # What only some rounds measure must not go with the newer round that lacks it.
            waiting = self._live.get(allocation)
            values = {**waiting.values, **values} if waiting else values
            self._live[allocation] = Waiting(allocation, at, values, TOLD)

    def end(self) -> None:
        """Take no more: what is not a whole step yet is kept, too."""
        self._ended = True
        self._end(list(self._steps))

    def take(self) -> list[Waiting]:
        """Return what waits, what is to be kept first; of what is told the newest values of each allocation.

        After a long time without a batch that is not all at once: a proxy may take only small requests.
        """
        found = [*self._kept[:_AT_ONCE], *self._live.values()]
        del self._kept[:_AT_ONCE]
        self._live.clear()
        return found

    def _end(self, allocations: Collection[str]) -> None:
        for allocation in allocations:
            step = self._steps.pop(allocation)
            if step.values:
                self._keep(Waiting(allocation, step.at, step.whole(), KEPT))

    def _keep(self, one: Waiting) -> None:
        if len(self._kept) < _MOST:
            self._kept.append(one)


def _number(allocation: str, at: float) -> int:
    """Return the step of a moment; those of many bots do not all end at once."""
    return int((at + zlib.crc32(allocation.encode()) % STEP) // STEP)
