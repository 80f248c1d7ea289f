"""What we own: one entry a bot, with everything that was applied last."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from controller.database.documents import decode_spec, encode
from controller.database.tables import inventory
from controller.database.upsert import upsert
from controller.records import Halt, InventoryEntry


def load_inventory(connection: Connection) -> dict[str, InventoryEntry]:
    """Return every entry by bot."""
    return {row.bot: _entry(row) for row in connection.execute(select(inventory))}


def find_entry(connection: Connection, bot: str) -> InventoryEntry | None:
    """Return one bot's entry, None where there is none."""
    row = connection.execute(select(inventory).where(inventory.c.bot == bot)).first()
    return _entry(row) if row else None


def save_entries(connection: Connection, entries: Sequence[InventoryEntry]) -> None:
    """Write entries over those of the same bots."""
    upsert(connection, inventory, [_row(entry) for entry in entries])


def drop_entries(connection: Connection, bots: Iterable[str]) -> None:
    """Forget bots."""
    for bot in bots:
        connection.execute(delete(inventory).where(inventory.c.bot == bot))


def _entry(row: Any) -> InventoryEntry:
    return InventoryEntry(
        bot=row.bot,
        path=row.path,
        revision=row.revision,
        spec=decode_spec(row.spec) if row.spec else None,
        token=row.token,
        scheduler=row.scheduler,
        node=row.node,
        intent=row.intent,
        halted=Halt(row.halted),
        code=row.code,
        dependencies=row.dependencies,
        applied_at=row.applied_at,
        source=row.source,
    )


def _row(entry: InventoryEntry) -> dict[str, Any]:
    program = entry.spec.program if entry.spec else None
    return {
        "bot": entry.bot,
        "path": entry.path,
        "revision": entry.revision,
        "digest": entry.digest,
        "token": entry.token,
        "scheduler": entry.scheduler,
        "node": entry.node,
        "program": program.name if program else "",
        "version": program.version if program else "",
        "tree": program.tree if program else "",
        "intent": entry.intent,
        "halted": entry.halted.value,
        "code": entry.code,
        "dependencies": entry.dependencies,
        "applied_at": entry.applied_at,
        "source": entry.source,
        "spec": encode(entry.spec) if entry.spec else None,
    }
