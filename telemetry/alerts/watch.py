"""What is known of one bot for its rules: who it is, its watched series, what happened, where rules stand."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

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
from telemetry.alerts.texts import Texts
from telemetry.alerts.values import Labels, Slot

BASES: Mapping[str, str] = {"daily_loss": "day_equity", "exposure": "equity"}
"""Figures of which a risk limit may be a share -> the figure that it is a share of."""
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
    """One bot under its rules. Only `engine` changes it.

    `whole`: what values were before needs no filling from a store.
    """

    __slots__ = (
        "_whole",
        "broken",
        "counting",
        "due",
        "figures",
        "happened",
        "heard_at",
        "judged",
        "kinds",
        "known_since",
        "measured_at",
        "news",
        "patterns",
        "profile",
        "reading",
        "resumed_at",
        "rules",
        "seen_at",
        "silences",
        "slots",
        "slots_of",
        "started_at",
        "states",
        "texts",
        "waiting",
        "wants_errors",
    )

    def __init__(
        self, profile: BotProfile, rules: Sequence[AlertRule], now: float, *, whole: bool = True
    ) -> None:
        self.profile = profile
        self._whole = whole
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
        self.counting: dict[str, list[tuple[int, Happens]]] = {}
        """By kind of event ("" every kind): rules with their conditions that count it, whatever its text."""
        self.reading: dict[str, list[tuple[int, Happens]]] = {}
        """By pattern: rules with their conditions that count lines that hold it."""
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
        self.resumed_at = now
        """Since when the bot is meant to run."""
        self.known_since = now
        """Since when its lines are heard in this life of herdsman."""
        self.heard_at, self.measured_at = 0.0, 0.0
        """When its process was heard of last, and when that was measured."""
        for place, rule in enumerate(self.rules):
            self._wire(place, leaves(rule.when))
        self.patterns = tuple(self.reading)
        self.texts = Texts(self.patterns)
        """The patterns, looked for together."""
        self.silences = self.places_of(NoData)
        """The places of the rules that silence is a part of."""
        self.figures = tuple(name[len(FIGURE) :] for name in self.slots if name.startswith(FIGURE))

    def _wire(self, place: int, parts: Sequence[Leaf]) -> None:
        kinds = set(self.kinds)
        for leaf in parts:
            if isinstance(leaf, Threshold | Change | Anomaly):
                slot = self._slot(slot_name(leaf.of), place)
                if not isinstance(leaf, Threshold):
                    slot.history(leaf.over, whole=self._whole or _is_of_siblings(leaf))
                elif base := base_of(leaf.of, self.profile.risk):
                    self._slot(base, place)
            elif isinstance(leaf, NoData):
                if leaf.metric:
                    self._slot(leaf.metric, place)
                elif leaf.kind:
                    kinds.add(leaf.kind)
            elif isinstance(leaf, Happens):
                self.happened[id(leaf)] = deque(maxlen=leaf.count)
                kinds.add(leaf.kind)
                wanted = self.reading if leaf.text else self.counting
                wanted.setdefault(leaf.text or leaf.kind, []).append((place, leaf))
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
            if state is not None and state.state is State.FIRING:  # what was pending begins anew
                self.states[place] = state
                self.note_waiting(place)
                if isinstance(rule.when, Breaks):
                    self.broken[rule.when.limit] = Found(True, state.text, state.value)

    def adopt(self, before: "Watch") -> None:
        """Take over what an earlier watch of the bot knew: how its rules stand, values, times.

        Of a bot that trades in another mode or account now, nothing of what it printed and traded before.
        """
        same = trades_as(before.profile) == trades_as(self.profile)
        known = {rule.name: (rule, state) for rule, state in zip(before.rules, before.states, strict=True)}
        for place, rule in enumerate(self.rules):
            found = known.get(rule.name)
            if found is not None and (same or not self.is_of_trading(place)):
                self.states[place] = found[1]
                if found[0] == rule and same:
                    self._adopt_counts(found[0], rule, before)
            self.note_waiting(place)
        self.seen_at, self.started_at = before.seen_at, before.started_at
        self.resumed_at, self.known_since = before.resumed_at, before.known_since
        self.heard_at, self.measured_at = before.heard_at, before.measured_at
        self.judged, self.news = before.judged, before.news
        self.broken = before.broken
        if same:
            self._adopt_values(before)

    def _adopt_values(self, before: "Watch") -> None:
        for name, slot in self.slots.items():
            old = before.slots.get(name)
            if old is not None:
                slot.points, slot.at, slot.recent = old.points, old.at, old.recent
                for over, mine in slot.histories.items():
                    if (theirs := old.histories.get(over)) is not None:
                        mine.points, mine.whole = theirs.points, theirs.whole

    def remembers(self, leaf: Change) -> bool:
        """Say whether what is stored of a change's time was brought."""
        return not self._whole and self.slots[slot_name(leaf.of)].histories[leaf.over].whole

    def is_of_trading(self, place: int) -> bool:
        """Say whether a rule is about a trading figure."""
        parts = leaves(self.rules[place].when)
        return any(isinstance(one, Threshold | Change | Anomaly) and one.of.figure for one in parts)

    def shift(self, by: float) -> None:
        """Move the moments that durations are counted from: the clock was set by so many seconds."""
        self.started_at += by
        self.resumed_at += by
        self.known_since += by
        self.heard_at += by
        self.seen_at = {kind: at + by for kind, at in self.seen_at.items()}
        self.news = {name: (at + by, what, text) for name, (at, what, text) in self.news.items()}
        for times in self.happened.values():
            times.extend([at + by for at in times])  # as many as it holds: the old ones fall out
        for slot in self.slots.values():
            slot.at += by
            slot.points = {key: one._replace(came=one.came + by) for key, one in slot.points.items()}
        for place, state in enumerate(self.states):
            if state.state is not State.OK:
                since = state.since + by if state.state is State.PENDING else state.since
                back = None if state.false_since is None else state.false_since + by
                self.states[place] = replace(state, since=since, false_since=back)

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
        values = [one.value for one in slot.points.values()]
        if not values or slot.histories:
            return
        low, high = float("-inf"), float("inf")
        for place in slot.rules:
            if self.states[place].state is not State.OK:
                return
            for leaf in leaves(self.rules[place].when):
                if not isinstance(leaf, Threshold):
                    continue
                if self.slots.get(base_of(leaf.of, self.profile.risk)) is slot:
                    low, high = max(low, min(values)), min(high, max(values))
                elif self.slots.get(slot_name(leaf.of)) is slot:
                    for one in slot.points.values():
                        above = self.limit_of(leaf, leaf.above, one.labels)
                        below = self.limit_of(leaf, leaf.below, one.labels)
                        high = min(high, above) if above is not None else high
                        low = max(low, below) if below is not None else low
        if all(low <= value <= high for value in values):
            slot.low, slot.high = low, high

    def limit_of(self, leaf: Threshold, level: Any, labels: Labels) -> float | None:
        """Return what a level comes to for a series of this bot, None where it is of a limit it has not."""
        if level is None:
            return None
        if not level.percent:
            return float(level.amount)
        return share_of(leaf.of, level.amount, self, labels)


