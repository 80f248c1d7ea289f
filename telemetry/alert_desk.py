"""Alerts, live: hears what the intake tells, keeps what moved, has bots stopped where a rule says so.

The engine judges at once, in memory. What moved waits for the book (a database): nobody is told of anything,
and nothing is done, that is not kept first, so that a restart neither forgets an alert nor acts twice.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from schemas.alert_rules import AlertRule
from schemas.errors import HerdsmanError
from schemas.risk import Action
from telemetry.alert_actions import Acting
from telemetry.alert_hearing import AlertHearing, Figures
from telemetry.alert_keeping import Keeping, kept_of
from telemetry.alert_past import AlertPast, Stored
from telemetry.alert_roster import AlertRoster
from telemetry.alerts.builtin import BUILT_IN, LEFT_OPEN
from telemetry.alerts.engine import Engine, Moved
from telemetry.alerts.leftovers import Leftovers, ended
from telemetry.alerts.ports import AlertBook, Hands, Kept, Muting, RiskStore, Setup, What
from telemetry.alerts.states import AlertState, Doing, State
from telemetry.alerts.watch import BotProfile
from telemetry.errors.groups import ErrorGroup
from telemetry.limits_desk import LimitsDesk
from telemetry.names import Health
from telemetry.records import Event, Sample

_log = logging.getLogger("herdsman.alerts")
LOOK_EVERY = 1.0
"""Most seconds between two looks at what is due."""
REFRESH_EVERY = 30.0
"""Seconds between two looks at who the bots are, beside those that their changes cause."""
_AT_ONCE = 200
"""Bots or rules that are looked at before others have their turn."""
_SET_BY = 2.0
"""Seconds by which the clock goes wrong before it was set."""
_LEAST = 0.05
"""Least seconds between two looks at all that moved."""
Told = Callable[[Sequence[Kept]], None]


class AlertDesk:
    """The alerts of all bots.

    `setup` says who a bot is, None where it is gone; `fleet` the fleet's rules, None while nobody knows them;
    `bots` names all. `told` hears of alerts once they are kept.
    """

    def __init__(
        self,
        book: AlertBook,
        hands: Hands,
        risks: RiskStore,
        health: Health | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
        is_open: Callable[[str, float], bool] | None = None,
        built_in: Sequence[AlertRule] = BUILT_IN,
        stored: Stored | None = None,
    ) -> None:
        self._book = book
        self._health = health or Health()
        self._wall = clock
        self._steady = steady or clock
        self._ahead = clock() - self._steady()
        """How far the wall clock is ahead of the one that nobody sets."""
        self.acting = Acting(hands, self.note, self._still, clock)
        self.engine = Engine(self._moved, is_open, fills=stored is not None)
        self.past = AlertPast(self.engine, stored, self._clock) if stored is not None else None
        self.limits = LimitsDesk(self.engine, hands, risks, self._clock, self._steady, self._try)
        self._hearing = AlertHearing(
            *(self.engine, self.limits, self._clock, self._try),
            lambda bot, mode: self.figures(bot, mode),
        )
        self._leftovers = Leftovers()
        self._roster = AlertRoster(self.engine, self.limits, self.past, self._leftovers, built_in)
        self._keeping = Keeping(book, self._health, self._tell)
        self.setup: Callable[[str], Setup | None] = lambda _bot: None
        self.fleet: Callable[[], Sequence[AlertRule] | None] = lambda: None
        self.bots: Callable[[], Iterable[str]] = lambda: ()
        self.told: Told = lambda _kept: None
        self.mutings: dict[str, Muting] = {}
        self._attend: set[str] = set()
        self.figures: Figures = lambda _bot, _mode: ()
        """Returns a bot's trading in a mode, by account and currency."""
        self._news = asyncio.Event()
        self._failed: set[str] = set()
        """The bots that something could not be judged of: said once."""
        self.ready = False
        self.complete = False
        """Whether every bot was put under its rules in this life."""

    def _clock(self) -> float:
        """Return the Unix time; where the clock was set, what is counted by it goes on as it was."""
        now = self._wall()
        step = now - self._steady() - self._ahead
        if abs(step) >= _SET_BY:
            self._ahead += step
            self.engine.clock_set(step, now)
        return now

    def attend(self, bot: str) -> None:
        """Look at who a bot is: its manifest, or whether it is to run, may be another."""
        self._attend.add(bot)
        self._news.set()

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Take new samples of a bot. Raises nothing."""
        self._hearing.samples(bot, samples)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot, which its trading has taken already. Raises nothing."""
        self._hearing.events(bot, events, self._news.set)

    def traded(self, bot: str) -> None:
        """Look soon at a bot's trading figures, where a rule is about them."""
        self._hearing.traded(bot)

    def errors(self, groups: Sequence[ErrorGroup]) -> None:
        """Take error groups that changed. Raises nothing."""
        self._hearing.errors(groups)

    def verdicts(self, bot: str, judged: Mapping[str, str]) -> None:
        """Take how herdsman judges a bot's life: words such as "hung", each with why. Raises nothing."""
        self._hearing.verdicts(bot, judged)

    def setup_of(self, bot: str) -> Setup | None:
        """Return who a bot was when it was put under its rules last, None where it never was."""
        return self._roster.setup_of(bot)

    def knows(self, bot: str) -> bool:
        """Say whether a bot is under rules now."""
        return bot in self.engine.watches

    def left(self, profile: BotProfile, rule: AlertRule, text: str) -> None:
        """Have a rule fire for a bot that is gone; it is over once the bot is back, or after a week."""
        now = self._clock()
        firing = AlertState(State.FIRING, now, text)
        kept = self._kept(Moved(rule, profile, AlertState(), firing, now), What.FIRED, text)
        self._leftovers.add(kept)
        self._put(kept)

    def muted(self, bot: str, rule: AlertRule, now: float) -> bool:
        """Say whether nobody is told of an alert now."""
        if any(mute.until(now) is not None for mute in rule.mutes):
            return True
        return any(
            one.until > now and one.bot in ("", bot) and one.rule in ("", rule.name)
            for one in self.mutings.values()
        )

    @property
    def firing(self) -> frozenset[tuple[str, str]]:
        """Return the alerts that fire now: bot and rule of each."""
        return frozenset(self._keeping.quiet)

    @property
    def rules(self) -> int:
        """Return how many rules there are, counted for each bot."""
        return sum(len(watch.rules) for watch in self.engine.watches.values())

    def standing(
        self, states: Collection[State] = frozenset(State), bot: str = "", rule: str = ""
    ) -> list[Kept]:
        """Return the rules that stand so now, by bot: also what a bot that is gone left open."""
        watches = self.engine.watches
        now, wanted = self._clock(), {bot: watches[bot]} if bot in watches else {} if bot else watches
        found = [
            self._kept(Moved(one, watch.profile, state, state, now))
            for _, watch in sorted(wanted.items())
            for one, state in zip(watch.rules, watch.states, strict=True)
            if state.state in states and rule in ("", one.name)
        ]
        return found + self._leftovers.standing(watches, states, bot, rule)

    def find(self, bot: str, rule: str) -> Kept | None:
        """Return how a rule stands for a bot, None where there is none of that name."""
        found = self.engine.state_of(bot, rule)
        if found is None:
            return self._leftovers.find(bot, rule)
        one, profile, state = found
        return self._kept(Moved(one, profile, state, state, self._clock()))

    def note(self, bot: str, rule: str, what: What, text: str, **changes: object) -> Kept | None:
        """Keep what a person or an action noted of an alert, as it stands now; None if there is no such rule.

        An alert that is over stays over: what was done by then is noted of it as it is.
        """
        found = self.engine.state_of(bot, rule)
        if found is None:
            gone = self._leftovers.note(bot, rule, what, text, changes, self._clock())
            if gone is not None:
                self._put(gone)
            return gone
        one, profile, state = found
        state = structs.replace(state, **changes)
        self.engine.acknowledge(bot, rule, state)
        kept = self._kept(Moved(one, profile, state, state, self._clock()), what, text)
        self._put(kept)
        return kept

    async def run(self) -> None:
        """Judge, keep, tell and act, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self.acting.start(group)
            self.limits.holds.start(group)
            if self.past is not None:
                group.create_task(self.past.run())
            await self._live()

    async def _live(self) -> None:
        while not self.ready:
            try:
                await self.load()
            except HerdsmanError as error:
                _log.warning("alerts cannot be read yet: %s", error)
                await asyncio.sleep(LOOK_EVERY)
            except Exception:  # noqa: BLE001 - nobody would begin this task again
                _log.exception("alerts cannot be read yet")
                self._health.count("herdsman_alert_failures_total")
                await asyncio.sleep(LOOK_EVERY)
        refresh_at = 0.0
        while True:
            more = False
            try:
                everyone = time.monotonic() >= refresh_at
                if everyone:
                    refresh_at = time.monotonic() + REFRESH_EVERY
                await self.refresh(everyone=everyone)
                await self.limits.look(whole=self.complete)
                if self.complete:
                    self.limits.holds.look()
                await self.flush()
                await self._hearing.look_at_figures()
                await self.limits.keep_due()
                more = self.engine.due(self._clock(), _AT_ONCE)
                await self.flush()
            except Exception:  # noqa: BLE001 - nobody would begin this task again
                _log.exception("a part of following alerts failed")
                self._health.count("herdsman_alert_failures_total")
                await asyncio.sleep(LOOK_EVERY)
            await asyncio.sleep(_LEAST)
            await self._wait(0.0 if more else LOOK_EVERY)

    async def load(self) -> None:
        """Learn how alerts stood in an earlier life. Raises HerdsmanError."""
        kept, mutings = await self._book.load()
        self.mutings = {one.id: one for one in mutings}
        for one in kept:
            self._leftovers.add(one)
        await self.limits.load()
        self.ready = True

    async def refresh(self, *, everyone: bool = False) -> None:
        """Put the bots under their rules that changed, or all.

        Until the fleet's rules are known, since git is away, say, bots are held to what is their own: what
        the fleet says may take the place of any built-in rule.
        """
        fleet = self.fleet()
        if fleet is None:
            await self._set_up_all(set(self.bots()) if everyone else set())
            return
        others = self.limits.take_accounts()
        if fleet is not self._roster.fleet_rules or others:
            everyone = True
            self._roster.begin_anew(fleet)
        names, self._attend = self._attend, set()
        if everyone:
            names = set(self.bots()) | set(self.engine.watches) | names
        await self._set_up_all(names)
        if everyone:
            self._end_unknown()
            self._unmute()
            self.limits.guard.settle()
            self.complete = True

    async def _set_up_all(self, names: Collection[str]) -> None:
        for count, name in enumerate(names, 1):
            self._try(name, lambda name=name: self._set_up(name))  # type: ignore[misc]
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)

    async def flush(self) -> None:
        """Keep what moved, then tell of it. What cannot be kept now waits."""
        await self._keeping.flush()

    def _tell(self, batch: Sequence[Kept]) -> None:
        for one in batch:
            self.acting.want(one)
        self.told(batch)

    def _set_up(self, bot: str) -> None:
        now = self._clock()
        before = self._roster.set_up(bot, self.setup(bot), now)
        for kept in self._earlier(bot, before):
            self.acting.want(kept, earlier=True)
        for name, state in before.items():
            if self.engine.state_of(bot, name) is None:
                self._put(ended(bot, name, state, "the rule is gone", now))
            elif state.state is State.PENDING:
                self._put(ended(bot, name, state, "herdsman began anew: so does its time", now))

    def _earlier(self, bot: str, before: Mapping[str, AlertState]) -> list[Kept]:
        """Return the alerts of an earlier life whose actions are not done yet."""
        return [
            self._kept(Moved(rule, profile, state, state, state.since))
            for name in before
            for rule, profile, state in filter(None, [self.engine.state_of(bot, name)])
            if state.action in (Doing.WANTED, Doing.FAILED)
        ]

    def _still(self, bot: str, rule: str) -> AlertState | None:
        """Return how an alert stands now, None where it fires no more."""
        found = self.engine.state_of(bot, rule)
        return found[2] if found is not None and found[2].state is State.FIRING else None

    def _end_unknown(self) -> None:
        """End the alerts of an earlier life whose bots are gone."""
        for one in self._leftovers.end(self._is_gone, self._clock()):
            self._put(one)
        self._roster.forget_past(self._is_gone)

    def _is_gone(self, bot: str) -> bool:
        return self.setup(bot) is None

    def look_at_mutes(self) -> None:
        """Look anew at which alerts that fire are muted."""
        self._unmute()

    def _unmute(self) -> None:
        """Tell again of what fires where a mute began or is over."""
        now = self._clock()
        self.mutings = {name: one for name, one in self.mutings.items() if one.until > now}
        for watch in self.engine.watches.values():
            for rule, state in zip(watch.rules, watch.states, strict=True):
                if state.state is State.FIRING:
                    bot = watch.profile.bot
                    if self.muted(bot, rule, now) is not self._keeping.quiet.get((bot, rule.name), False):
                        self._put(self._kept(Moved(rule, watch.profile, state, state, now)))
        for one in self._leftovers.mute(
            self.engine.watches, lambda bot: self.muted(bot, LEFT_OPEN, now), now
        ):
            self._put(one)

    def _moved(self, moved: Moved) -> None:
        """Take an alert that moved, from the engine."""
        what = What.FIRED if moved.fires else What.RECOVERED if moved.recovers else What.NOTHING
        if moved.fires and moved.rule.action is not Action.NOTIFY:
            wanted = structs.replace(moved.state, action=Doing.WANTED)
            self.engine.acknowledge(moved.bot.bot, moved.rule.name, wanted)
            moved = replace(moved, state=wanted)
        self._put(self._kept(moved, what, moved.state.text))

    def _put(self, kept: Kept) -> None:
        self._keeping.put(kept)
        self._news.set()

    def _kept(self, moved: Moved, what: What = What.NOTHING, text: str = "") -> Kept:
        return kept_of(moved, what, text, muted=self.muted(moved.bot.bot, moved.rule, moved.at))

    def _try(self, bot: str, work: Callable[[], None]) -> None:
        """Do something for one bot; whatever is wrong with it harms no other."""
        try:
            work()
        except Exception:  # noqa: BLE001 - a mistake here must cost no batch, no agent, no other bot
            self._health.count("herdsman_alert_failures_total")
            if bot not in self._failed:
                self._failed.add(bot)
                _log.exception("the alerts of %s could not be judged", bot)

    async def _wait(self, most: float) -> None:
        """Wait for news, or until something is due, for so many seconds at most."""
        now = self._clock()
        waits = [*self.limits.guard.waiting.values(), self.engine.next_due()]
        patience = min([most, *(max(at - now, 0.0) for at in waits if at is not None)])
        # Not `wait_for`: where news comes at the moment of a cancellation, that forgets the cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()
        self._news.clear()
