"""Breaks the circle between the controller, which tells, and the publisher, which asks it back."""

from collections.abc import Callable

from controller.ports import ControllerListener, NoListener
from controller.records import RevisionRecord, RunRecord
from controller.status import BotStatus


class Relay:
    """A `ControllerListener` that hands everything on: to `target`, set once it exists, and to `others`."""

    def __init__(self) -> None:
        self.target: ControllerListener = NoListener()
        self.revisions: Callable[[RevisionRecord], None] = _nobody
        """Hears of revisions as well."""
        self.others: list[ControllerListener] = []

    @property
    def _all(self) -> tuple[ControllerListener, ...]:
        return (self.target, *self.others)

    def status_changed(self, status: BotStatus) -> None:
        """Hand it on."""
        for one in self._all:
            one.status_changed(status)

    def bot_removed(self, name: str) -> None:
        """Hand it on."""
        for one in self._all:
            one.bot_removed(name)

    def revision_changed(self, record: RevisionRecord) -> None:
        """Hand it on."""
        for one in self._all:
            one.revision_changed(record)
        self.revisions(record)

    def run_changed(self, bot: str, run: RunRecord) -> None:
        """Hand it on."""
        for one in self._all:
            one.run_changed(bot, run)


def _nobody(_record: RevisionRecord) -> None:
    """Tell nobody."""
