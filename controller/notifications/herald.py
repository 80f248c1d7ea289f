"""Hears what the controller tells, groups it for each destination, and leaves messages with the post."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from controller.agenda import sleep_or
from controller.clock import Clock
from controller.database import Database
from controller.database.alerts import load_alerts, load_past_after, newest_past
from controller.database.notifications import (
    load_audit_after,
    memory_text,
    newest_audit,
    open_destinations,
    save_routes,
    save_told,
)
from controller.notifications.alert_view import AlertView, read_view
from controller.notifications.conversation import Conversation, Memory, News
from controller.notifications.destinations import Destination
from controller.notifications.facts import (
    ALERT_MARK,
    PARTS,
    Event,
    Fact,
    State,
    alert_fact,
    alert_subject,
    audit_event,
    fact_of,
    part_fact,
    passed_event,
    revision_event,
)
from controller.notifications.post import Post
from controller.notifications.wording import Message, routes_text, write
from controller.records import RevisionRecord, RunRecord
from controller.status import BotStatus
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.alerts import AlertSettings
from schemas.bot import BotSpec
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 2.0
"""Seconds between two looks at what operators did and at the parts of herdsman."""
_TOGETHER = 0.1
"""Seconds between being rung and looking: a rule that holds for a thousand bots rings often."""
ROUTES_WITHIN = 60.0
"""Seconds that are waited for the routes in git; after that everything goes everywhere."""
_AUDIT = 1000
_PAST = 1000


class Told(Protocol):
    """The controller, as far as there is to tell of it."""

    async def ready(self) -> None:
        """Return once the statuses of the earlier life are loaded."""
        ...

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status."""
        ...

    def status(self, name: str) -> BotStatus:
        """Return one bot's status. Raises NotFound."""
        ...

    def spec(self, name: str) -> BotSpec | None:
        """Return what a bot should be."""
        ...

    def desired(self) -> DesiredState | None:
        """Return what git asks for, None before the first revision was read."""
        ...

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record."""
        ...

    async def find_revision(self, revision: str) -> RevisionRecord:
        """Return a revision. Raises NotFound."""
        ...

    def troubles(self) -> Mapping[str, str]:
        """Return what is wrong with each part."""
        ...


class Herald:
    """A `ControllerListener`; `run` is its life, in the process that leads.

    `started` is told first: that this herdsman works now, or leads.
    """

    def __init__(
        self,
        controller: Told,
        database: Database,
        post: Post,
        clock: Clock,
        destinations: Sequence[Destination],
        *,
        fleet: str,
        link: str,
        started: Event | None = None,
    ) -> None:
        self._controller = controller
        self._database = database
        self._post = post
        self._clock = clock
        self._destinations = destinations
        self._fleet = fleet
        self._link = link
        self._started = started
        self._conversations: list[Conversation] = []
        self._unsaved: dict[str, list[Message]] = {}
        self._parts: dict[str, Fact] = {}
        self._routes: tuple[tuple[str, str], ...] = ()
        self._settings = AlertSettings()
        self._alerts: dict[str, Fact] = {}
        self._newest_alert, self._newest_past = 0, 0
        self._fired: dict[str, tuple[int, AlertView]] = {}
        """The alerts that fired since: with their numbers in the history."""
        self._news = asyncio.Event()

    def ring(self) -> None:
        """Look soon: alerts of this process were kept."""
        self._news.set()

    def status_changed(self, status: BotStatus) -> None:
        """Take a bot's new status."""
        fact = fact_of(status, self._labels(status.name))
        now = self._clock.time()
        for conversation in self._conversations:
            conversation.fact(fact, self._settings, now)

    def bot_removed(self, name: str) -> None:
        """Take note that a bot is gone."""
        for conversation in self._conversations:
            conversation.gone(name, self._clock.time())

    def revision_changed(self, record: RevisionRecord) -> None:
        """Take a revision's new state."""
        event = revision_event(record)
        if event is not None:
            self._take_event(event)

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Leave it: a run that failed shows in the bot's status."""

    async def run(self) -> None:
        """Tell for ever, with the post beside it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._post.run())
            await self._controller.ready()
            await self._open()
            while True:
                self._news.clear()
                try:
                    await self._look()
                except Exception:  # noqa: BLE001 - what could not be told now is told at the next look
                    _LOG.exception("notifications could not be made")
                await sleep_or(self._clock, LOOK_EVERY, self._news)
                if self._news.is_set():
                    await self._clock.sleep(_TOGETHER)

    async def _open(self) -> None:
        known = [(one.name, one.service) for one in self._destinations]
        memories, newest, self._newest_past = await self._database.run(
            lambda connection: (
                open_destinations(connection, known),
                newest_audit(connection),
                newest_past(connection),
            )
        )
        current = self._controller.revision()
        seen = revision_event(current) if current else None
        for name, memory in memories.items():
            fresh = Memory(order=newest, events=[seen.id] if seen else [])
            self._conversations.append(Conversation(name, memory or fresh))
        await self._wait_for_routes()
        for status in self._controller.statuses():
            self.status_changed(status)
        await self._read_alerts()
        for conversation in self._conversations:
            for subject in list(conversation.memory.told):
                if self._fact(subject) is None:
                    conversation.gone(subject, self._clock.time())
        if self._started:
            self._take_event(self._started)
        if current:
            self.revision_changed(current)

    async def _wait_for_routes(self) -> None:
        end = self._clock.monotonic() + ROUTES_WITHIN
        while self._controller.desired() is None and self._clock.monotonic() < end:
            await self._clock.sleep(0.5)
        await self._read_routes()

    async def _look(self) -> None:
        await self._read_routes()
        self._look_at_parts()
        await self._read_audit()
        await self._read_alerts()
        now = self._clock.time()
        for conversation in self._conversations:
            due = conversation.due(self._settings, now)
            if due is not None and due <= now:
                await self._close(conversation, now)
            elif conversation.destination in self._unsaved:
                await self._save(conversation)

    async def _read_routes(self) -> None:
        desired = self._controller.desired()
        if desired is not None:
            self._settings = desired.settings.alerts
        routes = tuple((one.name, routes_text(one.name, self._settings)) for one in self._destinations)
        if routes != self._routes:
            await self._database.run(lambda connection: save_routes(connection, routes))
            self._routes = routes

    def _look_at_parts(self) -> None:
        now, troubles = self._clock.time(), self._controller.troubles()
        for part in PARTS:
            problem = troubles.get(part, "")
            before = self._parts.get(part)
            since = before.since if before and bool(before.message) == bool(problem) else now
            fact = self._parts[part] = part_fact(part, problem, since)
            if before is None or before.state is not fact.state:
                for conversation in self._conversations:
                    conversation.fact(fact, self._settings, now)

    async def _read_audit(self) -> None:
        after = min((one.order for one in self._conversations), default=0)
        entries = await self._database.run(lambda connection: load_audit_after(connection, after, _AUDIT))
        for number, entry in entries:
            event = audit_event(number, entry, self._fact(entry.subject))
            if event is not None:
                self._take_event(event)
        for conversation in self._conversations:
            if entries:
                conversation.order = max(conversation.order, entries[-1][0])

    async def _read_alerts(self) -> None:
        """Take the alerts that moved; another process may have judged them."""
        after, past = self._newest_alert, self._newest_past
        rows, happened = await self._database.run(
            lambda connection: (load_alerts(connection, after), load_past_after(connection, past, _PAST))
        )
        for entry in happened:
            self._newest_past = entry.number
            one = read_view(entry.document)
            if one is not None and one.what == "fired":
                self._fired[alert_subject(one)] = (entry.number, one)
        for row in rows:
            self._newest_alert = row.number
            alert = read_view(row.document)
            if alert is None:
                continue
            fact = alert_fact(alert, self._labels(alert.bot))
            if fact.state is State.WELL:
                self._alerts.pop(fact.subject, None)
                self._take_passed(fact.subject)
            else:
                self._alerts[fact.subject] = fact
            for conversation in self._conversations:
                conversation.fact(fact, self._settings, self._clock.time())

    def _take_passed(self, subject: str) -> None:
        """Tell of an alert that is over those whom nobody told that it fires: it did not last that long."""
        fired = self._fired.pop(subject, None)
        if fired is None:
            return
        number, alert = fired
        fact = alert_fact(alert, self._labels(alert.bot))
        for conversation in self._conversations if fact.state is State.BAD else ():
            if not conversation.has_told(subject):
                event = passed_event(number, alert, fact)
                conversation.event(event, self._settings, self._clock.time())

    def _take_event(self, event: Event) -> None:
        now = self._clock.time()
        for conversation in self._conversations:
            conversation.event(event, self._settings, now)

    async def _close(self, conversation: Conversation, now: float) -> None:
        news = conversation.close(self._fact, self._settings, now)
        messages = self._unsaved.setdefault(conversation.destination, [])
        if news:
            revisions = await self._revisions(news)
            messages.append(
                write(news, conversation.destination, self._fleet, self._link, revisions, self._clock.time())
            )
        await self._save(conversation)

    async def _save(self, conversation: Conversation) -> None:
        name, memory = conversation.destination, memory_text(conversation.memory)
        messages = list(self._unsaved.get(name, ()))
        await self._database.run(lambda connection: save_told(connection, name, memory, messages))
        del self._unsaved[name]
        self._post.ring()

    async def _revisions(self, news: News) -> dict[str, Revision]:
        """Return the revisions that the problems belong to, as far as they are known."""
        ids = {fact.revision for fact in (*news.problems, *(fact for fact, _ in news.flapping))}
        found: dict[str, Revision] = {}
        for revision in sorted(filter(None, ids)):
            try:
                found[revision] = (await self._controller.find_revision(revision)).revision
            except HerdsmanError:
                continue  # its id is told alone
        return found

    def _fact(self, subject: str) -> Fact | None:
        if subject in PARTS:
            return self._parts.get(subject) or part_fact(subject, "", self._clock.time())
        if ALERT_MARK in subject:
            return self._alerts.get(subject) or Fact(subject, State.WELL)
        try:
            return fact_of(self._controller.status(subject), self._labels(subject))
        except HerdsmanError:
            return None

    def _labels(self, bot: str) -> Mapping[str, str]:
        spec = self._controller.spec(bot)
        return spec.labels if spec else {}
