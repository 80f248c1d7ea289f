"""What rules would have done over what is stored: the engine that judges live, by past clocks. Pure."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.alert_rules import AlertRule
from schemas.conditions import (
    LIMITED,
    Anomaly,
    Breaks,
    Change,
    Errs,
    Happens,
    IsJudged,
    Leaf,
    NoData,
    Threshold,
    leaves,
)
from schemas.risk import RiskLimits
from telemetry.alerts.counting import meets
from telemetry.alerts.engine import Engine, Moved
from telemetry.alerts.limits.trial import TriedLimits
from telemetry.alerts.past import figure_values
from telemetry.alerts.ports import Setup
from telemetry.alerts.states import AlertState, State
from telemetry.alerts.values import Labels
from telemetry.alerts.watch import Watch, slot_name, trades_as
from telemetry.records import Event, Sample

MOST_EPISODES = 200
"""Alerts of one rule and bot that are told one by one; of more only how many there were."""
_LOOK_EVERY = 200
"""After how many that happened it is looked at whether time is over."""
_DUE_AT_ONCE = 20


class Heard(NamedTuple):
    """A bot's process was measured to live."""

    bot: str
    time: float


class Figures(NamedTuple):
    """What was kept of a bot's trading at one time, in one account and currency, by series."""

    bot: str
    time: float
    labels: Labels
    kept: Mapping[str, float]


class Err(NamedTuple):
    """An error group became new, or came back."""

    bot: str
    time: float
    identity: str
    what: str
    text: str


Happening = Sample | Event | Heard | Figures | Err
"""Something that rules are judged by, at its `time`."""


@dataclass(slots=True)
class Episode:
    """One alert: from when to when (None: it fires at the end), why, by which values."""

    began: float
    text: str
    value: float | None
    samples: Sequence[tuple[float, float]]
    muted: bool
    ended: float | None = None
    ended_text: str = ""


@dataclass(slots=True)
class Tried:
    """What came of one rule for one bot; `seen`: samples and events that it could be judged by."""

    bot: str
    rule: AlertRule
    episodes: list[Episode] = field(default_factory=list)
    begun: int = 0
    """How many alerts there were: also those that are not told one by one."""
    firing: float = 0.0
    """Seconds for which it fired."""
    messages: int = 0
    """Times that somebody would be told: that it fires, and that it is over."""
    seen: int = 0
    standing: str = State.OK.value
    lacks: str = ""
    """Why it could not be judged at all, or "": what its parts had nothing to go by."""


