"""What is wrong with a `schedule` and its `timezone`, wherever a document has them."""

from typing import Any

from schemas.cron import InvalidSchedule, check_cron, check_timezone
from schemas.document import Document
from schemas.errors import ManifestError


def schedule_errors(
    document: Document, path: tuple[str | int, ...], value: dict[str, Any]
) -> list[ManifestError]:
    """Return what is wrong with `schedule` and `timezone` of a mapping at a path."""
    errors = []
    for key, check in (("schedule", check_cron), ("timezone", check_timezone)):
        text = value.get(key)
        if isinstance(text, str) and text:
            try:
                check(text)
            except InvalidSchedule as error:
                errors.append(document.error((*path, key), str(error), error.suggestion))
    return errors
