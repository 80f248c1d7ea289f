"""The values of bots' secrets on this machine: on disk in boxes only, so that bots start again by themselves.

A file of a bot holds its two newest boxes, by identity. The key that opens them is the fleet's own and lies
elsewhere; see `controller.secrets.handing`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from controller.launcher.sealing import NotOurs, close, open_box
from controller.schedulers.protocol import HandedSecrets
from controller.secrets.handing import box_key
from schemas.errors import SecretUnavailable

_KEPT = 2


class Boxes:
    """The folder of boxes. Every method blocks."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder
        self._key = key

    def put(self, bot: str, handed: HandedSecrets) -> None:
        """Keep a bot's values beside those that it had before."""
        known = self._load(bot)
        if handed.identity in known and next(reversed(known)) == handed.identity:
            return
        known.pop(handed.identity, None)
        known[handed.identity] = close(box_key(self._key, bot, handed.identity), dict(handed.values))
        path = self._folder / f"{bot}.json"
        part = path.with_suffix(".new")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dict(list(known.items())[-_KEPT:]), file)
            file.flush()
            os.fsync(descriptor)
        part.replace(path)

    def take(self, bot: str, identity: str) -> Mapping[str, str]:
        """Return the values in a box. Raises SecretUnavailable."""
        box = self._load(bot).get(identity)
        try:
            return open_box(box_key(self._key, bot, identity), box or "")
        except NotOurs:
            raise SecretUnavailable(
                f"the secrets of {bot} are not on this machine any more: run `herdsman refresh {bot}`"
            ) from None

    def all_of(self, bot: str) -> list[tuple[str, str]]:
        """Return the names and values of all of a bot's boxes that can be opened."""
        found: list[tuple[str, str]] = []
        for identity, box in self._load(bot).items():
            try:
                found += open_box(box_key(self._key, bot, identity), box).items()
            except NotOurs:
                continue
        return found

    def stamp(self, bot: str) -> int:
        """Return what changes with a bot's file, 0 where it has none."""
        try:
            return (self._folder / f"{bot}.json").stat().st_mtime_ns
        except OSError:
            return 0

    def forget(self, bot: str) -> None:
        """Remove a bot's boxes."""
        (self._folder / f"{bot}.json").unlink(missing_ok=True)

    def _load(self, bot: str) -> dict[str, str]:
        try:
            found = json.loads((self._folder / f"{bot}.json").read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): str(box) for name, box in found.items()} if isinstance(found, dict) else {}
