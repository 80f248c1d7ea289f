"""What the intake remembers: of agents, of allocations and their streams, and of a batch that it takes."""

import asyncio
from collections.abc import Set
from dataclasses import dataclass, field

from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.errors.occurrence import Occurrence
from telemetry.reading import AllocationReader
from telemetry.records import Event, Sample
from telemetry.stores import Position

START = Position(0, 0)


@dataclass(slots=True)
class TakenStream:
    """How far one stream of an allocation came: `told` to the listener, `stored` by the stores."""

    told: Position = START
    stored: Position = START


@dataclass(slots=True)
class TakenAllocation:
    """What is known of an allocation: how its lines are read, and what of it was told and stored."""

    reader: AllocationReader
    streams: dict[str, TakenStream] = field(default_factory=dict)
    drained: bool = False
    seen_at: float = 0.0
    uses_told: Set[float] = frozenset()
    """Times of the uses in the last batch: one that comes again has the same. Clocks may go back."""
    uses_stored: Set[float] = frozenset()


@dataclass(slots=True)
class Work:
    """What one batch asks to be stored."""

    events: list[Event] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    reports: list[tuple[AllocationLabels, LauncherReport]] = field(default_factory=list)
    ends: list[tuple[TakenStream, Position]] = field(default_factory=list)
    uses: list[tuple[TakenAllocation, Set[float]]] = field(default_factory=list)
    errors: list[Occurrence] = field(default_factory=list)
    lines: int = 0


@dataclass(slots=True)
class AgentHeard:
    """What is known of an agent: when it last spoke (Unix seconds), and how old its newest line was then."""

    at: float
    lag: float = 0.0
    lines: int = 0
    refused: int = 0
    """Batches of it that were not taken since the start; each comes again."""
    release: str = ""
    """Its version of herdsman, "" where it does not say."""
    untaken_since: float | None = None
    """When the oldest of its batches came that was not taken yet; None where all were."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)
    """Held while a batch of it is taken."""
