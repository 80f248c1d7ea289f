"""What is known of one bot for its rules: who it is, its watched series, what happened, where rules stand."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.alert_rules import AlertRule, Selector
from schemas.conditions import (
    LIMITED,
    RISKY,
    SHARES,
    Anomaly,
    Breaks,
    Change,
    Errs,
    Happens,
    Leaf,
    NoData,
    Subject,
    Threshold,
    leaves,
)
from schemas.risk import NO_LIMITS, RiskLimits
from telemetry.alerts.states import QUIET, AlertState, Found, State
from telemetry.alerts.values import History, Labels, Slot

FIGURE = "figure "
"""What the names of figures' slots begin with."""
_MOST_GROUPS = 500


@dataclass(frozen=True, slots=True)
class BotProfile:
    """What selectors and routes know of a bot; `running` is False while it is meant not to run."""

    bot: str
    program: str = ""
    account: str = ""
    environment: str = ""
    mode: str = "dry"
    labels: Mapping[str, str] = field(default_factory=dict)
    risk: RiskLimits = NO_LIMITS
    running: bool = True


def selects(selector: Selector, bot: BotProfile) -> bool:
    """Say whether a rule is for a bot."""
    asked = (
        (selector.bots, bot.bot),
        (selector.programs, bot.program),
        (selector.accounts, bot.account),
        (selector.environments, bot.environment),
        (selector.modes, bot.mode),
    )
    if any(allowed and value not in allowed for allowed, value in asked):
        return False
    return all(bot.labels.get(key) == value for key, value in selector.labels.items())


def rules_of(bot: BotProfile, *layers: Iterable[AlertRule]) -> list[AlertRule]:
    """Return a bot's rules, of layers in which later ones go before earlier ones of the same name."""
    found: dict[str, AlertRule] = {}
    for layer in layers:
        for rule in layer:
            if selects(rule.select, bot):
                found[rule.name] = rule
    return [rule for rule in found.values() if rule.enabled]


def slot_name(of: Subject) -> str:
    """Return the name of the slot that holds what a condition measures."""
    return FIGURE + of.name if of.figure else of.name


