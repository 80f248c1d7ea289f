"""Objects of a git repository: ids as git computes them, tree entries, a running `git cat-file --batch`."""

import hashlib
import os
import selectors
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gitops.process import GIT_TIMEOUT, end_group, git_environment
from schemas.errors import SourceUnavailable

NO_OBJECT = "0" * 40
"""The id that git writes where there is no object: a ref that is created or deleted."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One thing in a tree: its path in the repository, git's mode, object id, and size in bytes.

    A folder's size is 0. Paths are text for people as well: bytes that are not UTF-8 stand there escaped.
    """

    path: str
    mode: str
    oid: str
    size: int = 0

    @property
    def is_tree(self) -> bool:
        """Whether it is a folder."""
        return self.mode == "040000"

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == "120000"

    @property
    def is_submodule(self) -> bool:
        """Whether it is another repository's commit, whose content is not here."""
        return self.mode == "160000"

    @property
    def is_file(self) -> bool:
        """Whether it is a plain file, executable or not."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class TreeChange:
    """A path that differs between two revisions: its entry in the newer one, or None where it is gone."""

    path: str
    entry: TreeEntry | None

    @property
    def is_tree(self) -> bool:
        """Whether a folder is there now."""
        return self.entry is not None and self.entry.is_tree


def blob_id(chunks: Iterable[bytes], size: int) -> str:
    """Return the id that git gives a file of this content, `size` bytes in all."""
    return _object_id(b"blob", chunks, size)


def tree_id(children: Iterable[tuple[str, str, str]]) -> str:
    """Return the id that git gives a folder of these children: (name, mode, object id) each."""

    def order(child: tuple[str, str, str]) -> bytes:
        return os.fsencode(child[0]) + (b"/" if child[1] == "040000" else b"")

    body = b"".join(
        f"{mode.lstrip('0')} ".encode() + os.fsencode(name) + b"\0" + bytes.fromhex(oid)
        for name, mode, oid in sorted(children, key=order)
    )
    return _object_id(b"tree", (body,), len(body))


def _object_id(kind: bytes, chunks: Iterable[bytes], size: int) -> str:
    # Names content, as git does; nothing trusts it to be hard to forge.
    digest = hashlib.sha1(b"%s %d\0" % (kind, size), usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


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