class Trial:
    """Tries the rules of some bots, which may be compared with each other, from a moment on.

    What is taken before `start` only leads up to it: alerts that fire by then count as begun at `start`.
    Of each rule and bot `told` alerts are told one by one. Nothing goes on once `over` says so. `accounts`:
    the limits of accounts, whose bots are all among `setups`.
    """

    def __init__(
        self,
        setups: Sequence[Setup],
        first: float,
        start: float,
        is_open: Callable[[str, float], bool] | None = None,
        told: int = MOST_EPISODES,
        over: Callable[[], bool] = lambda: False,
        accounts: Mapping[str, RiskLimits] | None = None,
    ) -> None:
        self.engine = Engine(self._moved, is_open, fills=True)
        limited = [one for one in setups if any(rule.risk for rule in one.rules)]
        self.limits = TriedLimits(self.engine, limited, accounts or {}) if limited else None
        self._start = start
        self._told, self._over = told, over
        self.now = first
        """Until when time has passed."""
        self._counted: dict[str, dict[int, int]] = {}
        self._parts: dict[str, dict[str, list[Leaf]]] = {}
        """By bot: the conditions that something of a name (`_name_of`) may be for."""
        self.tried: dict[tuple[str, str], Tried] = {}
        for setup in setups:
            bot = setup.profile.bot
            watch = self.engine.set_bot(setup.profile, setup.rules, first)
            parts = [leaf for rule in watch.rules for leaf in leaves(rule.when)]
            self._counted[bot] = {id(leaf): 0 for leaf in parts}
            self._parts[bot] = {}
            for leaf in parts:
                self._parts[bot].setdefault(_name_for(leaf), []).append(leaf)
            for rule in watch.rules:
                self.tried[bot, rule.name] = Tried(bot, rule)

    def take(self, happenings: Iterable[Happening]) -> bool:
        """Take what happened, oldest first, and what time alone brought about in between; False: not all."""
        for count, one in enumerate(happenings):
            if (count % _LOOK_EVERY == 0 and self._over()) or not self._pass_to(one.time):
                return False
            watch = self.engine.watches[one.bot if not isinstance(one, Sample) else one.labels["bot"]]
            self._note(watch, one)
            self._tell(watch, one)
        return True

    def end(self, at: float) -> list[Tried]:
        """Let time pass to the end, if it may, and return what came of each rule."""
        if not self._pass_to(at):
            at = self.now
        for watch in self.engine.watches.values():
            for rule, state in zip(watch.rules, watch.states, strict=True):
                tried = self.tried[watch.profile.bot, rule.name]
                tried.standing = state.state.value
                tried.seen = sum(self._counted[tried.bot][id(leaf)] for leaf in leaves(rule.when))
                tried.lacks = self._lacks(watch, rule)
                if state.state is State.FIRING:
                    tried.firing += max(at - max(state.since, self._start), 0.0)
        return list(self.tried.values())

    def _pass_to(self, time: float) -> bool:
        """Judge what is due up to a moment, each at its own time; False: not all."""
        while (due := self._next_due()) is not None and due < time:
            if self._over():
                return False
            self.now = max(due, self.now)
            if self.limits is not None:
                self.limits.look(self.now)
            self.engine.due(self.now, _DUE_AT_ONCE)
        self.now = max(time, self.now)
        return True

    def _next_due(self) -> float | None:
        moments = (self.engine.next_due(), self.limits.next_due() if self.limits is not None else None)
        return min((at for at in moments if at is not None), default=None)

    def _tell(self, watch: Watch, one: Happening) -> None:
        bot, now = watch.profile.bot, self.now
        if isinstance(one, Sample):
            self.engine.samples(bot, [one], now)
        elif isinstance(one, Event):
            self.engine.events(bot, [one], now)
            if self.limits is not None:
                self.limits.take(one, now)
        elif isinstance(one, Heard):
            self.engine.heard(bot, one.time, now)
        elif isinstance(one, Figures):
            self.engine.figures(bot, [(one.labels, figure_values(watch.figures, one.kept))], now)
        else:
            self.engine.error(bot, one.identity, one.time, one.what, one.text, now)

    def _note(self, watch: Watch, one: Happening) -> None:
        """Count what conditions can be judged by."""
        bot = watch.profile.bot
        for leaf in self._parts[bot].get(_name_of(one), ()):
            if _is_for(leaf, one):
                self._counted[bot][id(leaf)] += 1

    def _lacks(self, watch: Watch, rule: AlertRule) -> str:
        bot = watch.profile.bot
        if rule.risk:
            return self.limits.lacks(bot, rule.name) if self.limits is not None else ""
        said = [_lack(leaf, watch, self._counted[bot][id(leaf)]) for leaf in leaves(rule.when)]
        return "; ".join(dict.fromkeys(filter(None, said)))

    def _moved(self, moved: Moved) -> None:
        tried = self.tried[moved.bot.bot, moved.rule.name]
        muted = any(mute.until(moved.at) is not None for mute in moved.rule.mutes)
        if moved.fires:
            self._began(tried, moved.state, muted=muted)
        elif moved.recovers and moved.at > self._start:
            self._ended(tried, moved.before, moved.state, muted=muted)
        elif moved.recovers:
            tried.episodes.clear()
            tried.begun = tried.messages = 0

    def _began(self, tried: Tried, state: AlertState, *, muted: bool) -> None:
        tried.begun += 1
        tried.messages += not muted
        if len(tried.episodes) < self._told:
            began = max(state.since, self._start)
            tried.episodes.append(Episode(began, state.text, state.value, state.samples, muted))

    def _ended(self, tried: Tried, before: AlertState, state: AlertState, *, muted: bool) -> None:
        tried.firing += state.since - max(before.since, self._start)
        tried.messages += not muted
        last = tried.episodes[-1] if tried.episodes else None
        if last is not None and last.ended is None:
            last.ended, last.ended_text = state.since, state.text


