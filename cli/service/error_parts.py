"""The errors of bots, put together: their book, and the language model where one was named."""

import time

from cli.service.options import UpOptions
from cli.service.telemetry_parts import Telemetry
from controller.database import Database
from controller.database.audit import add_audit
from controller.records import AuditEntry
from telemetry.errors.desk import Told
from telemetry.errors.model import HttpModel
from web.errors import ErrorBook


def make_error_book(options: UpOptions, telemetry: Telemetry, database: Database, tell: Told) -> ErrorBook:
    """Return what people ask about errors; what they resolve stands in the database's audit."""

    async def audit(entry: AuditEntry) -> None:
        await database.run(lambda connection: add_audit(connection, entry))

    return ErrorBook(
        telemetry.errors, telemetry.events, telemetry.series, audit, time.time, make_model(options), tell
    )


def make_model(options: UpOptions) -> HttpModel | None:
    """Return the language model, None where none was named. Raises UsageError."""
    if not options.explain_url:
        return None
    return HttpModel(options.explain_url, options.explain_model, options.explain_key_file)
