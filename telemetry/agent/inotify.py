"""Learning of changes: the kernel's inotify through ctypes, or polling where its limits are used up."""

import contextlib
import ctypes
import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_MODIFY, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED = 0x4000, 0x8000
_ONLY_FOLDERS, _NO_LINKS = 0x01000000, 0x02000000
_MASK = _MODIFY | _MOVED_TO | _CREATE | _DELETE | _ONLY_FOLDERS | _NO_LINKS
_HEAD = struct.Struct("iIII")

_LIMITS = {
    errno.EMFILE: ("fs.inotify.max_user_instances", "512"),
    errno.ENOSPC: ("fs.inotify.max_user_watches", "524288"),
}


class LimitReached(OSError):
    """The kernel gives no more inotify instances or watches; the text says why, and the setting to raise."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved: (folder, name) of files that may have grown, and folders with a new or lost entry.

    `missed` says that the list is not whole, so that everything must be looked at.
    """

    files: set[tuple[str, str]]
    folders: set[str]
    missed: bool = False


class Watcher(Protocol):
    """Tells of changes in folders. Its file descriptor gets readable when there is one."""

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        ...

    def watch(self, folder: Path) -> bool:
        """Watch a folder (not what is below it); False where it is not there. Raises LimitReached."""
        ...

    def unwatch(self, folder: Path) -> None:
        """Watch it no more."""
        ...

    def changes(self) -> Changes:
        """Return what changed since the last call, without waiting."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


class Inotify:
    """The kernel's own. Raises LimitReached where it gives no instance."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise _failure("no changes can be watched")
        self._folders: dict[int, str] = {}
        self._watches: dict[str, int] = {}

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return int(self._fd)

    def watch(self, folder: Path) -> bool:
        """Watch a folder; False where it is not there. Raises LimitReached."""
        name = str(folder)
        watch = self._libc.inotify_add_watch(self._fd, os.fsencode(name), _MASK)
        if watch < 0:
            if ctypes.get_errno() in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES}:
                return False
            raise _failure(f"{name} cannot be watched")
        self._folders[watch] = name
        self._watches[name] = watch
        return True

    def unwatch(self, folder: Path) -> None:
        """Watch it no more."""
        watch = self._watches.pop(str(folder), None)
        if watch is not None:
            self._folders.pop(watch, None)
            self._libc.inotify_rm_watch(self._fd, watch)

    def changes(self) -> Changes:
        """Return what changed since the last call."""
        files: set[tuple[str, str]] = set()
        folders: set[str] = set()
        missed = False
        while data := self._read():
            at, end = 0, len(data)
            while at < end:
                watch, mask, _, length = _HEAD.unpack_from(data, at)
                at += 16 + length
                folder = self._folders.get(watch)
                if mask & _OVERFLOW:
                    missed = True
                elif folder is not None and mask & _IGNORED:
                    self._forget(watch, folder)
                    folders.add(folder)
                elif folder is not None:
                    if mask & (_CREATE | _MOVED_TO | _DELETE):
                        folders.add(folder)
                    else:
                        name = data[at - length : at].rstrip(b"\0")
                        files.add((folder, os.fsdecode(name)))
        return Changes(files, folders, missed)

    def close(self) -> None:
        """Let go of the kernel's instance."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._fd, 1 << 16)
        return b""

    def _forget(self, watch: int, folder: str) -> None:
        del self._folders[watch]
        if self._watches.get(folder) == watch:
            del self._watches[folder]


class Polling:
    """Knows nothing by itself: everything may have changed at each call. Its descriptor is never readable."""

    def __init__(self) -> None:
        self._ends = os.pipe()

    def fileno(self) -> int:
        """Return a descriptor that is never readable."""
        return self._ends[0]

    def watch(self, folder: Path) -> bool:
        """Tell whether the folder is there."""
        return folder.is_dir()

    def unwatch(self, folder: Path) -> None:
        """Do nothing."""

    def changes(self) -> Changes:
        """Say that everything must be looked at."""
        return Changes(set(), set(), missed=True)

    def close(self) -> None:
        """Close the pipe."""
        for end in self._ends:
            os.close(end)


def _failure(what: str) -> LimitReached:
    code = ctypes.get_errno()
    if code in _LIMITS:
        setting, value = _LIMITS[code]
        return LimitReached(
            code, f"{what}: the kernel's limit {setting} is used up. Raise it: sysctl -w {setting}={value}"
        )
    return LimitReached(code, f"{what}: {os.strerror(code)}")
