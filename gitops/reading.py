"""Reading a fleet's files: at a commit without a work tree, or in a plain folder on disk."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from sys import intern
from types import TracebackType
from typing import Self

from gitops.folder import FolderReader
from gitops.objects import ObjectStream
from gitops.process import git
from gitops.revision import Revision
from gitops.tree import NO_OBJECT, TreeChange, TreeEntry, TreeReader, shown_path
from schemas.errors import NotFound, SourceUnavailable

__all__ = ["CommitReader", "FolderReader", "TreeReader", "find_commit", "parse_listing"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


class CommitReader:
    """Reads one commit of a repository through git children; close it, or use it in a `with`.

    `environment` is added to git's: with a quarantine's object folders in it, a commit can be read that a
    push has brought and that no hook has let in yet. Raises NotFound for a commit that is not there.
    """

    unreadable: Sequence[str] = ()

    def __init__(
        self,
        repository: Path,
        commit: str,
        *,
        subfolder: str = "",
        environment: Mapping[str, str] | None = None,
        branch: str = "",
        source: str = "",
    ) -> None:
        self.repository = repository
        self.enter(subfolder)
        self.environment = dict(environment or {})
        self._objects: ObjectStream | None = None
        self.revision = self._describe(commit, branch, source)

    def enter(self, subfolder: str) -> None:
        """Read this folder of the repository from now on; "" for the whole."""
        self.subfolder = subfolder.strip("/")

    def _git(self, *arguments: str) -> bytes:
        return git(self.repository, *arguments, environment=self.environment)

    def _describe(self, commit: str, branch: str, source: str) -> Revision:
        form = "--format=%H%x00%an <%ae>%x00%ct%x00%s"
        try:
            text = self._git("log", "-1", "--no-show-signature", form, "--end-of-options", commit, "--")
        except SourceUnavailable as error:
            raise NotFound(f"No commit {commit} in {self.repository}") from error
        oid, author, seconds, subject = text.decode(errors="replace").rstrip("\n").split("\0", 3)
        return Revision(oid, author, subject, float(seconds), branch, source)

    def entries(self) -> Sequence[TreeEntry]:
        """Return everything below the subfolder. Raises SourceUnavailable where there is no such folder."""
        where = (self.subfolder,) if self.subfolder else ()
        output = self._git("ls-tree", "-r", "-t", "-z", "-l", "--full-tree", self.revision.id, "--", *where)
        entries = parse_listing(output, "")
        if self.subfolder and not any(entry.path.startswith(self.subfolder + "/") for entry in entries):
            raise SourceUnavailable(
                f'Revision {self.revision.short} has no folder "{self.subfolder}": the fleet cannot be read'
            )
        return entries

    def folder(self, oid: str, path: str) -> Sequence[TreeEntry]:
        """Return everything below a tree, wherever in the history it was."""
        return parse_listing(self._git("ls-tree", "-r", "-t", "-z", "-l", oid), f"{path}/" if path else "")

    def find(self, paths: Sequence[str]) -> Mapping[str, TreeEntry]:
        """Return the entries of these paths, found by one look whatever the revision's size."""
        output = self._git("ls-tree", "-z", "-l", "--full-tree", self.revision.id, "--", *paths)
        wanted = set(paths)
        return {entry.path: entry for entry in parse_listing(output, "") if entry.path in wanted}

    def changes(self, since: str) -> Sequence[TreeChange] | None:
        """Return what differs from another commit of this repository; None where that commit is unknown."""
        if not _COMMIT.fullmatch(since):
            return None
        try:
            output = self._git(
                "diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", "--no-abbrev", since, self.revision.id
            )
        except SourceUnavailable:
            return None
        changes = _parse_changes(output)
        if any(change.path == self.subfolder and not change.is_tree for change in changes):
            return None  # the fleet's folder itself is gone: the listing says so
        below = f"{self.subfolder}/" if self.subfolder else ""
        return self._with_sizes([change for change in changes if change.path.startswith(below)])

    def _with_sizes(self, changes: list[TreeChange]) -> Sequence[TreeChange]:
        blobs = {c.entry.oid for c in changes if c.entry and (c.entry.is_file or c.entry.is_link)}
        if not blobs:
            return changes
        with ObjectStream(self.repository, self.environment, check_only=True) as stream:
            sizes = {oid: stream.size(oid) for oid in blobs}
        return [
            TreeChange(c.path, TreeEntry(c.path, c.entry.mode, c.entry.oid, sizes.get(c.entry.oid, 0)))
            if c.entry
            else c
            for c in changes
        ]

    def read(self, oid: str) -> bytes:
        """Return an object's content."""
        if self._objects is None:
            self._objects = ObjectStream(self.repository, self.environment)
        return self._objects.read(oid)

    def descends_from(self, commit: str) -> bool:
        """Return whether that commit is this one or one of its ancestors."""
        try:
            self._git("merge-base", "--is-ancestor", commit, self.revision.id)
        except SourceUnavailable:
            return False
        return True

    def tree_at(self, commit: str, folder: str) -> str:
        """Return the tree id of a folder at any commit of the repository. Raises NotFound."""
        try:
            found = self._git("rev-parse", "--verify", "--end-of-options", f"{commit}:{folder}")
        except SourceUnavailable as error:
            raise NotFound(f'No folder "{folder}" at {commit[:7]}') from error
        return found.decode().strip()

    def close(self) -> None:
        """End the child that reads objects."""
        if self._objects is not None:
            self._objects.close()
            self._objects = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def find_commit(repository: Path, ref: str, environment: Mapping[str, str]) -> str:
    """Return the commit of a branch, tag or commit in a repository of ours; blocks. Raises NotFound."""
    for form in (f"refs/heads/{ref}", f"refs/tags/{ref}", ref):
        try:
            found = git(
                repository,
                *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{form}^{{commit}}"),
                environment=environment,
            )
        except SourceUnavailable:
            continue
        return found.decode().strip()
    raise NotFound(f"there is no branch, tag or commit {ref} here; push it, or name one that is there")


def parse_listing(output: bytes, prefix: str, errors: str = "backslashreplace") -> list[TreeEntry]:
    """Return the entries of what `git ls-tree -z -l` printed, their paths below `prefix`.

    `errors` says what becomes of bytes that are not UTF-8: by default, text that can be shown.
    """
    entries = []
    for record in output.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        mode, _, oid, size = facts.decode().split()
        name = prefix + path.decode("utf-8", errors)
        entries.append(TreeEntry(name, intern(mode), oid, 0 if size == "-" else int(size)))
    return entries


def _parse_changes(output: bytes) -> list[TreeChange]:
    fields = output.split(b"\0")[:-1]
    changes = []
    for facts, raw in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, oid, _ = facts.decode().split()
        path = shown_path(raw)
        changes.append(TreeChange(path, TreeEntry(path, mode, oid) if oid != NO_OBJECT else None))
    return changes
