"""The waves of revisions: what people see of them, and what another life needs to go on."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, select, update

from controller.database.documents import encode
from controller.database.tables import revisions
from controller.rollout import RolloutRecord, RolloutView

_record = msgspec.json.Decoder(RolloutRecord)
_view = msgspec.json.Decoder(RolloutView)


@dataclass(frozen=True, slots=True)
class KeptRollout:
    """A revision's rollout as the database has it."""

    revision: str
    """The revision's key."""
    view: RolloutView | None
    record: RolloutRecord


def save_rollout(connection: Connection, kept: KeptRollout) -> None:
    """Write how far a revision's rollout is."""
    row = {"rollout": encode(kept.view) if kept.view else "", "rollout_state": encode(kept.record)}
    connection.execute(update(revisions).where(revisions.c.id == kept.revision).values(row))


def load_rollouts(connection: Connection, keys: Sequence[str]) -> dict[str, RolloutRecord]:
    """Return the rollouts of revisions, by key; none that an older herdsman wrote in another form."""
    wanted = select(revisions.c.id, revisions.c.rollout_state).where(revisions.c.id.in_(keys))
    found = {}
    for row in connection.execute(wanted):
        if row.rollout_state:
            found[row.id] = _record.decode(row.rollout_state)
    return found


def decode_view(text: str) -> RolloutView | None:
    """Return the waves of a revision as people saw them last."""
    return _view.decode(text) if text else None
