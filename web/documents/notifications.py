"""Destinations of notifications, and what was sent to try them."""

from msgspec import Struct, field


class DestinationDocument(Struct):
    """An element of `GET /api/v1/notifications`: where people are told; its address is never shown."""

    name: str
    service: str
    """The kind of its address, such as slack."""
    routes: str
    """What it hears of, in words."""
    sent_at: float | None
    """When a message arrived last; Unix seconds."""
    failures: int
    """Failed tries in a row."""
    error: str
    """Why the last one failed, "" where it arrived."""
    waiting: int
    dropped: int
    """Messages that were too many to keep, ever."""


class NotifyTestRequest(Struct):
    """The body of `POST /api/v1/notifications/test`."""

    names: list[str] = field(default_factory=list)
    """Destinations; none for all."""


class SentDocument(Struct):
    """A message and what has become of it: `state` is waiting, sent or failed."""

    id: str
    destination: str
    state: str
    attempts: int
    error: str
