"""Destinations of notifications, as far as the web asks about them."""

from collections.abc import Sequence
from typing import Protocol

from controller.database.notifications import Delivery, Fate
from schemas.errors import NotFound, UsageError


class NotificationDesk(Protocol):
    """What the routes need; `controller.notifications.desk.NotificationDesk` fulfils it."""

    async def destinations(self) -> list[Delivery]:
        """Return how each destination is, by name."""
        ...

    async def test(self, names: Sequence[str], by: str) -> list[Fate]:
        """Put a test message on its way to each name, to all without any. Raises NotFound, UsageError."""
        ...

    async def fate(self, message: str) -> Fate:
        """Return what has become of a message. Raises NotFound."""
        ...


class NoNotifications:
    """A service without any."""

    async def destinations(self) -> list[Delivery]:
        """Return none."""
        return []

    async def test(self, names: Sequence[str], by: str) -> list[Fate]:
        """Refuse it."""
        del names, by
        raise UsageError("this service sends no notifications")

    async def fate(self, message: str) -> Fate:
        """Know of none."""
        raise NotFound(f"there is no message {message}")
