"""Reading a fleet's files: at a commit without a work tree, or in a plain folder on disk."""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from gitops.objects import NO_OBJECT, ObjectStream, TreeChange, TreeEntry, blob_id, tree_id
from gitops.process import CommandTimedOut, git, git_environment, run
from gitops.revision import Revision
from schemas.errors import NotFound, SourceUnavailable

WORKING_FOLDER = "working-folder"
"""The revision id of a plain folder, which has no commit."""

_COMMIT = re.compile(r"[0-9a-f]{40}")


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

    def changes(self, since: str) -> Sequence[TreeChange] | None:
        """Return what differs from the revision of that id, folders too; None where it cannot be told."""
        ...

    def folder(self, oid: str, path: str) -> Sequence[TreeEntry]:
        """Return all that lies below the tree of that id, as if the tree lay at `path`."""
        ...

    def read(self, oid: str) -> bytes:
        """Return a file's content (a link's: where it leads)."""
        ...


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


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def parse_listing(output: bytes, prefix: str, errors: str = "backslashreplace") -> list[TreeEntry]:
    """Return the entries of what `git ls-tree -z -l` printed, their paths below `prefix`.

    `errors` says what becomes of bytes that are not UTF-8: by default, text that can be shown.
    """
    entries = []
    for record in output.split(b"\0")[:-1]:
        facts, _, path = record.partition(b"\t")
        mode, _, oid, size = facts.decode().split()
        name = prefix + path.decode("utf-8", errors)
        entries.append(TreeEntry(name, mode, oid, 0 if size == "-" else int(size)))
    return entries


def _parse_changes(output: bytes) -> list[TreeChange]:
    fields = output.split(b"\0")[:-1]
    changes = []
    for facts, raw in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, oid, _ = facts.decode().split()
        path = _text(raw)
        changes.append(TreeChange(path, TreeEntry(path, mode, oid) if oid != NO_OBJECT else None))
    return changes


class FolderReader:
    """Reads a folder on disk with the ids that git would give its files and folders.

    In a git work tree, what git ignores is left out; elsewhere everything is read but `.git`. A symbolic
    link is an entry of its own and is never followed. `unreadable` lists what could not be read.
    """

    subfolder = ""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise NotFound(f"{path} is not a folder")
        self.path = path
        self.revision = Revision(WORKING_FOLDER, message=f"files in {path}")
        self.unreadable: Sequence[str] = ()
        self._places: dict[str, str] = {}
        self._trees: dict[str, str] = {}
        self._entries: list[TreeEntry] | None = None

    def entries(self) -> Sequence[TreeEntry]:
        """Return all files, links and folders, read once."""
        if self._entries is None:
            files = [entry for path in self._files() if (entry := self._entry(path)) is not None]
            self._entries = [*files, *self._folders(files)]
        return self._entries

    def _files(self) -> list[str]:
        # Of a repository's own settings, one could run a program here.
        command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-co", "--exclude-standard", "-z"]
        try:
            listed = run(command, cwd=self.path, environment=git_environment())
        except (OSError, CommandTimedOut):
            return self._walk()
        if listed.code != 0 or not listed.stdout:
            return self._walk()  # no work tree, or a folder that git ignores as a whole
        return sorted({os.fsdecode(path) for path in listed.stdout.split(b"\0")[:-1]})

    def _walk(self) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self.path, onerror=self._report):
            folders[:] = [name for name in folders if name != ".git"]
            linked = [name for name in folders if Path(folder, name).is_symlink()]
            found += [os.path.relpath(Path(folder, name), self.path) for name in (*files, *linked)]
        return sorted(found)

    def _report(self, error: OSError) -> None:
        self._note_unreadable(os.path.relpath(error.filename, self.path))

    def _note_unreadable(self, path: str) -> None:
        self.unreadable = (*self.unreadable, _text(os.fsencode(path)))

    def _entry(self, path: str) -> TreeEntry | None:
        place = self.path / path
        try:
            status = place.lstat()
            if stat.S_ISLNK(status.st_mode):
                mode = "120000"
            elif stat.S_ISREG(status.st_mode):
                mode = "100755" if status.st_mode & stat.S_IXUSR else "100644"
            else:
                return None
            oid = self._identify(path, status.st_size)
        except (FileNotFoundError, NotADirectoryError):
            return None  # git still lists a file that was deleted without telling it
        except OSError:
            self._note_unreadable(path)
            return None
        self._places[oid] = path
        return TreeEntry(_text(os.fsencode(path)), mode, oid, status.st_size)

    def _identify(self, path: str, size: int) -> str:
        with self._open(path) as file:
            return blob_id(iter(lambda: file.read(1 << 20), b""), size)

    def _open(self, path: str) -> BinaryIO:
        place = self.path / path
        if any((self.path / parent).is_symlink() for parent in PurePosixPath(path).parents[:-1]):
            raise FileNotFoundError(path)
        if place.is_symlink():
            return BytesIO(os.fsencode(place.readlink()))
        # A link or a queue put there in between is not followed, and not waited for.
        return os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")

    def _folders(self, files: Sequence[TreeEntry]) -> list[TreeEntry]:
        children: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        for file in files:
            path = PurePosixPath(file.path)
            children[str(path.parent)][path.name] = (file.mode, file.oid)
            for folder in path.parents[:-1]:
                children[str(folder.parent)].setdefault(folder.name, ("040000", ""))
        entries = []
        for folder_path in sorted(children, key=lambda path: len(PurePosixPath(path).parts), reverse=True):
            oid = tree_id((name, mode, oid) for name, (mode, oid) in children[folder_path].items())
            self._trees[oid] = folder_path
            if folder_path != ".":
                path = PurePosixPath(folder_path)
                children[str(path.parent)][path.name] = ("040000", oid)
                entries.append(TreeEntry(folder_path, "040000", oid))
        return entries

    def changes(self, since: str) -> None:
        """Return None: a folder keeps no record of what it held before."""
        del since

    def folder(self, oid: str, path: str) -> Sequence[TreeEntry]:
        """Return everything below a folder of this folder."""
        place = self._trees[oid]
        return [
            TreeEntry(path + entry.path[len(place) :], entry.mode, entry.oid, entry.size)
            for entry in self.entries()
            if entry.path.startswith(place + "/")
        ]

    def read(self, oid: str) -> bytes:
        """Return a file's content as it is now."""
        try:
            with self._open(self._places[oid]) as file:
                return file.read()
        except (KeyError, OSError) as error:
            raise SourceUnavailable(f"A file of {self.path} changed while it was read") from error
