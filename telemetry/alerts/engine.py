"""The engine: takes what bots do as it comes, judges the rules that it touches, and says what moved. Pure.

What changes nothing costs next to nothing: a sample within the quiet range of its series is compared and
forgotten. What time alone can change (silence, a duration, an end) waits in a heap for its moment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from schemas.alert_rules import AlertRule
from schemas.conditions import (
    Anomaly,
    Breaks,
    Change,
    Errs,
    Happens,
    IsJudged,
    NoData,
    Subject,
    Threshold,
    leaves,
)
from telemetry.alerts.agenda import Agenda
from telemetry.alerts.counting import take_events
from telemetry.alerts.judging import UNKNOWN, judge
from telemetry.alerts.past import Wanted
from telemetry.alerts.siblings import Siblings
from telemetry.alerts.states import AlertState, Found, State, moved
from telemetry.alerts.values import STALE, LabelKey, Labels, Point
from telemetry.alerts.watch import FIGURE, BotProfile, Watch, trades_as
from telemetry.records import Event, Sample

HEARD_WITHIN = 45.0
"""Most seconds between two measurements of a bot: after a longer gap nothing is known of the time between."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An alert that moved: of which rule, for whom, from what to what."""

    rule: AlertRule
    bot: BotProfile
    before: AlertState
    state: AlertState
    at: float

    @property
    def fires(self) -> bool:
        """Whether it began to fire."""
        return self.state.state is State.FIRING and self.before.state is not State.FIRING

    @property
    def recovers(self) -> bool:
        """Whether it fires no more."""
        return self.before.state is State.FIRING and self.state.state is not State.FIRING


