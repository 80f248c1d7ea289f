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
from telemetry.alert_past import AlertPast, Stored
from telemetry.alerts.builtin import BUILT_IN, LEFT_OPEN
from telemetry.alerts.engine import HEARD_WITHIN, Engine, Moved
from telemetry.alerts.figures import figures_of, labels_of
from telemetry.alerts.ports import AlertBook, Hands, Kept, Muting, RiskStore, Setup, What
from telemetry.alerts.states import AlertState, Doing, State
from telemetry.alerts.watch import BotProfile, rules_of
from telemetry.errors.groups import ErrorGroup
from telemetry.limits_desk import LimitsDesk
from telemetry.names import RESOURCES, Health
from telemetry.records import Event, Sample
from telemetry.trading.views import AccountView

_log = logging.getLogger("herdsman.alerts")
LOOK_EVERY = 1.0
"""Most seconds between two looks at what is due."""
REFRESH_EVERY = 30.0
"""Seconds between two looks at who the bots are, beside those that their changes cause."""
_LEFT_FOR = 7 * 86400.0
"""Seconds for which it is told what a bot that is gone left open."""
_AT_ONCE = 200
"""Bots or rules that are looked at before others have their turn."""
_FIGURES_AT_ONCE = 20
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
        self._built_in = tuple(built_in)
        self.acting = Acting(hands, self.note, self._still, clock)
        self.engine = Engine(self._moved, is_open, fills=stored is not None)
        self.past = AlertPast(self.engine, stored, self._clock) if stored is not None else None
        self.limits = LimitsDesk(self.engine, hands, risks, self._clock, self._steady, self._try)
        self.setup: Callable[[str], Setup | None] = lambda _bot: None
        self.fleet: Callable[[], Sequence[AlertRule] | None] = lambda: None
        self.bots: Callable[[], Iterable[str]] = lambda: ()
        self.told: Told = lambda _kept: None
        self.mutings: dict[str, Muting] = {}
        self._setups: dict[str, tuple[Setup, Sequence[AlertRule] | None]] = {}
        self._known: dict[str, dict[str, Kept]] = {}
        """What an earlier life kept, of bots that were not set up in this one."""
        self._fleet_rules: Sequence[AlertRule] | None = None
        self._attend: set[str] = set()
        self._traded: set[str] = set()
        """The bots whose figures moved since they were looked at."""
        self.figures: Callable[[str, str], Iterable[AccountView]] = lambda _bot, _mode: ()
        """Returns a bot's trading in a mode, by account and currency."""
        self._waiting: list[Kept] = []
        """What moved and is not kept yet."""
        self._news = asyncio.Event()
        self._quiet: dict[tuple[str, str], bool] = {}
        """Whether each alert that fires was muted when it was kept last."""
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
        if bot in self.engine.watches:
            self._try(bot, lambda: self._take_samples(bot, samples))

    def _take_samples(self, bot: str, samples: Sequence[Sample]) -> None:
        now = self._clock()
        if samples and samples[0].name in RESOURCES and samples[0].value:
            self.engine.heard(bot, samples[0].time, now)
        self.engine.samples(bot, samples, now)

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Take new events of a bot, which its trading has taken already. Raises nothing."""
        if bot in self.engine.watches:
            self._try(bot, lambda: self.engine.events(bot, events, self._clock()))
        if bot in self.limits.guard.bots:
            self._try(bot, lambda: self._limit_events(bot, events))

    def _limit_events(self, bot: str, events: Sequence[Event]) -> None:
        if self.limits.events(bot, events):
            self._news.set()

    def traded(self, bot: str) -> None:
        """Look soon at a bot's trading figures, where a rule is about them."""
        watch = self.engine.watches.get(bot)
        if watch is not None and watch.figures:
            self._traded.add(bot)

    def errors(self, groups: Sequence[ErrorGroup]) -> None:
        """Take error groups that changed. Raises nothing."""
        for group in groups:
            if group.bot in self.engine.watches and group.resolution is None:
                self._try(group.bot, lambda group=group: self._error(group))  # type: ignore[misc]

    def verdicts(self, bot: str, judged: Mapping[str, str]) -> None:
        """Take how herdsman judges a bot's life: words such as "hung", each with why. Raises nothing."""
        self._try(bot, lambda: self._take_verdicts(bot, judged))

    def _take_verdicts(self, bot: str, judged: Mapping[str, str]) -> None:
        now = self._clock()
        watch = self.engine.watches.get(bot)
        lives = watch is not None and watch.heard_at > now - HEARD_WITHIN
        idle = self.limits.guard.idle(bot, now, lives=lives)
        self.engine.verdicts(bot, {**judged, "unguarded": idle} if idle else judged, now)

    def setup_of(self, bot: str) -> Setup | None:
        """Return who a bot was when it was put under its rules last, None where it never was."""
        known = self._setups.get(bot)
        return known[0] if known is not None else None

    def knows(self, bot: str) -> bool:
        """Say whether a bot is under rules now."""
        return bot in self.engine.watches

    def left(self, profile: BotProfile, rule: AlertRule, text: str) -> None:
        """Have a rule fire for a bot that is gone; it is over once the bot is back, or after a week."""
        now = self._clock()
        firing = AlertState(State.FIRING, now, text)
        kept = self._kept(Moved(rule, profile, AlertState(), firing, now), What.FIRED, text)
        self._known.setdefault(profile.bot, {})[rule.name] = kept
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
        return frozenset(self._quiet)

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
        gone = [one for name, known in self._known.items() if name not in watches for one in known.values()]
        return found + [
            one
            for one in gone
            if one.state.state in states and bot in ("", one.bot) and rule in ("", one.rule)
        ]

    def find(self, bot: str, rule: str) -> Kept | None:
        """Return how a rule stands for a bot, None where there is none of that name."""
        found = self.engine.state_of(bot, rule)
        if found is None:
            return self._known.get(bot, {}).get(rule)
        one, profile, state = found
        return self._kept(Moved(one, profile, state, state, self._clock()))

    def note(self, bot: str, rule: str, what: What, text: str, **changes: object) -> Kept | None:
        """Keep what a person or an action noted of an alert, as it stands now; None if there is no such rule.

        An alert that is over stays over: what was done by then is noted of it as it is.
        """
        found = self.engine.state_of(bot, rule)
        if found is None:
            return self._note_of_gone(bot, rule, what, text, changes)
        one, profile, state = found
        state = structs.replace(state, **changes)
        self.engine.acknowledge(bot, rule, state)
        kept = self._kept(Moved(one, profile, state, state, self._clock()), what, text)
        self._put(kept)
        return kept

    def _note_of_gone(
        self, bot: str, rule: str, what: What, text: str, changes: Mapping[str, object]
    ) -> Kept | None:
        known = self._known.get(bot, {}).get(rule)
        if known is None:
            return None
        state = structs.replace(known.state, **changes)
        kept = structs.replace(known, state=state, at=self._clock(), what=what, text=text)
        self._known[bot][rule] = kept
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
                await self.limits.look()
                if self.complete:
                    self.limits.holds.look()
                await self.flush()
                await self._look_at_figures()
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
            self._known.setdefault(one.bot, {})[one.rule] = one
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
        if fleet is not self._fleet_rules or others:
            self._fleet_rules, everyone = fleet, True
            self._setups.clear()
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
        while self._waiting:
            batch = self._waiting[:_AT_ONCE]
            keeping = asyncio.ensure_future(self._book.keep(newest_of(batch)))
            try:
                await asyncio.shield(keeping)
            except asyncio.CancelledError:
                await asyncio.wait({keeping})  # it is kept all the same, and must not be once more
                if keeping.exception() is None:
                    del self._waiting[: len(batch)]
                raise
            except HerdsmanError as error:
                _log.warning("alerts cannot be kept yet: %s", error)
                self._health.count("herdsman_store_errors_total", store="alerts")
                await asyncio.sleep(LOOK_EVERY)
                return
            del self._waiting[: len(batch)]
            for one in batch:
                self.acting.want(one)
            self.told(batch)

    async def _look_at_figures(self) -> None:
        bots, self._traded = self._traded, set()
        for count, bot in enumerate(bots, 1):
            self._try(bot, lambda bot=bot: self._judge_figures(bot))  # type: ignore[misc]
            if count % _FIGURES_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _judge_figures(self, bot: str) -> None:
        watch = self.engine.watches.get(bot)
        if watch is not None:
            views = self.figures(bot, watch.profile.mode)
            found = [(labels_of(view), figures_of(view)) for view in views]
            self.engine.figures(bot, found, self._clock())

    def _set_up(self, bot: str) -> None:
        now, found = self._clock(), self.setup(bot)
        known = self._setups.get(bot)
        if found is None:
            self._setups.pop(bot, None)
            self.engine.forget(bot, now)
            self.limits.forget(bot)
            if self.past is not None and known is not None:
                self.past.forget(bot)
            return
        if known is not None and known[0] is found and known[1] is self._fleet_rules:
            self.limits.arm(bot)
            return
        whole = self._fleet_rules is not None
        if not whole and not found.profile.risk and not found.rules:
            return  # what was kept of it waits until all of its rules are known
        limits = self.limits.rules(found.profile)
        built_in = self._built_in if whole else ()
        rules = rules_of(found.profile, built_in, self._fleet_rules or (), found.rules, limits)
        before = self._take_known(bot, None if whole else {rule.name for rule in rules})
        self.limits.set_bot(found.profile, before, whole=whole)
        self.engine.set_bot(found.profile, rules, now, before)
        if self.past is not None:
            self.past.want(found.profile)
        self.limits.release(bot, now)
        self.limits.arm(bot)
        self._setups[bot] = (found, self._fleet_rules)
        for kept in self._earlier(bot, before):
            self.acting.want(kept, earlier=True)
        for name, state in before.items():
            if name not in {rule.name for rule in rules}:
                self._put(_ended(bot, name, state, "the rule is gone", now))
            elif state.state is State.PENDING:
                self._put(_ended(bot, name, state, "herdsman began anew: so does its time", now))

    def _take_known(self, bot: str, names: Collection[str] | None) -> dict[str, AlertState]:
        """Take what an earlier life kept of a bot's rules, or of these alone."""
        known = self._known.pop(bot, {})
        if names is not None and (rest := {name: one for name, one in known.items() if name not in names}):
            self._known[bot] = rest
        return {name: one.state for name, one in known.items() if names is None or name in names}

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
        now = self._clock()
        for bot in [bot for bot in self._known if bot and self.setup(bot) is None]:
            known = self._known.pop(bot)
            for name, one in known.items():
                if name == LEFT_OPEN.name and now < one.state.since + _LEFT_FOR:
                    self._known.setdefault(bot, {})[name] = one
                else:
                    self._put(_ended(bot, name, one.state, "the bot is gone", now))
        for bot in self.past.known if self.past is not None else ():
            if self.past is not None and bot not in self._setups and self.setup(bot) is None:
                self.past.forget(bot)

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
                    if self.muted(bot, rule, now) is not self._quiet.get((bot, rule.name), False):
                        self._put(self._kept(Moved(rule, watch.profile, state, state, now)))
        for bot, known in self._known.items():
            left = known.get(LEFT_OPEN.name) if bot not in self.engine.watches else None
            if left is not None and self.muted(bot, LEFT_OPEN, now) is not left.muted:
                known[left.rule] = structs.replace(
                    left, muted=not left.muted, at=now, what=What.NOTHING, text=""
                )
                self._put(known[left.rule])

    def _error(self, group: ErrorGroup) -> None:
        now = self._clock()
        at, what = group.first_seen, "new"
        if group.regressed_at is not None:
            at, what = group.regressed_at, "regressed"
        text = f"{group.type}: {group.message}"[:300]
        self.engine.error(group.bot, group.id, at, what, text, now)

    def _moved(self, moved: Moved) -> None:
        """Take an alert that moved, from the engine."""
        what = What.FIRED if moved.fires else What.RECOVERED if moved.recovers else What.NOTHING
        if moved.fires and moved.rule.action is not Action.NOTIFY:
            wanted = structs.replace(moved.state, action=Doing.WANTED)
            self.engine.acknowledge(moved.bot.bot, moved.rule.name, wanted)
            moved = replace(moved, state=wanted)
        self._put(self._kept(moved, what, moved.state.text))

    def _put(self, kept: Kept) -> None:
        if kept.state.state is State.FIRING:
            self._quiet[kept.bot, kept.rule] = kept.muted
        else:
            self._quiet.pop((kept.bot, kept.rule), None)
        self._waiting.append(kept)
        self._news.set()

    def _kept(self, moved: Moved, what: What = What.NOTHING, text: str = "") -> Kept:
        rule, bot = moved.rule, moved.bot
        return Kept(
            bot.bot,
            rule.name,
            rule.severity.word,
            moved.state,
            moved.at,
            what,
            text,
            rule.message,
            bot.program,
            bot.account,
            bot.environment,
            bot.mode,
            self.muted(bot.bot, rule, moved.at),
            rule.action.value if rule.action is not Action.NOTIFY else "",
            rule.stop_for if rule.action is Action.STOP else None,
            rule.risk,
            rule.built_in,
        )

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


def newest_of(batch: Sequence[Kept]) -> list[Kept]:
    """Return what there is to keep: of one alert all that its history tells, else how it is now."""
    last = {(one.bot, one.rule): place for place, one in enumerate(batch)}
    return [one for place, one in enumerate(batch) if one.what or last[one.bot, one.rule] == place]


def _ended(bot: str, rule: str, state: AlertState, why: str, now: float) -> Kept:
    what = What.RECOVERED if state.state is State.FIRING else What.NOTHING
    return Kept(bot, rule, "info", AlertState(since=now, text=why), now, what, why)
