"""Waves: in which order a change reaches many bots, and whether it goes on. Pure; times are Unix seconds.

A wave begins once every bot of the one before is healthy. The first bot that does not get healthy halts the
rollout: what was not changed yet stays as it is, until a person goes on or a newer revision mends it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from schemas.rollout import Rollout as Policies
from schemas.rollout import RolloutPolicy

_BRIEF = 200
"""Characters of a bot's own error in the words of a halt."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bot that a revision changes: `digest` is what it shall be. `new`: it does not run yet."""

    bot: str
    digest: str
    program: str
    labels: Mapping[str, str] = field(default_factory=dict)
    live: bool = False
    priority: int = 50
    new: bool = False


@dataclass(frozen=True, slots=True)
class Wave:
    """Bots that are changed together, each with what it shall be; durations in seconds."""

    members: tuple[tuple[str, str], ...]
    pause: float = 0.0
    timeout: float = 600.0
    most: int = 0


class Progress(StrEnum):
    """How far a member is."""

    WAITING = "waiting"
    HEALTHY = "healthy"
    FAILED = "failed"
    GONE = "gone"
    """It is no longer asked for: removed, stopped by an operator, or overtaken."""


@dataclass(frozen=True, slots=True)
class Look:
    """A member as it is now: `text` its error, `since` when it was changed (None: not yet)."""

    progress: Progress
    text: str = ""
    since: float | None = None
    patient: bool = False
    """No time runs out on it now: its program is being built, or it waits by itself."""


@dataclass(frozen=True, slots=True)
class WaveCount:
    """One wave in numbers."""

    bots: int
    healthy: int


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout as people see it: `at` is the current wave from 0, the number of waves once all are done."""

    waves: tuple[WaveCount, ...]
    at: int
    halted: str = ""
    """Why it does not go on, naming the bot and its error."""
    failed: str = ""
    """The bot that halted it."""
    resumes_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether every wave is through."""
        return self.at >= len(self.waves)

    def text(self) -> str:
        """Return `wave 2 of 3: 12 of 20 healthy`."""
        at = min(self.at, len(self.waves) - 1)
        count = self.waves[at]
        return f"wave {at + 1} of {len(self.waves)}: {count.healthy} of {count.bots} healthy"


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """A rollout as it is kept: everything that it needs to go on in another life."""

    waves: tuple[Wave, ...] = ()
    at: int = 0
    since: float = 0.0
    halted: str = ""
    failed: str = ""
    resumes_at: float | None = None
    passed: tuple[str, ...] = ()
    free: tuple[tuple[str, str], ...] = ()
    override: str = ""


