"""Reading the kernel's files about processes: quickly, and without an error where a process is gone."""

import os

_PAGE = 4096
"""What the kernel writes of itself at once, at most, and more than it tells of one process."""


def read(path: str) -> bytes:
    """Return a file's content, nothing where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(fd)


def read_once(path: str) -> bytes:
    """Return the content of a short file, as of what is told of one process: cheaper than `read`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _PAGE)
    except OSError:
        return b""
    finally:
        os.close(fd)


def link(path: str) -> str:
    """Return where a link leads, "" where it cannot be read."""
    try:
        return os.readlink(path)  # noqa: PTH115 - read for each bot each second
    except OSError:
        return ""


def open_files(folder: str) -> int:
    """Return how many descriptors a process holds, by its folder in /proc; 0 where nobody tells."""
    try:
        # Since Linux 6.2 the size tells: no need to list a hundred thousand.
        told = os.stat(f"{folder}/fd").st_size  # noqa: PTH116
        return told or len(os.listdir(f"{folder}/fd"))  # noqa: PTH208
    except OSError:
        return 0


def most_files(folder: str) -> int:
    """Return how many descriptors a process may hold, 0 where there is no limit or nobody tells."""
    for line in read(f"{folder}/limits").splitlines():
        if line.startswith(b"Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdigit() else 0
    return 0


def free_bytes(folder: str) -> int | None:
    """Return what is left for a user on the disk of a folder, None where nobody tells."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize
