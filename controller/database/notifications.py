"""Destinations of notifications, what each was told, and the messages on their way.

A message and the memory that it was told are written in one transaction: neither is ever there alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from controller.database.tables import audit, notification_destinations, notification_queue
from controller.notifications.conversation import Memory
from controller.notifications.wording import Message
from controller.records import AuditEntry

MOST_WAITING = 100
"""Messages that may wait for one destination."""
_KEPT = 3600.0
"""Seconds that a message that is done with is kept, for whoever asks what became of it."""
_memory = msgspec.json.Decoder(Memory)
_queue, _destinations = notification_queue.c, notification_destinations.c


@dataclass(frozen=True, slots=True)
class Waiting:
    """The next message of a destination, and how often it was tried."""

    message: Message
    attempts: int
    next_at: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a destination is: `routes` in words, `failures` in a row, `dropped` messages ever."""

    name: str
    service: str
    routes: str
    sent_at: float | None
    failures: int
    error: str
    dropped: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a message: waiting, sent or failed."""

    id: str
    destination: str
    state: str
    attempts: int
    error: str


def open_destinations(connection: Connection, known: Sequence[tuple[str, str]]) -> dict[str, Memory | None]:
    """Keep these (name, service) and no others; return what each was told, None for one that is new."""
    names = [name for name, _ in known]
    connection.execute(delete(notification_destinations).where(_destinations.name.not_in(names)))
    connection.execute(delete(notification_queue).where(_queue.destination.not_in(names)))
    rows = {row.name: row for row in connection.execute(select(notification_destinations))}
    for name, service in known:
        if name in rows:
            here = _destinations.name == name
            connection.execute(update(notification_destinations).where(here).values(service=service))
        else:
            fresh = {"name": name, "service": service, "routes": "", "memory": "", "failures": 0}
            connection.execute(insert(notification_destinations).values(fresh | {"error": "", "dropped": 0}))
    return {
        name: _memory.decode(rows[name].memory) if name in rows and rows[name].memory else None
        for name in names
    }


def save_told(connection: Connection, destination: str, memory: str, messages: Sequence[Message]) -> None:
    """Keep what a destination has been told (see `memory_text`), and the messages that tell it."""
    here = _destinations.name == destination
    connection.execute(update(notification_destinations).where(here).values(memory=memory))
    for message in messages:
        add_message(connection, message)


def memory_text(memory: Memory) -> str:
    """Return a memory as it is kept."""
    return msgspec.json.encode(memory).decode()


def save_routes(connection: Connection, routes: Iterable[tuple[str, str]]) -> None:
    """Keep what each destination hears of, in words."""
    for name, text in routes:
        here = _destinations.name == name
        connection.execute(update(notification_destinations).where(here).values(routes=text))


def add_message(connection: Connection, message: Message) -> None:
    """Put a message last; one that is there already stays as it is."""
    if connection.execute(select(_queue.number).where(_queue.id == message.id)).first() is not None:
        return
    row = {"id": message.id, "destination": message.destination, "title": message.title}
    row |= {"body": message.body, "severity": message.severity, "subjects": message.subjects}  # type: ignore[dict-item]
    row |= {"urgent": message.urgent, "created_at": message.at, "next_at": message.at}  # type: ignore[dict-item]
    connection.execute(insert(notification_queue).values(row | {"attempts": 0, "error": ""}))
    _drop_oldest(connection, message)


def _drop_oldest(connection: Connection, newest: Message) -> None:
    """Where too many wait, replace the older half by one message that counts them."""
    waiting = (_queue.destination == newest.destination) & _queue.ended_at.is_(None) & ~_queue.urgent
    rows = connection.execute(
        select(_queue.number, _queue.subjects, _queue.severity, _queue.created_at)
        .where(waiting)
        .order_by(_queue.number)
    ).all()
    if len(rows) <= MOST_WAITING:
        return
    old = rows[: len(rows) // 2]
    subjects = sum(row.subjects for row in old)
    first, others = old[0], [row.number for row in old[1:]]
    connection.execute(delete(notification_queue).where(_queue.number.in_(others)))
    text = (
        f"This destination could not be reached for long. {len(old)} messages about {subjects} bots and "
        "events were dropped, the oldest first; herdsman status shows how everything is now."
    )
    summary = {"id": f"dropped-{newest.id}", "title": f"{len(old)} messages were dropped", "body": text}
    summary |= {"subjects": subjects, "severity": max(row.severity for row in old)}
    here = _queue.number == first.number
    connection.execute(update(notification_queue).where(here).values(summary))
    dropped = _destinations.dropped + len(old)
    connection.execute(
        update(notification_destinations)
        .where(_destinations.name == newest.destination)
        .values(dropped=dropped)
    )


def load_next(connection: Connection) -> list[Waiting]:
    """Return the next message of each destination: a test first, else the oldest."""
    heads = (
        select(func.min(_queue.number))
        .where(_queue.ended_at.is_(None))
        .group_by(_queue.destination, _queue.urgent)
    )
    rows = connection.execute(
        select(notification_queue)
        .where(_queue.number.in_(heads))
        .order_by(_queue.urgent.desc(), _queue.number)
    )
    found: dict[str, Waiting] = {}
    for row in rows:
        message = Message(
            *(row.id, row.destination, row.title, row.body, row.severity),
            *(row.created_at, row.subjects, row.urgent),
        )
        found.setdefault(row.destination, Waiting(message, row.attempts, row.next_at))
    return list(found.values())


def mark_sent(connection: Connection, message: Message, now: float) -> None:
    """Take note that a message has arrived, and forget those that arrived long ago."""
    _end(connection, message.id, now, "")
    here = _destinations.name == message.destination
    values = {"sent_at": now, "failures": 0, "error": ""}
    connection.execute(update(notification_destinations).where(here).values(values))
    connection.execute(delete(notification_queue).where(_queue.ended_at < now - _KEPT))


def mark_failed(
    connection: Connection, message: Message, error: str, now: float, next_at: float | None
) -> None:
    """Take note that a message could not be sent; it is tried again at `next_at`, or never (None)."""
    if next_at is None:
        _end(connection, message.id, now, error)
    else:
        values = {"attempts": _queue.attempts + 1, "next_at": next_at, "error": error}
        connection.execute(update(notification_queue).where(_queue.id == message.id).values(values))
    here = _destinations.name == message.destination
    failed = {"failures": _destinations.failures + 1, "error": error}
    connection.execute(update(notification_destinations).where(here).values(failed))


def _end(connection: Connection, message: str, now: float, error: str) -> None:
    values = {"ended_at": now, "error": error, "attempts": _queue.attempts + 1}
    connection.execute(update(notification_queue).where(_queue.id == message).values(values))


def load_deliveries(connection: Connection) -> list[Delivery]:
    """Return how each destination is, by name."""
    waits = (
        select(_queue.destination, func.count()).where(_queue.ended_at.is_(None)).group_by(_queue.destination)
    )
    waiting = {row[0]: row[1] for row in connection.execute(waits)}
    rows = connection.execute(select(notification_destinations).order_by(_destinations.name))
    return [
        Delivery(
            *(row.name, row.service, row.routes, row.sent_at, row.failures, row.error, row.dropped),
            waiting.get(row.name, 0),
        )
        for row in rows
    ]


def load_fate(connection: Connection, message: str) -> Fate | None:
    """Return what has become of a message, None where nothing is known of it."""
    row = connection.execute(select(notification_queue).where(_queue.id == message)).first()
    if row is None:
        return None
    state = "waiting" if row.ended_at is None else "failed" if row.error else "sent"
    return Fate(row.id, row.destination, state, row.attempts, row.error)


def newest_audit(connection: Connection) -> int:
    """Return the number of the newest entry of the audit, 0 before the first."""
    return connection.execute(select(func.max(audit.c.id))).scalar() or 0


def load_audit_after(connection: Connection, number: int, limit: int) -> list[tuple[int, AuditEntry]]:
    """Return entries newer than a number, oldest first, without their details."""
    newer = select(audit).where(audit.c.id > number).order_by(audit.c.id).limit(limit)
    return [
        (row.id, AuditEntry(row.at, row.who, row.action, row.subject, row.why, row.token))
        for row in connection.execute(newer)
    ]
