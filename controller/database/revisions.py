"""The revisions that this database has seen, with what each changed and what was wrong with it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from controller.database.documents import decode_errors, encode
from controller.database.tables import changes, revisions
from controller.database.upsert import upsert
from controller.records import Change, ChangeState, RevisionRecord, RevisionState
from gitops.revision import Revision


def save_revision(connection: Connection, record: RevisionRecord) -> None:
    """Write a revision over what was known of it, and replace its changes by the record's."""
    upsert(connection, revisions, [_row(record)])
    connection.execute(delete(changes).where(changes.c.revision == record.revision.id))
    save_changes(connection, record.revision.id, record.changes)


def save_changes(connection: Connection, revision: str, made: Sequence[Change]) -> None:
    """Write the newest step of some of a revision's changes."""
    upsert(connection, changes, [_change_row(revision, change) for change in made])


def finish_revision(
    connection: Connection, revision: str, state: RevisionState, finished_at: float | None
) -> None:
    """Write how a revision ended."""
    row = {"state": state.value, "finished_at": finished_at}
    connection.execute(update(revisions).where(revisions.c.id == revision).values(row))


def known_revisions(connection: Connection) -> set[str]:
    """Return the id of every revision that this database has ever seen."""
    return set(connection.execute(select(revisions.c.id)).scalars())


def load_revisions(connection: Connection, limit: int) -> list[RevisionRecord]:
    """Return the newest revisions with their changes, newest first."""
    newest = select(revisions).order_by(revisions.c.received_at.desc()).limit(limit)
    found = connection.execute(newest).all()
    made = _changes_of(connection, [row.id for row in found])
    return [_record(row, made.get(row.id, ())) for row in found]


def newest_revision(connection: Connection) -> RevisionRecord | None:
    """Return the record of the revision that was taken last (a refused one never was)."""
    taken = select(revisions.c.id).where(revisions.c.state != RevisionState.REFUSED.value)
    newest = connection.execute(taken.order_by(revisions.c.received_at.desc()).limit(1)).scalar()
    return find_revision(connection, newest) if newest else None


def credit_revision(connection: Connection, revision: str, trigger: str, by: str) -> None:
    """Write who brought a revision, where a poll had seen it first."""
    row = {"trigger": trigger, "requested_by": by}
    connection.execute(update(revisions).where(revisions.c.id == revision).values(row))


def find_revision(connection: Connection, revision: str) -> RevisionRecord | None:
    """Return one revision by its full id, or by the first digits of it."""
    matching = select(revisions).where(revisions.c.id.startswith(revision, autoescape=True)).limit(1)
    row = connection.execute(matching).first()
    return _record(row, _changes_of(connection, [row.id]).get(row.id, ())) if row else None


def trim_changes(connection: Connection, keep: int) -> None:
    """Forget what old revisions changed; their ids and outcomes are kept."""
    old = select(revisions.c.id).order_by(revisions.c.received_at.desc()).offset(keep)
    ids = list(connection.execute(old).scalars())
    for revision in ids:
        connection.execute(delete(changes).where(changes.c.revision == revision))


def _changes_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Change, ...]]:
    found: dict[str, tuple[Change, ...]] = {}
    for row in connection.execute(select(changes).where(changes.c.revision.in_(ids)).order_by(changes.c.bot)):
        change = Change(row.bot, row.action, row.summary, ChangeState(row.state), row.message, row.seconds)
        found[row.revision] = (*found.get(row.revision, ()), change)
    return found


def _record(row: Any, made: tuple[Change, ...]) -> RevisionRecord:
    revision = Revision(row.id, row.author, row.message, row.committed_at, row.branch, row.source)
    return RevisionRecord(
        revision=revision,
        state=RevisionState(row.state),
        received_at=row.received_at,
        finished_at=row.finished_at,
        trigger=row.trigger,
        by=row.requested_by,
        held=row.held,
        changes=made,
        errors=decode_errors(row.errors),
    )


def _row(record: RevisionRecord) -> dict[str, Any]:
    revision = record.revision
    return {
        "id": revision.id,
        "author": revision.author,
        "message": revision.message,
        "committed_at": revision.committed_at,
        "branch": revision.branch,
        "source": revision.source,
        "state": record.state.value,
        "received_at": record.received_at,
        "finished_at": record.finished_at,
        "trigger": record.trigger,
        "requested_by": record.by,
        "held": record.held,
        "errors": encode(record.errors),
    }


def _change_row(revision: str, change: Change) -> dict[str, Any]:
    return {
        "revision": revision,
        "bot": change.bot,
        "action": change.action,
        "summary": change.summary,
        "state": change.state.value,
        "message": change.message,
        "seconds": change.seconds,
    }
