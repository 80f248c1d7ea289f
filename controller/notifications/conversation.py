"""What one destination has been told, and what it is to be told next. Pure: time comes as an argument.

The reader's picture is never too good: a problem is told as soon as its group is, and only the *end* of a
problem waits where a subject flaps. What is told depends on how things are when the group is closed and on
what was told before, so that nothing is lost where herdsman ends in between.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.notifications.facts import Event, Fact, State
from schemas.alerts import AlertSettings, Mute, Route, Severity

LONGEST_WAIT = 300.0
"""Seconds that a group stays open at most, where message followed message."""
_QUICK = 3
"""Messages in a row that wait no longer than asked for; from then on each waits twice as long."""
_CALM = 600.0
"""Seconds without a message after which the next one waits no longer than asked for."""
_MOST_EVENTS = 200
"""Events that wait in one group; older ones are only counted."""
_MOST_IDS = 500
_STEADY = 6.0
"""A flapping subject's end is told once it has been well for the repeat interval divided by this."""


@dataclass(slots=True)
class Told:
    """What was told of a subject: whether it is in trouble (`open`), why, and how often since `first_at`."""

    open: bool
    reason: str
    headline: str
    first_at: float
    told_at: float
    times: int = 1
    well_since: float | None = None
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recovery:
    """A problem that was told and is over: `times` it occurred since `first_at`; `gone`: with its subject."""

    subject: str
    headline: str
    first_at: float
    times: int
    gone: bool = False
    fleet: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """All that one message tells; `flapping` are problems that came back, with how often."""

    problems: tuple[Fact, ...] = ()
    flapping: tuple[tuple[Fact, int], ...] = ()
    recovered: tuple[Recovery, ...] = ()
    events: tuple[Event, ...] = ()
    omitted: int = 0
    """Events that were too many to keep."""

    @property
    def severity(self) -> Severity:
        """Return the most severe of it."""
        facts = [*self.problems, *(fact for fact, _ in self.flapping)]
        found = [*(one.severity for one in facts), *(one.severity for one in self.events)]
        return max(found, default=Severity.INFO)

    def __bool__(self) -> bool:
        return bool(self.problems or self.flapping or self.recovered or self.events)


@dataclass(slots=True)
class Memory:
    """What of a conversation outlives a restart. `order` is the last audit entry that was told."""

    told: dict[str, Told] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    order: int = 0


