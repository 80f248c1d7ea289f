"""Reading a fleet in a plain folder on disk, as if it were committed."""

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from gitops.process import CommandTimedOut, git_environment, run
from gitops.revision import Revision
from gitops.tree import TreeEntry, blob_id, shown_path, tree_id
from schemas.errors import NotFound, SourceUnavailable

WORKING_FOLDER = "working-folder"
"""The revision id of a plain folder, which has no commit."""


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
        self.unreadable = (*self.unreadable, shown_path(os.fsencode(path)))

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
        return TreeEntry(shown_path(os.fsencode(path)), mode, oid, status.st_size)

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

    def find(self, paths: Sequence[str]) -> Mapping[str, TreeEntry]:
        """Return the entries of these paths."""
        wanted = set(paths)
        return {entry.path: entry for entry in self.entries() if entry.path in wanted}

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
