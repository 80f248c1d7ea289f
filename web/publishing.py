"""From what the controller and the intake tell to messages on the live channel, each encoded once.

Topics: `fleet` (rows and the header), `revisions`, `errors`, `alerts`, `trading` (figures by account) and
`bot:NAME` (samples, logs, events, runs, trading, alerts, liveness).
See web/documents/.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar

import msgspec

from controller.records import Change, RevisionRecord, RunRecord
from controller.status import BotStatus
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport
from telemetry.alert_desk import AlertDesk
from telemetry.alerts.ports import Kept
from telemetry.errors.groups import ErrorGroup
from telemetry.latest import Latest
from telemetry.live import Broadcaster
from telemetry.liveness.watch import LivenessView
from telemetry.liveness_desk import LivenessDesk
from telemetry.records import Event, Sample
from telemetry.resources_desk import ResourcesDesk
from telemetry.trading_desk import TradingDesk
from web.alert_documents import alert_document
from web.error_presentation import error_summary
from web.fleet_header import FleetHeader
from web.liveness import liveness_document, resources_document
from web.presentation import (
    deploy_words,
    event_document,
    moved_revision_document,
    run_document,
    sample_document,
)
from web.rows import Rows
from web.tails import Tails
from web.trading import figures_document, trading_document

FLEET = "fleet"
REVISIONS = "revisions"
TRADING = "trading"
ERRORS = "errors"
ALERTS = "alerts"
ERRORS_EVERY = 0.5
"""Least seconds between two tellings of one error group."""
_TOLD = 32
"""Revisions whose changes are remembered as they were told: each source may have one under way."""
HEADER_EVERY = 1.0
"""Least seconds between two sendings of the fleet's header."""
TRADING_EVERY = 1.0
"""Least seconds between two sendings of a bot's trading."""
VITALS_EVERY = 1.0
"""Least seconds between two tellings of a bot's ages and use."""
FIGURES_EVERY = 2.0
"""Least seconds between two sendings of the figures of all accounts."""
HEADER_AGAIN = 10.0
"""Seconds after which the header is sent though nothing changed: when the source was last seen moves on."""
_log = logging.getLogger("herdsman.live")
_encode = msgspec.json.Encoder().encode
P = ParamSpec("P")
T = TypeVar("T")
Lines = Callable[[str, Sequence[Event]], None]
Reports = Sequence[tuple[AllocationLabels, LauncherReport]]


def _nobody(_bot: str, _events: Sequence[Event]) -> None:
    """Tell nobody."""


def topic_of(bot: str) -> str:
    """Return the topic of one bot."""
    return f"bot:{bot}"


