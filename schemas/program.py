"""A program's manifest: `bot-config.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.bot import BotType
from schemas.catalog import validator
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.placed import document_errors, place_violations
from schemas.validation import violations
from schemas.yaml_document import load_document

_NEVER_RUNS = (
    'type "event" is not taken: the format allows it, but nothing ever runs such a bot; '
    "write realtime or scheduled"
)
_PATHS: tuple[Path, ...] = (("entrypoints", "bot"), ("entrypoints", "query"), ("schema", "bot"), ("readme",))


@dataclass(frozen=True, slots=True)
class ProgramManifest:
    """What a `bot-config.yaml` declares; paths are relative to its folder, "" where there is none."""

    name: str
    version: str
    type: BotType
    runtime: str
    entrypoint: str
    query_entrypoint: str
    schema_path: str
    readme_path: str
    description: str
    author: str
    metadata: Mapping[str, Any]
    document: Document = field(compare=False, repr=False)


def parse_program(file: str, content: bytes) -> tuple[ProgramManifest | None, list[ManifestError]]:
    """Return a program's manifest and everything that is wrong with it.

    A manifest that comes with errors has its main fields sound, so that more can be checked, but it must not
    be run; it is None where they are not.
    """
    document, errors = load_document(file, content)
    if document is None:
        return None, errors
    if not isinstance(document.value, dict):
        return None, errors or [document.error((), "a program's manifest must be a mapping")]
    found = violations(validator("program"), document.value, document.conceals)
    if document.value.get("type") == "event":
        found = [violation for violation in found if violation.path != ("type",)]
        errors.append(document.error(("type",), _NEVER_RUNS))
    errors += place_violations(document, found)
    errors += [error for path in _PATHS if (error := _path_error(document, path))]
    wrong = {violation.path[:1] for violation in found} | {
        ("type",) for error in errors if error.pointer == "/type"
    }
    missing = any(not violation.path for violation in found)
    if missing or wrong & {
        ("name",),
        ("version",),
        ("type",),
        ("runtime",),
        ("entrypoints",),
        ("schema",),
        ("readme",),
    }:
        return None, document_errors(errors)
    return _manifest(document), document_errors(errors)


def _path_error(document: Document, path: Path) -> ManifestError | None:
    value: Any = document.value
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str) and ".." in value.split("/"):
        return document.error(path, 'a path must stay inside the program\'s folder; it cannot hold ".."')
    return None


def _manifest(document: Document) -> ProgramManifest:
    value = document.value
    return ProgramManifest(
        name=value["name"],
        version=value["version"],
        type=BotType(value["type"]),
        runtime=value["runtime"],
        entrypoint=value["entrypoints"]["bot"],
        query_entrypoint=value["entrypoints"].get("query", ""),
        schema_path=value["schema"]["bot"],
        readme_path=value["readme"],
        description=_text(value.get("description")),
        author=_text(value.get("author")),
        metadata=value["metadata"] if isinstance(value.get("metadata"), dict) else {},
        document=document,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