def merged(parts: Iterable[Iterable[Happening]]) -> Iterable[Happening]:
    """Return parts, each oldest first, as one; that a bot was measured goes before what it said then."""
    return heapq.merge(*parts, key=lambda one: (one.time, not isinstance(one, Heard)))


def _name_of(one: Happening) -> str:
    return one.name if isinstance(one, Sample) else f" {type(one).__name__}"


def _name_for(leaf: Leaf) -> str:
    """Return the name of what a condition is judged by."""
    if isinstance(leaf, Threshold | Change | Anomaly):
        return _FIGURES if leaf.of.figure else leaf.of.name
    return next((name for kind, name in _KINDS.items() if isinstance(leaf, kind)), "")


_FIGURES = f" {Figures.__name__}"
_KINDS: Mapping[type[Leaf], str] = {
    NoData: f" {Heard.__name__}",
    Happens: f" {Event.__name__}",
    Breaks: f" {Event.__name__}",
    Errs: f" {Err.__name__}",
}


def _is_for(leaf: Leaf, one: Happening) -> bool:
    """Say whether a condition can be judged by something."""
    if isinstance(one, Heard):
        return isinstance(leaf, NoData)
    if isinstance(one, Err):
        return isinstance(leaf, Errs) and leaf.what in ("any", one.what)
    if isinstance(one, Event):
        return isinstance(leaf, Breaks) or (isinstance(leaf, Happens) and meets(leaf, one))
    if not isinstance(leaf, Threshold | Change | Anomaly):
        return False
    if isinstance(one, Figures):
        known = figure_values((leaf.of.name,), one.kept) if leaf.of.figure else {}
        return known.get(leaf.of.name) is not None and leaf.of.labels.items() <= one.labels.items()
    return slot_name(leaf.of) == one.name and leaf.of.labels.items() <= one.labels.items()


def _lack(leaf: Leaf, watch: Watch, seen: int) -> str:
    """Return why a condition could never be told, "" where it could."""
    if isinstance(leaf, IsJudged):
        return f"verdicts ({', '.join(leaf.verdicts)}) are not kept: this cannot be tried"
    if isinstance(leaf, NoData):
        return "" if seen else "the bot was not measured: its silence means nothing"
    if isinstance(leaf, Happens | Errs | Breaks):
        return ""
    if not seen:
        return f"no value of {leaf.of.name}"
    if isinstance(leaf, Threshold) and not any(
        watch.limit_of(leaf, level, point.labels) is not None
        for level in (leaf.above, leaf.below)
        if level is not None
        for point in watch.slots[slot_name(leaf.of)].points.values()
    ):
        limit = LIMITED.get(leaf.of.name, f"a risk limit of {leaf.of.name}")
        return f"no limit to take a share of: {limit}"
    return ""


def can_be_tried_together(setups: Iterable[Setup]) -> list[list[Setup]]:
    """Return bots in groups: those that rules compare with each other in one, any other by itself."""
    groups: dict[object, list[Setup]] = {}
    for setup in setups:
        profile = setup.profile
        together = any(
            isinstance(leaf, Anomaly) and leaf.siblings for rule in setup.rules for leaf in leaves(rule.when)
        )
        key: object = (profile.program, profile.environment, trades_as(profile)[0])
        groups.setdefault(key if together else profile.bot, []).append(setup)
    return list(groups.values())
