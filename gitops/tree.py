"""What a build reads through: the entries of a tree, ids as git computes them, and two Protocols.

Nothing here runs git or touches a disk, so that the building of desired states stays pure.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gitops.revision import Revision

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


def shown_path(path: bytes) -> str:
    """Return a path as text: what is not UTF-8 is written as an escape."""
    return path.decode("utf-8", "backslashreplace")


class TreeReader(Protocol):
    """All files of one revision. Paths are the repository's own, also where `subfolder` is set.

    Every method may raise SourceUnavailable where git cannot answer.
    """

    @property
    def revision(self) -> Revision:
        """Return the revision that is read."""
        ...

    @property
    def subfolder(self) -> str:
        """Return the fleet's folder in the repository, without slashes at its ends; "" for the whole."""
        ...

    @property
    def unreadable(self) -> Sequence[str]:
        """Return the paths that `entries` could not read; known once it was called."""
        ...

    def entries(self) -> Sequence[TreeEntry]:
        """Return all files, links and folders below the subfolder."""
        ...

    def find(self, paths: Sequence[str]) -> Mapping[str, TreeEntry]:
        """Return the entries of these paths (at least one), those that are not there left out."""
        ...

    def changes(self, since: str) -> Sequence[TreeChange] | None:
        """Return what differs from the revision of that id, folders too; None where it cannot be told."""
        ...

    def folder(self, oid: str, path: str) -> Sequence[TreeEntry]:
        """Return all that lies below the tree of that id, as if the tree lay at `path`."""
        ...

    def read(self, oid: str) -> bytes:
        """Return a file's content (a link's: where it leads)."""
        ...


@dataclass(frozen=True, slots=True)
class PastProgram:
    """A program's folder as it was: its path in the repository then, and its git tree id."""

    folder: str
    tree: str


class History(Protocol):
    """What the commits up to one revision have held. Methods may raise SourceUnavailable."""

    @property
    def reader(self) -> TreeReader:
        """Return a reader of the earlier revisions' objects."""
        ...

    def find(self, program: str, version: str) -> PastProgram | None:
        """Return the last state of a program's version, or None where it never was."""
        ...

    def versions(self, program: str) -> tuple[str, ...]:
        """Return all versions that a program ever had."""
        ...