class Engine:
    """All bots under their rules. `tell` hears of every alert that moved; `is_open` says whether a market is.

    `fills`: what values were before, somebody brings by `remember`.
    """

    def __init__(
        self,
        tell: Callable[[Moved], None],
        is_open: Callable[[str, float], bool] | None = None,
        *,
        fills: bool = False,
    ) -> None:
        self._tell = tell
        self._fills = fills
        self._is_open = is_open or (lambda _calendar, _now: True)
        self.watches: dict[str, Watch] = {}
        self._agenda = Agenda()
        self._siblings = Siblings(self.watches)
        self._now = 0.0
        self.judged = 0
        """How many times a rule was judged."""

    def set_bot(
        self,
        profile: BotProfile,
        rules: Sequence[AlertRule],
        now: float,
        known: Mapping[str, AlertState] | None = None,
    ) -> Watch:
        """Put a bot under rules; `known`: how they stood in an earlier life. What goes on stays as it is."""
        before = self.watches.get(profile.bot)
        watch = Watch(profile, rules, now, whole=not self._fills)
        if before is not None:
            self._siblings.leave(before.profile)
            watch.adopt(before)
            if profile.running and not before.profile.running:
                watch.resumed_at = now
                self._count_anew(watch, now)
            self._drop_gone(before, watch, now)
        if known:
            watch.restore(known)
        self.watches[profile.bot] = watch
        self._siblings.join(profile)
        for place in range(len(watch.rules)):
            self._agenda.plan(watch, place, now)
        if before is not None and before.profile.running != profile.running:
            for place in watch.places_of(NoData):
                self._judge(watch, place, now)
        return watch

    def forget(self, bot: str, now: float) -> None:
        """Drop a bot that is gone; its alerts end."""
        watch = self.watches.pop(bot, None)
        if watch is not None:
            self._siblings.leave(watch.profile)
            for rule, state in zip(watch.rules, watch.states, strict=True):
                if state.state is not State.OK:
                    self._tell(
                        Moved(rule, watch.profile, state, AlertState(since=now, text="the bot is gone"), now)
                    )

    def samples(self, bot: str, samples: Sequence[Sample], now: float) -> None:
        """Take new samples of a bot."""
        watch = self.watches.get(bot)
        if watch is None:
            return
        slots = watch.slots
        if not slots:
            return
        touched: set[int] = set()
        for sample in samples:
            slot = slots.get(sample.name)
            if slot is None:
                continue
            slot.at = now
            if slot.low <= sample.value <= slot.high:
                continue
            if sample.time >= now - STALE and slot.put(sample.labels, sample.time, sample.value, now):
                touched.update(slot.rules)
        if touched:
            self._judge_all(watch, touched, now)

    def figures(
        self, bot: str, found: Iterable[tuple[Labels, Mapping[str, float | None]]], now: float
    ) -> None:
        """Take a bot's trading figures, of each account and currency, as they are now."""
        watch = self.watches.get(bot)
        if watch is None:
            return
        touched: set[int] = set()
        for labels, values in found:
            for name in watch.figures:
                value, slot = values.get(name), watch.slots[FIGURE + name]
                if value is None or slot.low <= value <= slot.high:
                    continue
                if slot.put(labels, now, value, now):
                    touched.update(slot.rules)
        if touched:
            self._judge_all(watch, touched, now)

    def events(self, bot: str, events: Sequence[Event], now: float) -> None:
        """Take new events of a bot."""
        watch = self.watches.get(bot)
        if watch is None:
            return
        if any(event.stream != "launcher" for event in events):
            watch.seen_at[""] = now
        else:
            watch.started_at = (
                now  # its launcher began or ended a process: the silence of a new one is its own
            )
        touched = set(watch.waiting)
        if not watch.kinds and not touched:
            return
        take_events(watch, events, now, touched)
        if touched:
            self._judge_all(watch, touched, now)

    def heard(self, bot: str, measured: float, now: float) -> None:
        """Take that a bot's process was measured to live: only so long its silence counts.

        `measured` is when, by its node's clock; one that is told again says nothing.
        """
        watch = self.watches.get(bot)
        if watch is None or watch.measured_at - HEARD_WITHIN < measured <= watch.measured_at:
            return
        if not watch.heard_at:
            watch.started_at = now
        elif not 0.0 <= now - watch.heard_at <= HEARD_WITHIN:
            self._count_anew(watch, now)
        watch.heard_at, watch.measured_at = now, measured
        for place in watch.silences:
            self._judge(watch, place, now)

    def clock_set(self, by: float, now: float) -> None:
        """Take that the clock was set by so many seconds: what lasts goes on as it was."""
        self._siblings.clear()
        for watch in self.watches.values():
            watch.shift(by)
            self._agenda.plan_anew(watch, now)

    def remember(
        self,
        bot: str,
        trades: tuple[str, str],
        of: Wanted,
        past: Mapping[LabelKey, Sequence[Point]],
        now: float,
    ) -> None:
        """Put what is stored of a slot's series before what came in this life, of a bot that trades so."""
        watch = self.watches.get(bot)
        if watch is None or trades_as(watch.profile) != trades:
            return
        known = watch.slots.get(of.slot)
        history = known.histories.get(of.over) if known is not None else None
        if known is not None and history is not None and not history.whole:
            history.fill(past)
            self._judge_all(watch, known.rules, now)

    def error(self, bot: str, identity: str, at: float, what: str, text: str, now: float) -> None:
        """Take an error group that is `new`, or has `regressed`."""
        watch = self.watches.get(bot)
        if watch is None or not watch.wants_errors or at < now - STALE:
            return
        watch.note_error(identity, at, what, text)
        self._judge_all(watch, set(watch.places_of(Errs)), now)

    def verdicts(self, bot: str, judged: Mapping[str, str], now: float) -> None:
        """Take how herdsman judges a bot's life now: each word that holds, and why."""
        watch = self.watches.get(bot)
        if watch is None or watch.judged == judged:
            return
        watch.judged = judged
        self._judge_all(watch, set(watch.places_of(IsJudged)), now)

    def risk(self, bot: str, limit: str, found: Found, now: float) -> None:
        """Take what a risk limit of a bot came to."""
        watch = self.watches.get(bot)
        if watch is None or watch.broken.get(limit) == found:
            return
        watch.broken[limit] = found
        places = [place for place, rule in enumerate(watch.rules) if rule.when == Breaks(limit)]
        self._judge_all(watch, places, now)

    def due(self, now: float, most: int = 200) -> bool:
        """Judge what time has come for, at most so many rules; say whether there is more to do now."""
        for _ in range(most):
            due = self._agenda.take(now)
            if due is None:
                return False
            at, bot, place = due
            watch = self.watches.get(bot)
            if watch is not None and place < len(watch.due) and watch.due[place] == at:
                watch.due[place] = None
                self._judge(watch, place, now)
        return self._agenda.is_due(now)

    def next_due(self) -> float | None:
        """Return when there is something to judge, None where nothing waits."""
        return self._agenda.next_due()

    def acknowledge(self, bot: str, rule: str, state: AlertState) -> None:
        """Put another state in the place of a rule's: only what people or actions noted differs."""
        watch = self.watches.get(bot)
        if watch is None:
            return
        for place, one in enumerate(watch.rules):
            if one.name == rule:
                watch.states[place] = state

    def state_of(self, bot: str, rule: str) -> tuple[AlertRule, BotProfile, AlertState] | None:
        """Return how a rule stands for a bot, None where there is none of that name."""
        watch = self.watches.get(bot)
        if watch is None:
            return None
        return next(
            (
                (one, watch.profile, state)
                for one, state in zip(watch.rules, watch.states, strict=True)
                if one.name == rule
            ),
            None,
        )

    def _count_anew(self, watch: Watch, now: float) -> None:
        """Count silence, and what values have to last for, from now on: what was before is not known."""
        watch.started_at = now
        for place in watch.places_of(Threshold, Change, Anomaly):
            if (state := watch.states[place]).state is not State.PENDING:
                continue
            if any(slot.at > now - HEARD_WITHIN for slot in watch.slots_of[place]):
                watch.states[place] = replace(state, since=now)
                self._agenda.plan(watch, place, now)
            else:
                watch.states[place] = ended = AlertState(since=now, text="it counts anew")
                self._tell(Moved(watch.rules[place], watch.profile, state, ended, now))

    def _drop_gone(self, before: Watch, watch: Watch, now: float) -> None:
        """End the alerts of rules that are gone, and of figures that are another mode's or account's now."""
        places = {rule.name: place for place, rule in enumerate(watch.rules)}
        moved_on = trades_as(before.profile) != trades_as(watch.profile)
        for rule, state in zip(before.rules, before.states, strict=True):
            if state.state is State.OK:
                continue
            place = places.get(rule.name)
            if place is None:
                ended = AlertState(since=now, text="the rule is gone")
                self._tell(Moved(rule, watch.profile, state, ended, now))
            elif moved_on and watch.is_of_trading(place):
                watch.states[place] = ended = AlertState(
                    since=now, text="it trades in another mode or account"
                )
                self._tell(Moved(watch.rules[place], watch.profile, state, ended, now))

    def _judge_all(self, watch: Watch, places: Iterable[int], now: float) -> None:
        for place in sorted(places):
            self._judge(watch, place, now)

    def _judge(self, watch: Watch, place: int, now: float) -> None:
        """Judge one rule of a bot, and tell where that moved it."""
        self._now = now
        self.judged += 1
        rule, before = watch.rules[place], watch.states[place]
        if rule.calendar and not self._is_open(rule.calendar, now):
            found = Found(False, f"the market {rule.calendar} is closed")
        else:
            found = judge(rule.when, watch, now, before.state is not State.OK, self._of_siblings)
            if found.truth is False and _may_go_on(rule, before, watch, now):
                found = UNKNOWN
        after = watch.states[place] = moved(before, rule, found, now)
        self._agenda.plan(watch, place, now, judged=True)
        if after.state is not before.state:
            watch.note_waiting(place)
        for slot in watch.slots_of[place]:
            watch.requiet(slot)
        if after.state is not before.state:
            self._tell(Moved(rule, watch.profile, before, after, now))

    def _of_siblings(self, watch: Watch, of: Subject) -> Sequence[float]:
        return self._siblings.values(watch, of, self._now)


def _may_go_on(rule: AlertRule, before: AlertState, watch: Watch, now: float) -> bool:
    """Say whether an alert of an earlier life may fire still: what came then within its time is forgotten."""
    if before.state is not State.FIRING or before.since >= watch.known_since:
        return False
    parts = leaves(rule.when)
    spans = [one.over for one in parts if isinstance(one, Change) and not watch.remembers(one)]
    spans += [one.within for one in parts if isinstance(one, Happens | Errs)]
    return now < watch.known_since + max(spans, default=0.0)
