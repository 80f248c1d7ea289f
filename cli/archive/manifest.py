"""What a backup says of itself: where it comes from, and the checksum of each file in it."""

from typing import Any

import msgspec

from schemas.errors import HerdsmanError

FORMAT = 1
NAME = "manifest.json"
"""The last member of the archive: it is known only once all others are written."""
FOLDER = "data/"
"""What the name of every other member begins with."""


class InvalidBackup(HerdsmanError):
    """A file that is no backup, or not as it was written."""


class FileEntry(msgspec.Struct, frozen=True):
    """One file of the data folder: bytes, SHA-256 in hexadecimal, permission bits."""

    size: int
    sha256: str
    mode: int


class Manifest(msgspec.Struct, frozen=True):
    """The whole of a backup. Times are Unix seconds."""

    format: int
    version: str
    """Of the herdsman that wrote it."""
    fleet: str
    taken_at: float
    telemetry: bool
    """Whether series, events and logs are in it."""
    database: bool
    """Whether the database is in it: one in PostgreSQL is not."""
    files: dict[str, FileEntry]
    """By path in the data folder."""
    left_out: list[str] = []
    """Paths that are no plain files, such as links that a bot made in its state folder."""


def parse_manifest(content: bytes) -> Manifest:
    """Return a manifest. Raises InvalidBackup, in words also for one of a later format."""
    try:
        raw: Any = msgspec.json.decode(content)
        found_format = raw["format"]
        if found_format > FORMAT:
            raise InvalidBackup(
                f"it was written by a newer herdsman ({raw.get('version')}): restore it with that one"
            )
        return msgspec.convert(raw, Manifest)
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise InvalidBackup(f"its manifest cannot be read ({error})") from error
