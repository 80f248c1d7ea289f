"""The sources of a fleet that has several, from the file that `herdsman up --sources` names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.catalog import validator
from schemas.document import Document
from schemas.errors import ManifestError
from schemas.placed import document_errors, place_violations
from schemas.validation import violations
from schemas.yaml_document import load_document

_REFERENCES = ("branch", "tag", "semver", "commit")


@dataclass(frozen=True, slots=True)
class DeclaredApp:
    """A GitHub App that a source is read as: its id, its installation, its private key."""

    id: str
    installation: int
    key_file: Path


@dataclass(frozen=True, slots=True)
class DeclaredSource:
    """One source as it was declared; paths are absolute, "" and None stand for what was left out."""

    name: str
    url: str
    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""
    accept_moved_tags: bool = False
    subfolder: str = ""
    known_hosts: Path | None = None
    key_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    poll_interval: float | None = None
    webhook_secret_file: Path | None = None
    forge: str = ""
    """github, gitlab or gitea, where the URL's host does not tell."""
    status_token_file: Path | None = None
    github_app: "DeclaredApp | None" = None


def parse_sources(
    file: str, content: bytes, folder: Path
) -> tuple[tuple[DeclaredSource, ...], list[ManifestError]]:
    """Return the sources, or none with everything that is wrong; relative paths begin at `folder`."""
    document, errors = load_document(file, content)
    if document is None:
        return (), errors
    errors += place_violations(document, violations(validator("sources"), document.value, document.conceals))
    if not errors:
        errors += _contradictions(document)
    if errors:
        return (), document_errors(errors)
    return tuple(_source(item, folder) for item in document.value["sources"]), []


def _contradictions(document: Document) -> list[ManifestError]:
    """Return what each source by itself does not show: names used twice, two references at once."""
    errors = []
    seen: dict[str, int] = {}
    for index, item in enumerate(document.value["sources"]):
        path = ("sources", index)
        if item["name"] in seen:
            message = f'the name "{item["name"]}" is used twice; each source has a name of its own'
            errors.append(document.error((*path, "name"), message))
        seen[item["name"]] = index
        given = [key for key in _REFERENCES if key in item]
        if len(given) > 1:
            message = f"a source follows one of {', '.join(_REFERENCES)}, not {' and '.join(given)}"
            errors.append(document.error((*path, given[1]), message, key=True))
    return errors


def _source(item: dict[str, Any], folder: Path) -> DeclaredSource:
    paths = ("known_hosts", "key_file", "token_file", "ca_file", "webhook_secret_file", "status_token_file")
    values = {key: folder / value if key in paths else value for key, value in item.items()}
    if app := item.get("github_app"):
        values["github_app"] = DeclaredApp(app["id"], app["installation"], folder / app["key_file"])
    here = folder / item["url"]
    if "://" not in item["url"] and here.exists():
        values["url"] = str(here)
    return DeclaredSource(**values)
