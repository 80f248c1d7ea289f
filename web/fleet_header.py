"""The header of every page: the fleet in one line, kept up to date on the stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.records import RevisionRecord
from controller.status import BotStatus
from web.documents import FleetDocument
from web.presentation import counts, revision_document


@dataclass(slots=True)
class FleetHeader:
    """What the header is made of; the publisher moves `revision` and `synced_at` on.

    `problems` returns what is wrong with herdsman itself, in words.
    """

    fleet: str
    scheduler: str
    version: str
    statuses: Callable[[], Sequence[BotStatus]]
    problems: Callable[[], Sequence[str]]
    clock: Callable[[], float]
    revision: RevisionRecord | None = None
    synced_at: float | None = None

    def document(self) -> FleetDocument:
        """Return the header as of now."""
        return FleetDocument(
            fleet=self.fleet,
            revision=revision_document(self.revision) if self.revision else None,
            synced_at=self.synced_at,
            counts=dict(counts(self.statuses())),
            scheduler=self.scheduler,
            version=self.version,
            time=self.clock(),
            problems=list(self.problems()),
        )
