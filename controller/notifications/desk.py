"""What the web asks about notifications, in whichever process: it meets the leader in the database."""

import secrets
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from controller.clock import Clock
from controller.database import Database
from controller.database.notifications import Delivery, Fate, add_message, load_deliveries, load_fate
from controller.notifications.wording import Message, harmless
from schemas.alerts import Severity
from schemas.errors import NotFound, UsageError


class NotificationDesk:
    """Lists destinations and tests them; `ring` wakes the post where it is in this process."""

    def __init__(
        self, database: Database, clock: Clock, fleet: str, ring: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._clock = clock
        self._fleet = fleet
        self._ring = ring

    async def destinations(self) -> list[Delivery]:
        """Return how each destination is, by name; empty where the service has no --notify-file."""
        return await self._database.run(load_deliveries)

    async def test(self, names: Sequence[str], by: str) -> list[Fate]:
        """Put a test message on its way to each name (all, where there is none). Raises NotFound."""
        known = [one.name for one in await self.destinations()]
        if not known:
            raise UsageError(
                "this service knows no destination: start it with --notify-file FILE (docs/notifications.md)"
            )
        for name in names:
            if name not in known:
                raise NotFound(f"there is no destination {name}; there are: {', '.join(known)}")
        now = self._clock.time()
        messages = [self._test(name, by, now) for name in names or known]

        def put(connection: Connection) -> None:
            for message in messages:
                add_message(connection, message)

        await self._database.run(put)
        self._ring()
        return [Fate(one.id, one.destination, "waiting", 0, "") for one in messages]

    async def fate(self, message: str) -> Fate:
        """Return what has become of a message. Raises NotFound."""
        found = await self._database.run(lambda connection: load_fate(connection, message))
        if found is None:
            raise NotFound(f"there is no message {message}: it may have been sent more than an hour ago")
        return found

    def _test(self, name: str, by: str, now: float) -> Message:
        mark = secrets.token_hex(8)
        body = (
            f"A test asked for by {harmless(by, 60)}: notifications of this fleet arrive here.\n\nid {mark}"
        )
        title = f"[{self._fleet}] test of {name}"
        return Message(mark, name, title, body, Severity.INFO, now, urgent=True)
