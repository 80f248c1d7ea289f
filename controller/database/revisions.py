"""The revisions that this database has seen, with what each changed and what was wrong with it.

A row's id is `Revision.key`: the commit, and its source's name where a fleet has several.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, and_, case, delete, func, or_, select, update

from controller.database.documents import decode_errors, decode_fields, encode
from controller.database.rollouts import decode_view
from controller.database.tables import changes, revisions
from controller.database.upsert import upsert
from controller.listing import MOST
from controller.records import (
    Change,
    ChangeState,
    OpenChange,
    PastBot,
    RevisionRecord,
    RevisionState,
    Tally,
)
from gitops.revision import Revision


def save_revision(connection: Connection, record: RevisionRecord) -> None:
    """Write a revision over what was known of it, and replace its changes by the record's."""
    key = record.revision.key
    upsert(connection, revisions, [_row(record)])
    connection.execute(delete(changes).where(changes.c.revision == key))
    save_changes(connection, key, record.changes)


def save_changes(connection: Connection, revision: str, made: Sequence[Change]) -> None:
    """Write the newest step of some of a revision's changes."""
    upsert(connection, changes, [_change_row(revision, change) for change in made])


def finish_revision(
    connection: Connection, revision: str, state: RevisionState, finished_at: float | None, held: str = ""
) -> None:
    """Write how a revision ended, or how far it is; `held` says why it waits for a person.

    One whose place a newer one took stays so.
    """
    row = {"state": state.value, "finished_at": finished_at, "held": held}
    going_on = revisions.c.state != RevisionState.SUPERSEDED.value
    connection.execute(update(revisions).where(revisions.c.id == revision, going_on).values(row))


def end_revision(connection: Connection, record: RevisionRecord, now: float) -> None:
    """Write how a revision ended whose place a newer one takes: as it had, which may not be written yet."""
    if record.state in (RevisionState.RUNNING, RevisionState.PENDING):
        record = replace(record, state=RevisionState.SUPERSEDED, finished_at=now, held="")
    finish_revision(connection, record.revision.key, record.state, record.finished_at, record.held)


def known_revisions(connection: Connection) -> set[str]:
    """Return the id of every revision that this database has ever seen."""
    return {_commit(key) for key in connection.execute(select(revisions.c.id)).scalars()}


def load_revisions(
    connection: Connection, limit: int, *, before: str = "", bot: str = "", most: int = MOST
) -> list[RevisionRecord]:
    """Return revisions with the first `most` of their changes and all of them counted, newest first.

    `before`: those that came before this revision's id; `bot`: those that changed it, with its change alone.
    The fields of changes are left out.
    """
    wanted = select(revisions).order_by(revisions.c.received_at.desc(), revisions.c.id.desc()).limit(limit)
    if before:
        wanted = wanted.where(_older_than(before))
    if bot:
        wanted = wanted.where(revisions.c.id.in_(select(changes.c.revision).where(changes.c.bot == bot)))
    found = connection.execute(wanted).all()
    ids = [row.id for row in found]
    made, tallies = _first_changes(connection, ids, bot, most), _tallies(connection, ids)
    return [_record(row, made.get(row.id, ()), tallies.get(row.id, ())) for row in found]