class Rollout:
    """One revision's waves, under way. `note` takes in what is seen; `advance` begins the next wave.

    `free` are the changes that go without waves. `override` says who opened the sync windows for this
    revision, and why.
    """

    def __init__(self, record: RolloutRecord) -> None:
        self.waves = record.waves
        self.at = record.at
        self.since = record.since
        self.halted = record.halted
        self.failed = record.failed
        self.resumes_at = record.resumes_at
        self.passed = set(record.passed)
        self.free = dict(record.free)
        self.override = record.override
        self._wave = {bot: number for number, wave in enumerate(self.waves) for bot, _ in wave.members}
        self.targets = {bot: digest for wave in self.waves for bot, digest in wave.members}
        self._healthy: set[str] = set()
        self._going: set[str] = set()

    def record(self) -> RolloutRecord:
        """Return what is to be kept."""
        return RolloutRecord(
            self.waves,
            self.at,
            self.since,
            self.halted,
            self.failed,
            self.resumes_at,
            tuple(sorted(self.passed)),
            tuple(sorted(self.free.items())),
            self.override,
        )

    def view(self) -> RolloutView | None:
        """Return it as people see it, None where there are no waves."""
        if not self.waves:
            return None
        counts = [0] * len(self.waves)
        for bot in self._healthy:
            counts[self._wave[bot]] += 1
        waves = tuple(WaveCount(len(wave.members), n) for wave, n in zip(self.waves, counts, strict=True))
        return RolloutView(waves, self.at, self.halted, self.failed, self.resumes_at)

    @property
    def done(self) -> bool:
        """Whether every wave is through."""
        return self.at >= len(self.waves)

    def wave_of(self, bot: str) -> int | None:
        """Return a member's wave, from 0; None for a bot that is in none."""
        return self._wave.get(bot)

    def may_go(self, bot: str) -> bool:
        """Say whether a bot may be changed now."""
        wave = self._wave.get(bot)
        if wave is None or wave < self.at:
            return True
        if self.halted or wave > self.at:
            return False
        return bot in self._going or not self.waves[wave].most

    def watched(self) -> Iterable[str]:
        """Return the bots of the waves that have begun."""
        return (bot for wave in self.waves[: self.at + 1] for bot, _ in wave.members)

    def note(self, bot: str, look: Look, now: float) -> None:
        """Take in how a member is: one that failed (of an earlier wave too), or is late, halts it all."""
        wave = self._wave.get(bot)
        if wave is None or wave > self.at:
            return
        (self._healthy.add if look.progress is Progress.HEALTHY else self._healthy.discard)(bot)
        if look.progress in (Progress.HEALTHY, Progress.GONE) or bot in self.passed:
            self._going.discard(bot)
            if look.progress is Progress.GONE:
                self.passed.add(bot)
            return
        late = not look.patient and now >= self._deadline(wave, look)
        if (
            (look.progress is Progress.FAILED or (late and wave == self.at))
            and not self.halted
            and not self.done
        ):
            said = " ".join(look.text.split())[:_BRIEF]
            why = said or f"not healthy after {self.waves[wave].timeout:.0f} s"
            self.halted, self.failed = f"{bot}: {why}", bot

    def advance(self, now: float) -> bool:
        """Begin what may begin now, the next wave or more bots of this one; say whether anything moved."""
        moved = False
        while not self.halted and not self.done:
            if self._settled():
                pause = self.waves[self.at].pause if self.at + 1 < len(self.waves) else 0.0
                if self.resumes_at is None and pause:
                    self.resumes_at = now + pause
                    return True
                if self.resumes_at is not None and now < self.resumes_at:
                    return moved
                self.at, self.since, self.resumes_at = self.at + 1, now, None
                moved = True
                continue
            return self._fill() or moved
        return moved

    def next_look(self, now: float) -> float | None:
        """Return in how many seconds time alone may change something; None: never."""
        if self.halted or self.done:
            return None
        if self.resumes_at is not None:
            return max(0.0, self.resumes_at - now)
        return max(1.0, min(self.waves[self.at].timeout, 30.0))

    def go_on(self) -> None:
        """Go on without the bots of this wave that did not get healthy."""
        if self.failed:
            self.passed.add(self.failed)
        self.halted, self.failed = "", ""

    def release(self) -> None:
        """Let every member go at once."""
        self.free |= self.targets
        self.waves, self.at, self.halted, self.failed, self.resumes_at = (), 0, "", "", None
        self._wave.clear()
        self.targets.clear()
        self._healthy.clear()
        self._going.clear()

    def _settled(self) -> bool:
        return all(bot in self._healthy or bot in self.passed for bot, _ in self.waves[self.at].members)

    def _fill(self) -> bool:
        """Let as many bots of the current wave go as may be on their way at once."""
        wave = self.waves[self.at]
        moved = False
        for bot, _ in wave.members if wave.most else ():
            if len(self._going) >= wave.most:
                break
            if bot not in self._healthy and bot not in self.passed and bot not in self._going:
                self._going.add(bot)
                moved = True
        return moved

    def _deadline(self, wave: int, look: Look) -> float:
        return max(self.since, look.since or 0.0) + self.waves[wave].timeout


def divide(candidates: Sequence[Candidate], policies: Policies) -> tuple[Wave, ...]:
    """Return the waves of these changes: each program has waves of its own, which go side by side.

    The least important bots go first: dry before live, low priority before high. New bots of a program whose
    running bots are divided come with the last wave, since its change is not proven before.
    """
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        groups[one.program].append(one)
    return _joined(
        [_divide_program(group, policies.of(program)) for program, group in sorted(groups.items())]
    )


