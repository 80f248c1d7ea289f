"""What operators ask for: roll back, unpin, try again; recorded with who, why and when."""

import asyncio
import logging
from collections.abc import Callable

from sqlalchemy import Connection

from controller.agenda import sleep_or
from controller.clock import Clock
from controller.consent import NO_CONSENT, Consent, consent_to
from controller.database import Database
from controller.database.audit import add_audit
from controller.database.deployments import load_deployments
from controller.database.revisions import find_revision
from controller.database.rollbacks import drop_pin, drop_refusals, save_pin
from controller.fleet import Fleet
from controller.passes import Pass
from controller.ports import DesiredStates
from controller.records import AuditEntry, RevisionRecord
from controller.rollback.choosing import check_applied, check_major, last_good, spec_at
from controller.rollback.holding import whole_hold
from controller.rollback.records import Deployment, Pin, WentBack, fleet_subject
from controller.status import Hold
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import NotFound, UsageError

_LOG = logging.getLogger(__name__)
_RETRY = 5.0
RequestPass = Callable[[Consent], Pass]
"""Asks for a pass that looks at no source, with what was agreed to."""


class Rollbacks:
    """Carries out operators' requests; each returns once a pass has planned what follows from it.

    Raises NotFound, UsageError, SourceUnavailable where a revision cannot be read any more.
    """

    def __init__(
        self,
        fleet: Fleet,
        states: DesiredStates,
        database: Database,
        clock: Clock,
        request_pass: RequestPass,
    ) -> None:
        self._fleet = fleet
        self._states = states
        self._database = database
        self._clock = clock
        self._request_pass = request_pass
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """End pins at their time, for ever."""
        while True:
            self._changed.clear()
            ending = [pin for pin in self._fleet.asked_overlays.pins.values() if pin.until is not None]
            if not ending:
                await self._changed.wait()
                continue
            first = min(ending, key=lambda pin: pin.until or 0.0)
            left = (first.until or 0.0) - self._clock.time()
            if left > 0:
                await sleep_or(self._clock, left, self._changed)
            else:
                await self._expire(first)

    async def _expire(self, pin: Pin) -> None:
        try:
            await self._unpin(pin, "herdsman", "the pin's time is over", "")
        except Exception as error:  # noqa: BLE001 - it is tried again soon
            _LOG.error("the pin of %s could not be ended: %s", pin.subject, error)
            await self._clock.sleep(_RETRY)

    async def roll_back(
        self,
        name: str,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold a bot at what it was at a revision, by default the last one that it was well at."""
        self._must_act(until)
        past = await self.deployments(name)
        entry = self._fleet.inventory.get(name)
        if entry is None and not past and not to:
            raise NotFound(f"there is no bot {name} in this fleet")
        if to:
            revision, spec = await self._at(name, to, past)
        else:
            found = last_good(name, past, entry.digest if entry else "")
            revision, spec = found.revision, found.spec
        check_major([spec], self._fleet.inventory, allowed=allow_major)
        pin = Pin(name, revision, by, reason, self._clock.time(), until, {name: spec})
        return await self._pin(pin, token, confirm_prune=False)

    async def roll_back_all(
        self,
        to: str,
        by: str,
        reason: str,
        until: float | None = None,
        *,
        allow_major: bool = False,
        confirm_prune: bool = False,
        token: str = "",
    ) -> WentBack:
        """Hold all bots (of the revision's source) at what they were at a revision; see `Plan.held`."""
        self._must_act(until)
        record = await self._find(to)
        state = await self._rebuild(record)
        if not state.complete or not state.bots:
            raise UsageError(f"{record.revision.short} cannot be read whole any more, so nothing was changed")
        check_major(state.bots.values(), self._fleet.inventory, allowed=allow_major)
        pin = Pin(
            fleet_subject(record.revision.origin),
            record.revision,
            by,
            reason,
            self._clock.time(),
            until,
            state.bots,
            state.failed_paths,
            state.failed_bots,
        )
        return await self._pin(pin, token, confirm_prune=confirm_prune)

    async def unpin(
        self, subject: str, by: str, reason: str, *, confirm_prune: bool = False, token: str = ""
    ) -> WentBack:
        """End a pin: of a bot, or of all bots of a source (`fleet_subject`)."""
        pin = self._fleet.asked_overlays.pins.get(subject)
        if pin is None:
            raise UsageError(self._not_pinned(subject))
        return await self._unpin(pin, by, reason, token, confirm_prune=confirm_prune)

    async def retry(self, name: str, by: str, reason: str, *, token: str = "") -> None:
        """Apply once more what git asks of a bot though it did not get healthy before."""
        if name not in self._fleet.asked_overlays.refusals:
            if name not in self._fleet.names():
                raise NotFound(f"there is no bot {name} in this fleet")
            raise UsageError(f"nothing of {name} was taken back: what git asks for is applied anyway")
        entry = AuditEntry(self._clock.time(), by, "retry", name, reason, token)

        def write(connection: Connection) -> None:
            drop_refusals(connection, name)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.asked_overlays = self._fleet.asked_overlays.without_refusals(name)
        await self._request_pass(NO_CONSENT).planned()

    def fleet_holds(self) -> list[Hold]:
        """Return what holds all bots, of each source that is held."""
        overlays, desired = self._fleet.overlays, self._fleet.desired
        return [whole_hold(pin, desired) for pin in overlays.wholes]

    async def deployments(self, name: str) -> list[Deployment]:
        """Return what was applied to a bot, the newest first."""
        return await self._database.run(lambda connection: load_deployments(connection, name))

    async def _pin(self, pin: Pin, token: str, *, confirm_prune: bool) -> WentBack:
        details = {"to": pin.revision.id, "until": pin.until}
        subject = "fleet" if pin.whole else pin.subject
        entry = AuditEntry(pin.since, pin.by, "rollback", subject, pin.reason, token, details)

        def write(connection: Connection) -> None:
            save_pin(connection, pin)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.asked_overlays = self._fleet.asked_overlays.with_pin(pin)
        self._changed.set()
        consent = consent_to(pin.revision.id) if confirm_prune else NO_CONSENT
        plan = await self._request_pass(consent).planned()
        return WentBack(pin.revision.id, sum(not one.held for one in plan.actions), plan.held)

    async def _unpin(
        self, pin: Pin, by: str, reason: str, token: str, *, confirm_prune: bool = False
    ) -> WentBack:
        subject = "fleet" if pin.whole else pin.subject
        entry = AuditEntry(self._clock.time(), by, "unpin", subject, reason, token)

        def write(connection: Connection) -> None:
            drop_pin(connection, pin.subject)
            add_audit(connection, entry)

        await self._database.run(write)
        self._fleet.asked_overlays = self._fleet.asked_overlays.without_pin(pin.subject)
        self._changed.set()
        consent = self._to_newest(pin) if confirm_prune else NO_CONSENT
        plan = await self._request_pass(consent).planned()
        return WentBack(plan.revision.id, sum(not one.held for one in plan.actions), plan.held)

    def _to_newest(self, pin: Pin) -> Consent:
        """Return the word about whatever git's newest revision, as it is now, removes without a pin."""
        desired = self._fleet.desired
        part = desired.of_source(pin.revision.origin) if desired is not None else None
        return consent_to(part.revision.id) if part is not None else NO_CONSENT

    async def _at(self, name: str, to: str, past: list[Deployment]) -> tuple[Revision, BotSpec]:
        """Return what a bot was at a revision: as it was applied, else as git still has it."""
        record = await self._find(to)
        for one in past:
            if one.revision.key == record.revision.key:
                return record.revision, one.spec
        return record.revision, spec_at(name, await self._rebuild(record))

    async def _find(self, to: str) -> RevisionRecord:
        found = await self._database.run(lambda connection: find_revision(connection, to))
        if found is None:
            raise NotFound(f"revision {to} has never been seen here")
        check_applied(found)
        return found

    async def _rebuild(self, record: RevisionRecord) -> DesiredState:
        return await self._states.rebuild(record.revision, self._fleet.desired)

    def _not_pinned(self, subject: str) -> str:
        if Pin(subject, Revision(""), "", "", 0.0).whole:
            return "the fleet is not pinned"
        whole = self._fleet.asked_overlays.wholes
        also = ": all bots are, which `herdsman unpin --fleet` ends" if whole else ""
        return f"{subject} is not pinned{also}"

    def _must_act(self, until: float | None) -> None:
        if self._fleet.recovery:
            raise UsageError(self._fleet.recovery)
        if until is not None and until <= self._clock.time():
            raise UsageError("a pin must end in the future")