def _is_of_siblings(leaf: Leaf) -> bool:
    return isinstance(leaf, Anomaly) and leaf.siblings


def trades_as(profile: BotProfile) -> tuple[str, str]:
    """Return what a bot's trading belongs to."""
    return profile.mode, profile.account


def base_of(of: Subject, risk: RiskLimits) -> str:
    """Return the slot of what a share of a bot's limit is reckoned from, "" where it is of no other slot."""
    if not of.figure:
        return LIMITED.get(of.name, "")
    limit = getattr(risk, RISKY[of.name]) if of.name in RISKY else None
    return FIGURE + BASES[of.name] if limit is not None and limit.percent else ""


def share_of(of: Subject, percent: float, watch: Watch, labels: Labels) -> float | None:
    """Return so many percent of a bot's limit; of a share they are the share itself.

    A risk limit is that of the account and currency that `labels` name: another currency's has no limit.
    """
    if of.figure and of.name in SHARES:
        return percent / 100
    if of.figure:
        return _share_of_risk(of, percent, watch, labels)
    slot = watch.slots.get(base_of(of, watch.profile.risk))
    limits = [one.value for one in slot.points.values() if one.value > 0] if slot else []
    return min(limits) * percent / 100 if limits else None


def _share_of_risk(of: Subject, percent: float, watch: Watch, labels: Labels) -> float | None:
    limit = getattr(watch.profile.risk, RISKY[of.name]) if of.name in RISKY else None
    if limit is None or (limit.currency and limit.currency != labels.get("currency", "")):
        return None
    if not limit.percent:
        return float(limit.amount) * percent / 100
    slot = watch.slots.get(base_of(of, watch.profile.risk))
    bases = [one.value for one in slot.points.values() if one.labels == labels] if slot else []
    return bases[0] * limit.amount / 100 * percent / 100 if bases and bases[0] > 0 else None


def labels_text(labels: Labels) -> str:
    """Return what tells one series of a bot from another, for people."""
    own = {name: value for name, value in labels.items() if name not in ("fleet", "bot", "program", "env")}
    return ", ".join(f"{name} {value}" for name, value in own.items() if name != "__name__")
