"""What is known of a bot beside what it prints: whether it runs, and what it is meant to do."""

from dataclasses import dataclass, replace
from enum import StrEnum

from schemas.liveness import LivenessSettings


class Life(StrEnum):
    """Whether a bot's process is meant to run, and does, as the controller has it."""

    RUNNING = "running"
    STARTING = "starting"
    CRASHED = "crashed"
    ENDED = "ended"
    SUSPENDED = "suspended"
    WAITING = "waiting"
    """A scheduled bot between two runs."""
    LOST = "lost"
    """Its node does not answer."""
    UNHEARD = "unheard"
    """It was placed, and nothing was ever heard of it: its node's agent is away, or refused."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a bot stands; times in Unix seconds. `message` says why in words."""

    life: Life
    since: float = 0.0
    started_at: float | None = None
    message: str = ""
    scheduled: bool = False
    final: bool = False
    """Of one that crashed: it will hardly come back by itself."""
    next_run: float | None = None
    settings: LivenessSettings = LivenessSettings()
    market_open: bool | None = None
    """Whether the market of its calendar is open; None where it has none, or that is not known."""
    opened_at: float | None = None
    """When its market opened, of one that is open."""
    opens_at: float | None = None

    def moved(self, step: float) -> "Standing":
        """Return the same with what is counted from moved, for a clock that differs by so much."""
        moments = {
            name: moment + step
            for name in ("since", "opened_at", "opens_at")
            if (moment := getattr(self, name)) is not None
        }
        return replace(self, **moments)


NOWHERE = Standing(Life.ENDED)
"""How a bot stands of which nothing is known."""
