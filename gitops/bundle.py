"""A bundle: immutable content that a node fetches, named by the digest of its bytes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bundle:
    """A `.tar.gz` in the bundle store: a program's folder, a dependency layer, or the launcher itself.

    `key` says what it was made from (git tree id; or lock file, runtime and platform), `digest` is the
    hex SHA-256 of the file's bytes, `size` in bytes.
    """

    key: str
    digest: str
    path: Path
    size: int
