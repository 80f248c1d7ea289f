"""What was applied to each bot, one row for each of its specs: what it can be rolled back to."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from controller.database.documents import decode_refusal, decode_revision, decode_spec, encode
from controller.database.tables import deployments, inventory, refusals
from controller.database.upsert import upsert
from controller.records import InventoryEntry
from controller.rollback.records import Deployment
from gitops.revision import Revision


def note_deployment(
    connection: Connection, entry: InventoryEntry, revision: Revision, now: float, keep: int
) -> None:
    """Keep what was just applied, and of a bot's specs only the newest `keep`."""
    if entry.spec is None:
        return
    upsert(connection, deployments, [_row(entry, revision, now)])
    mine = deployments.c.bot == entry.bot
    old = select(deployments.c.digest).where(mine).order_by(deployments.c.applied_at.desc()).offset(keep)
    connection.execute(delete(deployments).where(mine, deployments.c.digest.in_(old)))


def note_healthy(connection: Connection, proven: Iterable[tuple[str, str]], now: float) -> None:
    """Keep that specs, by bot and digest, got healthy."""
    for bot, digest in proven:
        row = and_(deployments.c.bot == bot, deployments.c.digest == digest)
        connection.execute(update(deployments).where(row).values(healthy_at=now))


def load_deployments(connection: Connection, bot: str) -> list[Deployment]:
    """Return what was applied to a bot, the newest first."""
    found = select(deployments).where(deployments.c.bot == bot).order_by(deployments.c.applied_at.desc())
    applied = connection.execute(select(inventory.c.digest).where(inventory.c.bot == bot)).scalar()
    refused = {
        row.digest: decode_refusal(row.refusal).error
        for row in connection.execute(select(refusals).where(refusals.c.bot == bot))
    }
    return [
        replace(_deployment(row), current=row.digest == applied, refused=refused.get(row.digest, ""))
        for row in connection.execute(found)
    ]


def proven_specs(connection: Connection) -> dict[str, str]:
    """Return the digests that are applied now and have been healthy, by bot."""
    current = and_(deployments.c.bot == inventory.c.bot, deployments.c.digest == inventory.c.digest)
    found = select(deployments.c.bot, deployments.c.digest).join(inventory, current)
    return {
        row.bot: row.digest for row in connection.execute(found.where(deployments.c.healthy_at.is_not(None)))
    }


def bundle_keys(connection: Connection) -> set[str]:
    """Return the keys of all bundles that a bot may be rolled back to."""
    found: Sequence[Any] = connection.execute(select(deployments.c.code, deployments.c.dependencies)).all()
    return {key for row in found for key in (row.code, row.dependencies) if key}


def _row(entry: InventoryEntry, revision: Revision, now: float) -> dict[str, Any]:
    """Return the row without `healthy_at`, which stays as it was where the spec was applied before."""
    return {
        "bot": entry.bot,
        "digest": entry.digest,
        "revision": encode(revision),
        "spec": encode(entry.spec),
        "applied_at": entry.applied_at or now,
        "code": entry.code,
        "dependencies": entry.dependencies,
    }


def _deployment(row: Any) -> Deployment:
    return Deployment(
        bot=row.bot,
        digest=row.digest,
        revision=decode_revision(row.revision),
        spec=decode_spec(row.spec),
        applied_at=row.applied_at,
        healthy_at=row.healthy_at,
    )
