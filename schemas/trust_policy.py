"""The trust policy: whose commits are deployed and who may change what, from `herdsman up --trust-policy`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from schemas.catalog import validator
from schemas.errors import ManifestError
from schemas.placed import document_errors, place_violations
from schemas.validation import violations
from schemas.yaml_document import load_document

Patterns = tuple[str, ...]


class Require(StrEnum):
    """What must be signed."""

    EVERY = "every"
    TIP = "tip"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Where the known keys lie; None for what is not used. Paths are absolute."""

    allowed_signers: Path | None = None
    revoked: Path | None = None
    keyring: Path | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """What a rule is for: patterns of branches or tags, of sources; empty for all."""

    branches: Patterns = ()
    sources: Patterns = ()

    def covers(self, branch: str, source: str) -> bool:
        """Say whether a branch or tag of a source is meant."""
        return fits(branch, self.branches or ("*",)) and fits(source, self.sources or ("*",))


@dataclass(frozen=True, slots=True)
class SignatureRule:
    """What must be signed, and by whom (`signers` empty: anybody whose key is known)."""

    require: Require
    where: Where = Where()
    environments: Patterns = ()
    signers: Patterns = ()
    clean_merges: bool = False
    """A merge need not be signed where git makes the same of its parents."""
    first: str = ""
    show_rewritten: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """Files and manifest keys that only some may change."""

    paths: Patterns = ()
    keys: Patterns = ()
    where: Where = Where()
    signers: Patterns = ()
    tokens: Patterns = ()
    roles: Patterns = ()


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Everything that a revision is judged by."""

    keys: TrustedKeys = TrustedKeys()
    signatures: tuple[SignatureRule, ...] = ()
    protected: tuple[Protection, ...] = field(default=())


def fits(text: str, patterns: Sequence[str]) -> bool:
    """Say whether one of some patterns (`*`, `?`, `[...]`) is the whole of a text."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def parse_trust(
    file: str, content: bytes, folder: Path
) -> tuple[TrustPolicy | None, tuple[ManifestError, ...]]:
    """Return the policy, or None with everything that is wrong; relative paths begin at `folder`."""
    document, errors = load_document(file, content)
    if document is None:
        return None, tuple(errors)
    errors += place_violations(document, violations(validator("trust"), document.value, document.conceals))
    if not errors:
        for index, item in enumerate(document.value.get("protected", ())):
            if not (item.get("paths") or item.get("keys")):
                message = "it protects nothing: name paths, keys or both"
                errors.append(document.error(("protected", index), message))
    if errors:
        return None, tuple(document_errors(errors))
    value = document.value
    return (
        TrustPolicy(
            _keys(value.get("keys") or {}, folder),
            tuple(_signature(item) for item in value.get("signatures", ())),
            tuple(_protection(item) for item in value.get("protected", ())),
        ),
        (),
    )


def _keys(value: Mapping[str, str], folder: Path) -> TrustedKeys:
    return TrustedKeys(**{name: folder / path for name, path in value.items()})


def _where(item: Mapping[str, Any]) -> Where:
    return Where(tuple(item.get("branches", ())), tuple(item.get("sources", ())))


def _signature(item: Mapping[str, Any]) -> SignatureRule:
    return SignatureRule(
        Require(item["require"]),
        _where(item),
        tuple(item.get("environments", ())),
        tuple(item.get("signers", ())),
        item.get("merges") == "clean",
        item.get("first", ""),
        item.get("rewritten") == "show",
    )


def _protection(item: Mapping[str, Any]) -> Protection:
    return Protection(
        tuple(item.get("paths", ())),
        tuple(item.get("keys", ())),
        _where(item),
        tuple(item.get("signers", ())),
        tuple(item.get("tokens", ())),
        tuple(item.get("roles", ())),
    )
