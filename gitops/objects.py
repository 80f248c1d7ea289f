"""A running `git cat-file --batch`: objects of a repository without a process for each."""

import os
import selectors
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gitops.process import GIT_TIMEOUT, end_group, git_environment
from schemas.errors import SourceUnavailable


class ObjectStream:
    """One `git cat-file --batch` child: reads any number of objects without a process for each.

    Not for use by two threads at once. `environment` is added to git's, such as that of a quarantine.
    GitPython's own persistent child is not used: it has no time-out, and it outlives its owner.
    """

    def __init__(
        self,
        repository: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float = GIT_TIMEOUT,
        check_only: bool = False,
    ) -> None:
        self._timeout = timeout
        self._check_only = check_only
        self._buffer = bytearray()
        kind = "--batch-check" if check_only else "--batch"
        self._child = subprocess.Popen(
            ["git", "--git-dir", repository, "cat-file", kind],
            env=git_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        assert self._child.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._child.stdout, selectors.EVENT_READ)

    def size(self, oid: str) -> int:
        """Return an object's size in bytes (of a stream made with `check_only`)."""
        assert self._check_only
        return self._ask(oid)

    def read(self, oid: str) -> bytes:
        """Return an object's content. Raises SourceUnavailable where it is missing or git does not answer."""
        content = self._take(self._ask(oid) + 1)
        return content[:-1]

    def _ask(self, oid: str) -> int:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(oid.encode() + b"\n")
        except OSError as error:
            raise SourceUnavailable("git cat-file ended while objects were read from it") from error
        header = self._line().decode().split()
        if len(header) != 3:
            raise SourceUnavailable(f"Object {oid[:12]} is missing from the repository")
        return int(header[2])

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        content = bytes(self._buffer[:count])
        del self._buffer[:count]
        return content

    def _fill(self) -> None:
        assert self._child.stdout is not None
        if not self._selector.select(self._timeout):
            self.close()
            raise SourceUnavailable(f"git cat-file gave no answer for {self._timeout:g} s")
        chunk = os.read(self._child.stdout.fileno(), 1 << 16)
        if not chunk:
            raise SourceUnavailable("git cat-file ended while objects were read from it")
        self._buffer += chunk

    def close(self) -> None:
        """End the child."""
        self._selector.close()
        end_group(self._child.pid)
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            if stream:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
