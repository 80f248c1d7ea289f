"""The leader takes in the launchers' reports that the intake left in the database."""

import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from controller.clock import Clock
from controller.database import Database
from controller.database.notices import Channel
from controller.database.pending_reports import drop_reports, load_reports
from controller.remote.bell import Bell, rung
from controller.remote.documents import Delivered, decode
from controller.reports import Reported
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 1.0
_AT_ONCE = 500
Record = Callable[[Sequence[Reported]], Awaitable[None]]
"""Takes reports in durably; the same one again changes nothing."""


class Receiving:
    """Hands reports on in the order in which they came; each is forgotten once it is kept elsewhere."""

    def __init__(self, record: Record, database: Database, bell: Bell, clock: Clock) -> None:
        self._record = record
        self._database = database
        self._bell = bell
        self._clock = clock

    async def run(self) -> None:
        """Receive for ever; what could not be taken in is tried again."""
        while True:
            ring = self._bell.next(Channel.REPORTS)
            try:
                while await self._take_some():
                    continue
            except HerdsmanError as error:
                _LOG.warning("launchers' reports could not be taken in: %s", error)
                await self._clock.sleep(_LOOK_EVERY)
            await rung(ring, _LOOK_EVERY)

    async def _take_some(self) -> bool:
        found = await self._database.run(lambda connection: load_reports(connection, _AT_ONCE))
        if not found:
            return False
        readable = [one for number, text in found if (one := _read(number, text)) is not None]
        await self._record_all(readable)
        numbers = [number for number, _ in found]
        await self._database.run(lambda connection: drop_reports(connection, numbers))
        return True

    async def _record_all(self, reports: Sequence[Reported]) -> None:
        """Record reports; one that cannot be for a reason nobody foresaw is left out, and costs no other."""
        try:
            await self._record(reports)
        except HerdsmanError:
            raise
        except Exception:  # noqa: BLE001 - whatever a bot made its node report, the leader goes on
            if len(reports) == 1:
                labels, report = reports[0]
                _LOG.exception("a report (%s) of %s cannot be kept and is left out", report.kind, labels.bot)
                return
            for one in reports:
                await self._record_all([one])


def _read(number: int, text: str) -> Reported | None:
    try:
        one = decode(text, Delivered)
    except msgspec.MsgspecError as error:
        _LOG.error("report %d cannot be read and is left out: %s", number, error)
        return None
    return one.labels, one.report