class Watch:
    """One bot under its rules. Only `engine` changes it."""

    __slots__ = (
        "broken",
        "due",
        "figures",
        "happened",
        "judged",
        "kinds",
        "news",
        "profile",
        "rules",
        "seen_at",
        "slots",
        "slots_of",
        "started_at",
        "states",
        "waiting",
        "wants_errors",
    )

    def __init__(self, profile: BotProfile, rules: Sequence[AlertRule], now: float) -> None:
        self.profile = profile
        self.rules = tuple(rules)
        self.states: list[AlertState] = [QUIET] * len(self.rules)
        self.due: list[float | None] = [None] * len(self.rules)
        """When each rule is looked at again."""
        self.slots: dict[str, Slot] = {}
        self.slots_of: list[list[Slot]] = [[] for _ in self.rules]
        """The slots that each rule watches."""
        self.waiting: set[int] = set()
        """The places of rules that fire since nothing comes: the next output may end that."""
        self.figures: tuple[str, ...] = ()
        """The trading figures that rules want."""
        self.kinds: frozenset[str] = frozenset()
        """The kinds of events that rules count, "" for every kind."""
        self.happened: dict[int, deque[float]] = {}
        """By a counting condition's identity: when it was met."""
        self.news: dict[str, tuple[float, str, str]] = {}
        """Error groups that are new or regressed: when, which of the two, what in words."""
        self.wants_errors = False
        self.judged: Mapping[str, str] = {}
        """How the bot's life is judged now: word -> why. Empty while that is not known."""
        self.broken: dict[str, Found] = {}
        """What each risk limit came to."""
        self.seen_at: dict[str, float] = {}
        """When the newest event of a kind came ("" any output)."""
        self.started_at = now
        """Since when silence counts."""
        for place, rule in enumerate(self.rules):
            self._wire(place, leaves(rule.when))
        self.figures = tuple(name[len(FIGURE) :] for name in self.slots if name.startswith(FIGURE))

    def _wire(self, place: int, parts: Sequence[Leaf]) -> None:
        kinds = set(self.kinds)
        for leaf in parts:
            if isinstance(leaf, Threshold | Change | Anomaly):
                slot = self._slot(slot_name(leaf.of), place)
                if not isinstance(leaf, Threshold):
                    slot.histories.append(History(leaf.over))
                elif leaf.of.name in LIMITED:
                    self._slot(LIMITED[leaf.of.name], place)
            elif isinstance(leaf, NoData):
                if leaf.metric:
                    self._slot(leaf.metric, place)
                elif leaf.kind:
                    kinds.add(leaf.kind)
            elif isinstance(leaf, Happens):
                self.happened[id(leaf)] = deque(maxlen=leaf.count)
                kinds.add(leaf.kind)
            elif isinstance(leaf, Errs):
                self.wants_errors = True
        self.kinds = frozenset(kinds)

    def _slot(self, name: str, place: int) -> Slot:
        slot = self.slots.setdefault(name, Slot())
        if place not in slot.rules:
            slot.rules.append(place)
            self.slots_of[place].append(slot)
        return slot

    def note_waiting(self, place: int) -> None:
        """Note whether a rule waits for output, now that its state is another."""
        self.waiting.discard(place)
        parts = leaves(self.rules[place].when)
        if self.states[place].state is not State.OK and any(isinstance(one, NoData) for one in parts):
            self.waiting.add(place)

    def restore(self, known: Mapping[str, AlertState]) -> None:
        """Take over how rules stood in an earlier life, by their names."""
        for place, rule in enumerate(self.rules):
            state = known.get(rule.name)
            if state is not None:
                self.states[place] = state
                self.note_waiting(place)
                if isinstance(rule.when, Breaks) and state.state is State.FIRING:
                    self.broken[rule.when.limit] = Found(True, state.text, state.value)

    def adopt(self, before: "Watch") -> None:
        """Take over what an earlier watch of the bot knew: how its rules stand, values, times."""
        known = {rule.name: (rule, state) for rule, state in zip(before.rules, before.states, strict=True)}
        for place, rule in enumerate(self.rules):
            found = known.get(rule.name)
            if found is not None:
                self.states[place] = found[1]
                if found[0] == rule:
                    self._adopt_counts(found[0], rule, before)
            self.note_waiting(place)
        self.seen_at, self.started_at = before.seen_at, before.started_at
        self.judged, self.news = before.judged, before.news
        self.broken = before.broken
        for name, slot in self.slots.items():
            old = before.slots.get(name)
            if old is not None:
                slot.points, slot.at, slot.recent = old.points, old.at, old.recent
                for mine in slot.histories:
                    for theirs in old.histories:
                        if mine.over == theirs.over:
                            mine.points = theirs.points

    def _adopt_counts(self, old: AlertRule, new: AlertRule, before: "Watch") -> None:
        for mine, theirs in zip(leaves(new.when), leaves(old.when), strict=True):
            if isinstance(mine, Happens):
                self.happened[id(mine)] = before.happened.get(id(theirs), self.happened[id(mine)])

    def places_of(self, *kinds: type[Any]) -> list[int]:
        """Return the places of the rules that hold a condition of these kinds."""
        return [
            place
            for place, rule in enumerate(self.rules)
            if any(isinstance(one, kinds) for one in leaves(rule.when))
        ]

    def note_error(self, identity: str, at: float, what: str, text: str) -> None:
        """Keep that an error group is new or has regressed."""
        self.news[identity] = (at, what, text)
        if len(self.news) > _MOST_GROUPS:
            del self.news[next(iter(self.news))]

    def requiet(self, slot: Slot) -> None:
        """Reckon between which values nothing changes: where its rules are ok, and no level is met."""
        slot.low, slot.high = float("inf"), float("-inf")
        values = [value for _, value, _ in slot.points.values()]
        if not values or slot.histories:
            return
        low, high = float("-inf"), float("inf")
        for place in slot.rules:
            if self.states[place].state is not State.OK:
                return
            for leaf in leaves(self.rules[place].when):
                if not isinstance(leaf, Threshold):
                    continue
                if self.slots.get(LIMITED.get(leaf.of.name, "")) is slot:
                    low, high = max(low, min(values)), min(high, max(values))
                elif self.slots.get(slot_name(leaf.of)) is slot:
                    above, below = self.limit_of(leaf, leaf.above), self.limit_of(leaf, leaf.below)
                    high = min(high, above) if above is not None else high
                    low = max(low, below) if below is not None else low
        if all(low <= value <= high for value in values):
            slot.low, slot.high = low, high

    def limit_of(self, leaf: Threshold, level: Any) -> float | None:
        """Return what a level comes to for this bot, None where it is of a limit that the bot has not."""
        if level is None:
            return None
        if not level.percent:
            return float(level.amount)
        return share_of(leaf.of, level.amount, self)


def share_of(of: Subject, percent: float, watch: Watch) -> float | None:
    """Return so many percent of a bot's limit; of a share they are the share itself."""
    if of.figure and of.name in SHARES:
        return percent / 100
    if of.figure and of.name in RISKY:
        limit = getattr(watch.profile.risk, of.name)
        return None if limit is None or limit.percent else limit.amount * percent / 100
    slot = watch.slots.get(LIMITED.get(of.name, ""))
    limits = [value for _, value, _ in slot.points.values() if value > 0] if slot else []
    return min(limits) * percent / 100 if limits else None


def labels_text(labels: Labels) -> str:
    """Return what tells one series of a bot from another, for people."""
    own = {name: value for name, value in labels.items() if name not in ("fleet", "bot", "program", "env")}
    return ", ".join(f"{name} {value}" for name, value in own.items() if name != "__name__")