class Paced:
    """Calls `emit` for a key at once, then at most every so many seconds while the key goes on being touched.

    The last touch is never lost: it is emitted when its time comes. Needs a running event loop.
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._last: dict[str, float] = {}
        self._due: dict[str, asyncio.TimerHandle] = {}

    def touch(self, key: str, every: float) -> None:
        """Note that something about the key has changed."""
        if key in self._due:
            return
        loop = asyncio.get_running_loop()
        wait = self._last.get(key, -every) + every - loop.time()
        if wait <= 0:
            self._fire(key)
        else:
            self._due[key] = loop.call_later(wait, self._fire, key)

    def forget(self, key: str) -> None:
        """Emit nothing more for this key."""
        self._last.pop(key, None)
        if (timer := self._due.pop(key, None)) is not None:
            timer.cancel()

    def close(self) -> None:
        """Emit nothing more at all."""
        for key in list(self._due):
            self.forget(key)

    def _fire(self, key: str) -> None:
        self._due.pop(key, None)
        self._last[key] = asyncio.get_running_loop().time()
        self._emit(key)


class LivePublisher:
    """Hears the controller (`ControllerListener`) and the intake (`IntakeListener`), and tells who looks.

    It keeps `latest` up to date on the way, so that the API and the stream say the same. `find` returns a
    bot's status, None where it has none; `record` takes launchers' reports durably.
    """

    def __init__(
        self,
        live: Broadcaster,
        latest: Latest,
        trading: TradingDesk,
        liveness: LivenessDesk,
        resources: ResourcesDesk,
        rows: Rows,
        header: FleetHeader,
        find: Callable[[str], BotStatus | None],
        record: Callable[[Reports], Awaitable[None]],
        rows_every: float = 0.25,
        header_again: float = HEADER_AGAIN,
    ) -> None:
        self._live = live
        self._latest = latest
        self._trading = trading
        self._liveness = liveness
        self._resources = resources
        self._rows = rows
        self._header = header
        self._find = find
        self._record = record
        self._rows_every = rows_every
        self._header_again = header_again
        self._again: asyncio.TimerHandle | None = None
        self._told: dict[str, dict[str, Change]] = {}
        """The changes of the revisions that were told of last, by bot, as they were then."""
        self._revisions: dict[str, RevisionRecord] = {}
        """Those revisions, by id."""
        self.tails = Tails(live)
        self._paced = Paced(self._emit_row)
        self._paced_header = Paced(self._emit_header)
        self._paced_trading = Paced(self._emit_trading)
        self._paced_figures = Paced(self._emit_figures)
        self._paced_liveness = Paced(self._emit_liveness)
        self.alerts: AlertDesk | None = None
        """Hears what the intake tells, and tells of alerts."""
        self._errors: dict[str, ErrorGroup] = {}
        """The groups that wait to be told."""
        self.lines: Lines = _nobody
        """Hears what bots print as well: the log rules."""
        self._paced_errors = Paced(self._emit_error)
        self._mistakes: set[tuple[str, type]] = set()
        """Who failed, and how: each is logged once."""

    def status_changed(self, status: BotStatus) -> None:
        """Send a bot's row, and the header with its new counts."""
        self._paced.touch(status.name, self._rows_every)
        self._liveness.changed(status.name)
        self.header_changed()
        if self.alerts is not None:
            self.alerts.attend(status.name)

    def bot_removed(self, name: str) -> None:
        """Tell that a bot is gone, and forget what was known of it."""
        self._paced.forget(name)
        self._paced_trading.forget(name)
        self._paced_liveness.forget(name)
        self._latest.forget(name)
        self._liveness.removed(name)
        self._resources.removed(name)
        self._live.publish(FLEET, "status", _encode({"name": name, "removed": True}))
        self._live.forget(topic_of(name))
        if self.alerts is not None:
            self.alerts.attend(name)
        self.header_changed()

    def revision_changed(self, record: RevisionRecord) -> None:
        """Send the revision with those of its changes that moved, and the header that shows the newest."""
        before = self._told.pop(record.revision.key, {})
        self._told[record.revision.key] = {change.bot: change for change in record.changes}
        if len(self._told) > _TOLD:
            del self._told[next(iter(self._told))]
        self._revisions.pop(record.revision.id, None)
        self._revisions[record.revision.id] = record
        if len(self._revisions) > _TOLD:
            del self._revisions[next(iter(self._revisions))]
        moved = [change for change in record.changes if before.get(change.bot) != change]
        self._publish(REVISIONS, "revision", partial(moved_revision_document, record, moved))
        self.header_changed()

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Send a run to those who look at its bot."""
        record = self._revisions.get(run.revision)
        words = deploy_words(record, self._told.get(record.revision.key, {}).get(bot)) if record else ""
        self._publish(topic_of(bot), "run", lambda: {"bot": bot, "run": run_document(run, words)})

    def samples(self, bot: str, samples: Sequence[Sample]) -> None:
        """Send new samples, and the row that they change."""
        self._heed(self._latest.samples, bot, samples)
        self._heed(self._trading.samples, bot, samples)
        self._heed(self._liveness.samples, bot, samples)
        self._heed(self._resources.samples, bot, samples)
        self._shows_signs(bot)
        self.derived(bot, samples)
        if self.alerts is not None:
            self._heed(self.alerts.samples, bot, samples)
        self._paced.touch(bot, self._rows_every)

    def made(self, bot: str, samples: Sequence[Sample]) -> None:
        """Send samples that rules made of a bot's lines; alerts look at them as at its own."""
        if self.alerts is not None:
            self.alerts.samples(bot, samples)
        self.derived(bot, samples)

    def derived(self, bot: str, samples: Sequence[Sample]) -> None:
        """Send samples that are no word of the bot itself, and so move no row."""
        self._publish(
            topic_of(bot),
            "samples",
            lambda: {"bot": bot, "samples": [sample_document(one) for one in samples]},
        )

    def events(self, bot: str, events: Sequence[Event]) -> None:
        """Send new log lines and events, and the row that they change."""
        self._heed(self._latest.events, bot, events)
        traded = self._heed(self._trading.events, bot, events)
        self._heed(self._liveness.events, bot, events)
        self._shows_signs(bot)
        if self.alerts is not None:
            self._heed(self.alerts.events, bot, events)
        self.tails.events(events)
        topic = topic_of(bot)
        for event in events:
            self._publish(topic, "log" if event.kind == "log" else "event", partial(event_document, event))
        if traded:
            if self.alerts is not None:
                self._heed(self.alerts.traded, bot)
            self._paced_trading.touch(bot, TRADING_EVERY)
            self._paced_figures.touch(TRADING, FIGURES_EVERY)
        self._heed(self.lines, bot, events)
        self._paced.touch(bot, self._rows_every)

    def _heed(self, follow: Callable[P, T], *told: P.args, **more: P.kwargs) -> T | None:
        """Tell one who follows what bots print: its mistake keeps nothing from those that come after it."""
        try:
            return follow(*told, **more)
        except Exception as error:  # noqa: BLE001 - risk limits hear a line whatever a chart makes of it
            mistake = (getattr(follow, "__qualname__", ""), type(error))
            if mistake not in self._mistakes:
                self._mistakes.add(mistake)
                _log.exception("what a bot printed could not be followed; said once")
            return None

    def lives(self, view: LivenessView) -> None:
        """Tell of a bot that was found to live otherwise, and send its row."""
        self._publish(topic_of(view.bot), "liveness", partial(liveness_document, view))
        self._paced.touch(view.bot, self._rows_every)

    def errors(self, groups: Sequence[ErrorGroup]) -> None:
        """Tell of error groups that changed, each at most twice a second."""
        for group in groups:
            self._errors[group.id] = group
            self._paced_errors.touch(group.id, ERRORS_EVERY)
        if self.alerts is not None:
            self.alerts.errors(groups)

    def alerts_moved(self, moved: Sequence[Kept]) -> None:
        """Tell of alerts that moved, to who looks at them and at their bots."""
        for one in moved:
            document = partial(alert_document, one)
            self._publish(ALERTS, "alert", document)
            self._publish(topic_of(one.bot), "alert", document)

    async def reports(self, reports: Reports) -> None:
        """Hand launchers' reports to the controller; its errors make the agent send them again."""
        await self._record(reports)

    def header_changed(self) -> None:
        """Send the header soon: many bots that change together make one message."""
        self._paced_header.touch(FLEET, HEADER_EVERY)

    def close(self) -> None:
        """Send nothing more."""
        self._paced.close()
        self._paced_header.close()
        self._paced_trading.close()
        self._paced_figures.close()
        self._paced_errors.close()
        self._paced_liveness.close()
        if self._again is not None:
            self._again.cancel()

    def _emit_row(self, bot: str) -> None:
        status = self._find(bot)
        if status is not None:
            self._publish(FLEET, "status", partial(self._rows.of, status))

    def _shows_signs(self, bot: str) -> None:
        """Have the ages of a bot told to those who look at it."""
        if self._live.has_readers(topic_of(bot)):
            self._paced_liveness.touch(bot, VITALS_EVERY)

    def _emit_liveness(self, bot: str) -> None:
        view = self._liveness.view(bot)
        if view is not None:
            self._publish(topic_of(bot), "liveness", partial(liveness_document, view))
        use = self._resources.view(bot)
        if use is not None:
            self._publish(topic_of(bot), "resources", partial(resources_document, use))

    def _emit_trading(self, bot: str) -> None:
        self._publish(topic_of(bot), "trading", partial(trading_document, self._trading, bot))

    def _emit_figures(self, _key: str) -> None:
        self._publish(TRADING, "figures", partial(figures_document, self._trading, "account"))

    def _emit_error(self, identity: str) -> None:
        group = self._errors.pop(identity)
        self._publish(ERRORS, "error_group", lambda: error_summary(group, time.time()))

    def _emit_header(self, _key: str) -> None:
        self._publish(FLEET, "fleet", self._header.document)
        if self._again is not None:
            self._again.cancel()
        self._again = asyncio.get_running_loop().call_later(self._header_again, self.header_changed)

    def _publish(self, topic: str, event: str, document: Callable[[], Any]) -> None:
        """Publish a document, made and encoded only where somebody reads.

        Without readers it is published all the same: the channel must know that there was something to miss.
        """
        wanted = self._live.has_readers(topic)
        self._live.publish(topic, event, _encode(document()) if wanted else b"")
