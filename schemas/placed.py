"""Violations placed in their document, and the order in which a document's errors are told."""

from collections.abc import Iterable

from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import Violation


def place_violations(
    document: Document, found: Iterable[Violation], base: Path = (), of: str = ""
) -> list[ManifestError]:
    """Return violations as errors at their places; `base` is where the checked value stands.

    What could not be read, and is reported already, is left out. `of` is added to what is said of keys.
    """
    errors = []
    for violation in found:
        path = (*base, *violation.path)
        if path not in document.unread:
            message = violation.message + (of if violation.key else "")
            errors.append(document.error(path, message, violation.suggestion, key=violation.key))
    return errors


def document_errors(errors: Iterable[ManifestError]) -> list[ManifestError]:
    """Return the errors of a document from top to bottom, each once."""
    return sorted(dict.fromkeys(errors), key=lambda error: (error.line, error.column))