def _divide_program(group: Sequence[Candidate], policy: RolloutPolicy) -> tuple[Wave, ...]:
    order = sorted((one for one in group if not one.new), key=lambda one: (one.live, one.priority, one.bot))
    canaries = [one for one in order if policy.canary and _has(one.labels, policy.canary)]
    rest = [one for one in order if one not in canaries] if canaries else order
    parts = [canaries] if canaries else []
    for size in policy.waves:
        count = size.bots or math.ceil(size.share * len(order))
        if rest:
            parts.append(rest[:count])
            rest = rest[count:]
    if rest:
        parts.append(rest)
    fresh = [one for one in group if one.new]
    if fresh:
        parts = [*parts[:-1], [*parts[-1], *fresh]] if parts else [fresh]
    return tuple(_wave(part, policy) for part in parts)


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def _wave(part: Sequence[Candidate], policy: RolloutPolicy) -> Wave:
    first = sorted(part, key=lambda one: (-one.priority, one.bot))
    members = tuple((one.bot, one.digest) for one in first)
    return Wave(members, policy.pause, policy.timeout, policy.most)


def _joined(groups: Sequence[Sequence[Wave]]) -> tuple[Wave, ...]:
    """Return several divisions as one: their first waves together, their second ones, and so on."""
    length = max((len(waves) for waves in groups), default=0)
    joined = []
    for number in range(length):
        here = [waves[number] for waves in groups if number < len(waves)]
        limits = [wave.most for wave in here if wave.most]
        joined.append(
            Wave(
                tuple(member for wave in here for member in wave.members),
                max(wave.pause for wave in here),
                max(wave.timeout for wave in here),
                min(limits, default=0),
            )
        )
    return tuple(joined)


def arrange(
    before: Rollout | None,
    candidates: Sequence[Candidate],
    wanted: Mapping[str, str],
    policies: Policies,
    now: float,
    *,
    same: bool,
    at_once: bool = False,
) -> Rollout:
    """Return the rollout of a revision. `wanted` is what each bot shall be, by name.

    `before` is the rollout until now, `same`: it is this revision's. What goes on unchanged keeps its wave;
    what is new is divided, unless it is few or `at_once`. What was halted stays so while the bot that failed
    is still to become the same.
    """
    kept = before.record() if before is not None and same else _kept(before, wanted)
    known, free = _members(kept), dict(before.free) if before is not None else {}
    free = {one.bot: one.digest for one in candidates if free.get(one.bot) == one.digest}
    fresh = [one for one in candidates if one.bot not in known and one.bot not in free]
    running = [one for one in fresh if not one.new]
    waves: tuple[Wave, ...] = ()
    if at_once or len(running) <= policies.policy.at_once:
        free |= {one.bot: one.digest for one in fresh}
    else:
        programs = {one.program for one in running}
        waves = divide([one for one in fresh if one.program in programs], policies)
        free |= {one.bot: one.digest for one in fresh if one.program not in programs}
    left = kept.waves[kept.at :]
    record = replace(
        kept,
        waves=(*kept.waves[: kept.at], *_joined([left, waves])),
        since=kept.since if left else now,
        free=tuple(free.items()),
        override=kept.override if same else "",
    )
    rollout = Rollout(record)
    if at_once:
        rollout.release()
    return rollout


def _members(record: RolloutRecord) -> set[str]:
    return {bot for wave in record.waves for bot, _ in wave.members}


def _kept(before: Rollout | None, wanted: Mapping[str, str]) -> RolloutRecord:
    """Return what of an earlier revision's rollout goes on: members that shall become the same as before.

    Nothing of one that was halted by a bot which is mended now: what is left of it begins anew.
    """
    if before is None or before.done:
        return RolloutRecord()
    if before.halted and wanted.get(before.failed) != before.targets.get(before.failed):
        return RolloutRecord()
    waves = [
        replace(wave, members=tuple(one for one in wave.members if wanted.get(one[0]) == one[1]))
        for wave in before.waves[before.at :]
    ]
    if not any(wave.members for wave in waves):
        return RolloutRecord()
    return replace(before.record(), waves=tuple(wave for wave in waves if wave.members), at=0, free=())
