"""Bundles as they lie in a folder, for a process that hands them out and builds none."""

import re
from pathlib import Path

from gitops.bundle import Bundle

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FolderShelf:
    """The bundles under a bundle store's `root`, also those that another process puts there meanwhile."""

    def __init__(self, root: Path) -> None:
        self._content = root / "content"

    def find(self, digest: str) -> Bundle | None:
        """Return the bundle of that digest (hex SHA-256), None where there is none."""
        path = self._content / f"{digest}.tar.gz"
        if not _DIGEST.fullmatch(digest) or not path.is_file():
            return None
        return Bundle("", digest, path, path.stat().st_size)
