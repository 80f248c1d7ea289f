"""Opening what a bot can write: step by step, through no link, and nothing but plain files.

An agent may read what the bot itself may not. A bot that puts a link among its own files, or in place of a
folder of its own, must not make another's files appear as its output.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(folder: Path, *below: str) -> Iterator[int]:
    """Hold the folder `folder/below...` open, all but what is above `folder` through no link.

    Raises OSError where one of them is not there or no real folder.
    """
    descriptor = os.open(folder, _FOLDER)
    try:
        for name in below:
            parent, descriptor = descriptor, os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(parent)
        yield descriptor
    finally:
        os.close(descriptor)


def open_plain(path: str | Path, folder: int | None = None) -> int:
    """Open a plain file for reading, by its name in the open `folder` where one is given.

    Raises OSError where it is not there or anything else, such as a link or a pipe.
    """
    descriptor = os.open(path, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no plain file")
    return descriptor
