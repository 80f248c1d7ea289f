"""The values that flow through telemetry: samples and events.

Samples and events are msgspec structs: tens of thousands are made a second, and a frozen dataclass takes
fifteen times as long to make.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct, field


class Sample(Struct, frozen=True, gc=False):
    """One number of one series at one time (Unix seconds); `labels`: fleet, bot, program, env and more."""

    name: str
    labels: Mapping[str, str]
    time: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series over a range: its labels (with `__name__`) and its points, oldest first."""

    labels: Mapping[str, str]
    points: list[tuple[float, float]]


class Event(Struct, frozen=True, gc=False):
    """One thing that a bot printed or that happened to it.

    `id` is `<allocation>/<stream>/<file index>/<offset>`: the same line always has the same id, so that it
    can be sent twice and is stored once. `kind` is "log", a metric's type (order, trade, ...) or
    "lifecycle" (a launcher's report, whole in `data`). `stream`: stdout, stderr or launcher.
    """

    id: str
    bot: str
    time: float
    kind: str
    level: str
    message: str
    stream: str = "stdout"
    allocation: str = ""
    run: str = ""
    revision: str = ""
    mode: str = "dry"
    data: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    """Bytes of output that it covers, newline included (0: not from a log file)."""
    program: str = ""

    @property
    def symbol(self) -> str:
        """The instrument that it is about, "" where it names none."""
        named = self.data.get("symbol")
        return named if type(named) is str else ""