def find_past_bot(connection: Connection, bot: str) -> PastBot | None:
    """Return what was done last to a bot, None where no revision that is kept changed it."""
    newest = (
        select(changes.c.revision, changes.c.action, revisions.c.received_at)
        .join(revisions, revisions.c.id == changes.c.revision)
        .where(changes.c.bot == bot)
        .order_by(revisions.c.received_at.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    return PastBot(bot, _commit(row.revision), row.action, row.received_at) if row else None


def newest_revisions(connection: Connection) -> dict[str, RevisionRecord]:
    """Return the record of the revision that was taken last (a refused one never was), by source's name."""
    taken = select(revisions.c.id).where(revisions.c.state != RevisionState.REFUSED.value)
    newest: dict[str, str] = {}
    for key in connection.execute(taken.order_by(revisions.c.received_at.desc())).scalars():
        newest.setdefault(_origin(key), key)
    found = {origin: find_revision(connection, key) for origin, key in newest.items()}
    return {origin: record for origin, record in found.items() if record is not None}


def open_changes(connection: Connection) -> list[OpenChange]:
    """Return every change that has not come to its end, whichever revision asked for it."""
    left = changes.c.state.in_([state.value for state in _OPEN])
    newest_first = revisions.c.received_at.desc()
    rank = func.row_number().over(partition_by=changes.c.bot, order_by=newest_first)
    both = changes.join(revisions, revisions.c.id == changes.c.revision)
    ranked = (
        select(changes.c.bot, changes.c.revision, rank.label("rank"))
        .select_from(both)
        .where(changes.c.bot.in_(select(changes.c.bot).where(left)))
        .subquery()
    )
    last = select(ranked.c.bot, ranked.c.revision).where(ranked.c.rank == 1)
    newest = {row.bot: row.revision for row in connection.execute(last)}
    found = _grouped(connection, select(changes).where(left).order_by(changes.c.bot))
    return [
        OpenChange(key, change, "" if newest.get(change.bot) == key else _commit(newest.get(change.bot, "")))
        for key, made in found.items()
        for change in made
    ]


def credit_revision(connection: Connection, revision: str, trigger: str, by: str) -> None:
    """Write who brought a revision, where a poll had seen it first."""
    row = {"trigger": trigger, "requested_by": by}
    connection.execute(update(revisions).where(revisions.c.id == revision).values(row))


def find_revision(connection: Connection, revision: str) -> RevisionRecord | None:
    """Return one revision by its full id or key, or by the first digits of it; of several the newest."""
    matching = select(revisions).where(revisions.c.id.startswith(revision, autoescape=True))
    row = connection.execute(matching.order_by(revisions.c.received_at.desc()).limit(1)).first()
    return _record(row, _changes_of(connection, row.id)) if row else None


def trim_changes(connection: Connection, keep: int) -> None:
    """Forget what old revisions changed; their ids and outcomes are kept."""
    old = select(revisions.c.id).order_by(revisions.c.received_at.desc()).offset(keep)
    ids = list(connection.execute(old).scalars())
    for revision in ids:
        connection.execute(delete(changes).where(changes.c.revision == revision))


_OPEN = (ChangeState.WAITING, ChangeState.HELD, ChangeState.RUNNING)
_URGENCY = case(
    (changes.c.state == ChangeState.FAILED.value, 0),
    (changes.c.state == ChangeState.DEGRADED.value, 1),
    (changes.c.state.in_((ChangeState.WAITING.value, ChangeState.HELD.value)), 2),
    else_=3,
)
"""What a person wants to see first of many changes."""


def _older_than(revision: str) -> Any:
    mark = select(revisions.c.received_at, revisions.c.id).where(revisions.c.id == revision).subquery()
    at = select(mark.c.received_at).scalar_subquery()
    return or_(
        revisions.c.received_at < at,
        and_(revisions.c.received_at == at, revisions.c.id < revision),
    )


def _first_changes(
    connection: Connection, ids: Sequence[str], bot: str, most: int
) -> dict[str, tuple[Change, ...]]:
    mine = and_(changes.c.revision.in_(ids), *([changes.c.bot == bot] if bot else []))
    place = func.row_number().over(partition_by=changes.c.revision, order_by=(_URGENCY, changes.c.bot))
    columns = [column for column in changes.c if column.name != "fields"]
    ranked = select(*columns, place.label("place")).where(mine).subquery()
    return _grouped(connection, select(ranked).where(ranked.c.place <= most).order_by(ranked.c.place))


def _tallies(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Tally, ...]]:
    kinds = (changes.c.revision, changes.c.action, changes.c.state)
    counted = select(*kinds, func.count().label("bots")).where(changes.c.revision.in_(ids)).group_by(*kinds)
    found: dict[str, tuple[Tally, ...]] = {}
    for row in connection.execute(counted.order_by(*kinds)):
        tally = Tally(row.action, ChangeState(row.state), row.bots)
        found[row.revision] = (*found.get(row.revision, ()), tally)
    return found


def _changes_of(connection: Connection, revision: str) -> tuple[Change, ...]:
    whole = select(changes).where(changes.c.revision == revision).order_by(changes.c.bot)
    return _grouped(connection, whole).get(revision, ())


def _grouped(connection: Connection, wanted: Select[Any]) -> dict[str, tuple[Change, ...]]:
    found: dict[str, list[Change]] = {}
    for row in connection.execute(wanted).mappings():
        change = Change(
            row["bot"],
            row["action"],
            row["summary"],
            ChangeState(row["state"]),
            row["message"],
            row["seconds"],
            decode_fields(row.get("fields", "")),
        )
        found.setdefault(row["revision"], []).append(change)
    return {revision: tuple(made) for revision, made in found.items()}


def _record(row: Any, made: tuple[Change, ...], tally: tuple[Tally, ...] = ()) -> RevisionRecord:
    revision = Revision(
        id=_commit(row.id),
        author=row.author,
        message=row.message,
        committed_at=row.committed_at,
        branch=row.branch,
        source=row.source,
        rewritten=row.rewritten,
        signature=row.signature,
        signer=row.signer,
        origin=_origin(row.id),
    )
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
        tally=tally,
        rollout=decode_view(row.rollout),
    )


def _row(record: RevisionRecord) -> dict[str, Any]:
    revision = record.revision
    return {
        "id": revision.key,
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
        "rewritten": revision.rewritten,
        "signature": revision.signature,
        "signer": revision.signer,
    }


def _commit(key: str) -> str:
    return key.partition("@")[0]


def _origin(key: str) -> str:
    return key.partition("@")[2]


def _change_row(revision: str, change: Change) -> dict[str, Any]:
    return {
        "revision": revision,
        "bot": change.bot,
        "action": change.action,
        "summary": change.summary,
        "state": change.state.value,
        "message": change.message,
        "seconds": change.seconds,
        "fields": encode(change.fields) if change.fields else "",
    }
