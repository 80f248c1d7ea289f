"""Being the only herdsman over a folder, and the only one on this machine over a fleet."""

import errno
import fcntl
import os
import socket

from controller.schedulers.local.folders import Folders
from schemas.errors import UsageError


class Claim:
    """Two locks that the kernel frees when this process ends, however that is."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._folder = -1
        self._fleet: socket.socket | None = None

    def take(self) -> None:
        """Take both. Raises UsageError where another herdsman holds one of them."""
        self._take_folder()
        try:
            self._take_fleet()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let both go."""
        if self._fleet is not None:
            self._fleet.close()
            self._fleet = None
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _take_folder(self) -> None:
        self._folder = os.open(self._folders.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise UsageError(
                f"another herdsman runs its bots from {self._folders.root}; stop it, or use another --data"
            ) from None

    def _take_fleet(self) -> None:
        """Claim the fleet's id: in a copied folder all locks are free, and all bots would run twice."""
        fleet = self._folders.fleet
        self._fleet = socket.socket(socket.AF_UNIX)
        try:
            self._fleet.bind(f"\0herdsman/{fleet}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise UsageError(
                f"another herdsman on this machine runs the bots of the fleet {fleet}, so that "
                f"{self._folders.root} must be a copy of its folder: stop that one first"
            ) from None
