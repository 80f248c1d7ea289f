"""The data folder: one herdsman at a time, and what it tells other commands about itself."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO

from cli.known_service import SERVICE_FILE, current_file
from schemas.errors import UsageError

PRIVATE_FILES = ("herdsman.db", "telemetry.db")
PRIVATE_FOLDERS = ("git", "bundles", "local", "cache", "states")


def take_folder(data: Path) -> IO[str]:
    """Make the folder (mode 0700) and hold it as long as the returned file is open. Raises UsageError."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_private(data)
    lock = (data / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise UsageError(
            f"{data} is in use by another herdsman (process {holder}): choose another --data"
        ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def share_folder(data: Path) -> IO[str]:
    """Make the folder as `take_folder` does, and hold it together with other controllers of one fleet.

    Which of them acts on it is decided by the database; `herdsman up` must have it alone.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_private(data)
    lock = (data / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise UsageError(f"{data} is in use by `herdsman up`: choose another --data") from error
    return lock


def keep_private(data: Path) -> None:
    """Make what is secret in the folder unreadable to others, also where the folder itself was there before.

    The folder's own mode stays as its owner set it: it may be shared on purpose.
    """
    for name in PRIVATE_FILES:
        (data / name).touch(mode=0o600)
        (data / name).chmod(0o600)  # SQLite gives its journals the mode of the database
    for name in PRIVATE_FOLDERS:
        (data / name).mkdir(mode=0o700, exist_ok=True)
        (data / name).chmod(0o700)


def read_secret(path: Path) -> bytes:
    """Return the 32 secret bytes in a file (mode 0600), made at the first time."""
    if not path.exists():
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()


def announce(data: Path, url: str, fleet: str) -> None:
    """Write where the service is, and that it is the one started last, for other commands to find."""
    document = {"url": url, "pid": os.getpid(), "fleet": fleet}
    write(data / SERVICE_FILE, json.dumps(document) + "\n")
    current_file().parent.mkdir(parents=True, exist_ok=True)
    write(current_file(), f"{data.resolve()}\n")


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text)
    part.replace(path)
