"""The built dashboard: small files, read once, compressed once, served from memory.

Lies beside `dashboard/` (its source) and serves what the build puts into `static/`.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

_COMPRESSED = (".html", ".js", ".css", ".svg", ".json", ".webmanifest", ".txt", ".map")
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its bytes, the same compressed (None where that does not pay), and its type."""

    body: bytes
    compressed: bytes | None
    media_type: str
    etag: str
    immutable: bool
    """Its name holds a hash of its content: browsers may keep it for ever."""


class DashboardFiles:
    """The files of a build, by their path below it; empty where nothing was built."""

    def __init__(self, root: Path) -> None:
        self._files = {
            path.relative_to(root).as_posix(): _read(path, root)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    @property
    def index(self) -> StaticFile | None:
        """Return the page that every address of the dashboard starts with, None where it is not built."""
        return self._files.get("index.html")

    def find(self, path: str) -> StaticFile | None:
        """Return the file at this path, None where there is none."""
        return self._files.get(path)


def _read(path: Path, root: Path) -> StaticFile:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return StaticFile(
        body,
        packed if packed is not None and len(packed) < len(body) else None,
        _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        path.relative_to(root).parts[0] == "assets",
    )