class Conversation:
    """One destination's. `fact` and `event` take what happens, `due` says when `close` is to be called."""

    def __init__(self, destination: str, memory: Memory) -> None:
        self.destination = destination
        self.memory = memory
        self._touched: dict[str, None] = {}
        self._events: dict[str, Event] = {}
        self._omitted = 0
        self.order = memory.order
        """The last audit entry that was taken."""
        self._waiting_since: float | None = None
        self._again: dict[str, float] = {}
        self._streak = 0
        self._last = 0.0

    def fact(self, fact: Fact, settings: AlertSettings, now: float) -> None:
        """Take how a subject is now."""
        known = self.memory.told.get(fact.subject)
        told = known is not None and known.open
        if told or (fact.state is State.BAD and self.hears(fact, settings)):
            self._touched[fact.subject] = None
            self._wait(now)

    def gone(self, subject: str, now: float) -> None:
        """Take note that a subject is no more."""
        if subject in self.memory.told:
            self._touched[subject] = None
            self._wait(now)

    def event(self, event: Event, settings: AlertSettings, now: float) -> None:
        """Take what happened once."""
        if event.id in self.memory.events or (event.order and event.order <= self.order):
            return
        self.order = max(self.order, event.order)
        if not hears_event(self.destination, event, settings):
            return
        self._events[event.id] = event
        while len(self._events) > _MOST_EVENTS:
            del self._events[next(iter(self._events))]
            self._omitted += 1
        self._wait(now)

    def has_told(self, subject: str) -> bool:
        """Say whether a problem of a subject was told, and not its end."""
        told = self.memory.told.get(subject)
        return told is not None and told.open

    def hears(self, fact: Fact, settings: AlertSettings) -> bool:
        """Say whether a problem goes this way."""
        return any(takes(route, fact, fact.severity) for route in routes_to(self.destination, settings))

    def due(self, settings: AlertSettings, now: float) -> float | None:
        """Return when the group is to be closed, None where nothing waits. A mute puts it off."""
        moments = list(self._again.values())
        if self._waiting_since is not None:
            moments.append(self._waiting_since + self._group_wait(settings, now))
        if not moments:
            return None
        until = muted_until(self.destination, settings.mutes, max(now, min(moments)))
        return min(moments) if until is None else max(until, min(moments))

    def close(self, look: Callable[[str], Fact | None], settings: AlertSettings, now: float) -> News:
        """Return what is to be told, and take it as told.

        `look` returns how a subject is now, None where it is no more.
        """
        subjects = dict.fromkeys([*self._touched, *(name for name, at in self._again.items() if at <= now)])
        problems, flapping, recovered = [], [], []
        for subject in subjects:
            self._again.pop(subject, None)
            fact = look(subject)
            if fact is None:
                recovered += self._gone(subject)
            elif fact.state is State.BAD and self.hears(fact, settings):
                times = self._failed(fact, settings, now)
                if times == 1:
                    problems.append(fact)
                elif times:
                    flapping.append((fact, times))
            elif fact.state is State.WELL:
                recovered += self._well(fact, settings, now)
        news = News(
            tuple(problems), tuple(flapping), tuple(recovered), tuple(self._events.values()), self._omitted
        )
        self._closed(news, settings, now)
        return news

    def _failed(self, fact: Fact, settings: AlertSettings, now: float) -> int:
        """Take a problem; return 0 where it was told, else how often it has occurred lately."""
        told = self.memory.told.get(fact.subject)
        if told is not None and told.open:
            back, told.well_since = told.well_since is not None, None
            told.times += back
            if fact.reason in told.reasons:
                return 0
            told.reasons.append(fact.reason)
            told.reason, told.headline = fact.reason, fact.headline
            return 1
        if told is None or now - told.told_at >= settings.repeat:
            self.memory.told[fact.subject] = Told(
                True, fact.reason, fact.headline, fact.since or now, now, reasons=[fact.reason]
            )
            return 1
        told.open, told.told_at, told.times, told.well_since = True, now, told.times + 1, None
        told.reason, told.headline = fact.reason, fact.headline
        if fact.reason not in told.reasons:
            told.reasons.append(fact.reason)
        return told.times

    def _well(self, fact: Fact, settings: AlertSettings, now: float) -> list[Recovery]:
        told = self.memory.told.get(fact.subject)
        if told is None or not told.open:
            return []
        if told.times > 1:
            told.well_since = told.well_since or now
            steady = told.well_since + settings.repeat / _STEADY
            if now < steady:
                self._again[fact.subject] = steady
                return []
        told.open, told.well_since = False, None
        return [Recovery(fact.subject, told.headline, told.first_at, told.times, fleet=fact.fleet)]

    def _gone(self, subject: str) -> list[Recovery]:
        told = self.memory.told.pop(subject, None)
        if told is None or not told.open:
            return []
        return [Recovery(subject, told.headline, told.first_at, told.times, gone=True)]

    def _closed(self, news: News, settings: AlertSettings, now: float) -> None:
        told = self.memory.told
        for subject in [
            name for name, one in told.items() if not one.open and now - one.told_at > settings.repeat
        ]:
            del told[subject]
        self.memory.events = [*self.memory.events, *self._events][-_MOST_IDS:]
        self.memory.order = self.order
        self._touched, self._events, self._omitted, self._waiting_since = {}, {}, 0, None
        if news:
            self._streak = self._streak + 1 if now - self._last < _CALM else 1
            self._last = now

    def _wait(self, now: float) -> None:
        if self._waiting_since is None:
            self._waiting_since = now

    def _group_wait(self, settings: AlertSettings, now: float) -> float:
        streak = self._streak if now - self._last < _CALM else 0
        longer = max(settings.group_wait, 1.0) * 2.0 ** max(0, streak - _QUICK + 1)
        return settings.group_wait if streak < _QUICK else min(max(LONGEST_WAIT, settings.group_wait), longer)


def routes_to(destination: str, settings: AlertSettings) -> list[Route]:
    """Return the routes that lead to a destination; without any at all, everything leads to each."""
    if not settings.routes:
        return [Route((destination,))]
    return [route for route in settings.routes if destination in route.to]


def takes(route: Route, fact: Fact | None, severity: Severity) -> bool:
    """Say whether something of a bot (None: of the fleet) goes along a route."""
    if severity < route.severity:
        return False
    if fact is None or fact.fleet:
        return route.fleet
    program = fact.program.partition(" ")[0]
    asked = (
        (route.environments, fact.environment),
        (route.accounts, fact.account),
        (route.programs, program),
        (route.modes, fact.mode),
    )
    if any(allowed and value not in allowed for allowed, value in asked):
        return False
    return all(fact.labels.get(key) == value for key, value in route.labels.items())


def hears_event(destination: str, event: Event, settings: AlertSettings) -> bool:
    """Say whether an event goes to a destination."""
    return any(takes(route, event.about, event.severity) for route in routes_to(destination, settings))


def muted_until(destination: str, mutes: tuple[Mute, ...], now: float) -> float | None:
    """Return when a destination hears again, None where it is not muted."""
    moment, ends = now, [now]
    while ends:
        concerned = (one for one in mutes if not one.to or destination in one.to)
        ends = [end for one in concerned if (end := one.until(moment)) is not None and end > moment]
        moment = max([moment, *ends])
        if moment - now > 366 * 86400.0:
            break
    return moment if moment > now else None
