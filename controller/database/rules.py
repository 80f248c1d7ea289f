"""The rules of a fleet: one row with the whole document, which is kept beside the jobs as well."""

from sqlalchemy import Connection, select

from controller.database.tables import rules
from controller.database.upsert import upsert
from controller.records import Rules
from controller.rules import decode_rules, encode_rules

_ONLY = 1


def load_rules(connection: Connection) -> Rules:
    """Return the rules in force, none where there never were any."""
    document = connection.execute(select(rules.c.document).where(rules.c.id == _ONLY)).scalar()
    return decode_rules(document) if document else Rules()


def save_rules(connection: Connection, new: Rules) -> None:
    """Write the rules in place of the earlier ones."""
    upsert(connection, rules, [{"id": _ONLY, "number": new.number, "document": encode_rules(new)}])
