"""The header of every page: the fleet in one line, kept up to date on the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.records import KillProgress, RevisionRecord, Suspension
from controller.remote.rollbacks import Rolling
from controller.status import BotStatus
from web.documents.revisions import FleetDocument
from web.presentation import counts, hold_document, kill_document, revision_document, suspension_document

_SURVIVORS = 5
"""Bots that a header names which a kill switch has not seen dead yet."""


class KnowsFleet(Protocol):
    """The part of the controller that the header shows."""

    @property
    def fleet_id(self) -> str:
        """Return the fleet's id."""
        ...

    @property
    def environments(self) -> tuple[str, ...]:
        """Return the environments that this service runs the bots of; none where it runs all."""
        ...

    @property
    def synced_at(self) -> float | None:
        """Return when the source was last seen, in Unix seconds."""
        ...

    def revision(self) -> RevisionRecord | None:
        """Return the newest revision's record."""
        ...

    def statuses(self) -> list[BotStatus]:
        """Return every bot's status."""
        ...

    def problems(self) -> list[str]:
        """Return what keeps the controller from doing its work, in words."""
        ...

    @property
    def rollbacks(self) -> Rolling:
        """Return what holds bots at other revisions than git's newest."""
        ...

    def kills(self) -> list[KillProgress]:
        """Return how far each kill switch that is on has come."""
        ...

    def suspensions(self) -> list[Suspension]:
        """Return everything that keeps bots from running, kill switches first."""
        ...


@dataclass(frozen=True, slots=True)
class FleetHeader:
    """What the header is made of; `troubles` returns what else is wrong with herdsman, in words."""

    controller: KnowsFleet
    scheduler: str
    version: str
    clock: Callable[[], float]
    troubles: Callable[[], Sequence[str]] = tuple

    def document(self) -> FleetDocument:
        """Return the header as of now."""
        revision = self.controller.revision()
        return FleetDocument(
            fleet=self.controller.fleet_id,
            revision=revision_document(revision) if revision else None,
            synced_at=self.controller.synced_at,
            counts=dict(counts(self.controller.statuses())),
            scheduler=self.scheduler,
            version=self.version,
            time=self.clock(),
            problems=[*self.controller.problems(), *self.troubles()],
            held=[found for one in self.controller.rollbacks.fleet_holds() if (found := hold_document(one))],
            kills=[kill_document(one, _SURVIVORS) for one in self.controller.kills()],
            suspensions=[
                suspension_document(one)
                for one in self.controller.suspensions()
                if one.scope and not one.kill
            ],
            environments=list(self.controller.environments),
        )
