"""One bot's life in a test: it prints, time passes, and it is judged every second as the desk does."""

from dataclasses import dataclass, field, replace
from typing import Any

from schemas.liveness import LivenessSettings
from telemetry.liveness.signs import BotSigns
from telemetry.liveness.standing import Life, Standing
from telemetry.liveness.verdict import Verdict
from telemetry.liveness.watch import BotWatch
from telemetry.records import Event

START = 1_790_000_000.0


def line(kind: str, message: str = "", level: str = "info", stream: str = "stdout", **data: Any) -> Event:
    """Return an event as the intake tells it."""
    return Event("a/stdout/0/0", "sma", START, kind, level, message, stream, data=data)


@dataclass
class Bot:
    """A bot that was started at START and is measured every second."""

    watch: BotWatch = field(default_factory=lambda: BotWatch(BotSigns("sma")))
    standing: Standing = Standing(Life.RUNNING, started_at=START)
    now: float = START
    found: list[tuple[float, Verdict]] = field(default_factory=list)
    """Each verdict that it came to, with the seconds since START."""
    measured: bool = True

    @property
    def verdict(self) -> Verdict:
        """The verdict of now."""
        return self.watch.finding.verdict

    def says(self, *events: Event) -> None:
        """Print lines now."""
        self.watch.take(events, self.now)

    def passes(self, seconds: float, every: float = 0.0, *events: Event) -> None:
        """Let time pass; print these lines every so many seconds."""
        until, next_at = self.now + seconds, self.now + every
        while self.now < until:
            self.now += 1.0
            if self.measured:
                self.watch.alive(self.now)
            while every and next_at <= self.now:
                self.watch.take(events, next_at)
                next_at += every
            self.judge()

    def judge(self) -> None:
        """Judge it, where that is due."""
        if self.now >= self.watch.recheck_at and self.watch.look(self.standing, self.now):
            self.found.append((self.now - START, self.verdict))

    def stands(self, life: Life, **more: Any) -> None:
        """Have it stand otherwise from now on."""
        self.standing = replace(self.standing, life=life, **more)
        self.watch.recheck_at = 0.0
        self.judge()

    def set(self, **settings: Any) -> None:
        """Have its manifest say so."""
        self.standing = replace(self.standing, settings=LivenessSettings(**settings))
