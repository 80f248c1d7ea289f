"""What a plan needs of a clone or folder on this machine, as one pack; nothing in the clone is changed."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gitops.candidates import LARGEST_PACK, Packed
from gitops.process import CommandTimedOut, Finished, git_environment, run
from schemas.errors import UsageError

_TIMEOUT = 120.0
_CALM = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*")
"""A clone that is only looked at runs nothing of its own."""
_US = {
    **{f"GIT_{who}_NAME": "herdsman" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "herdsman@localhost" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True, slots=True)
class Local:
    """A revision on this machine: a commit where there is one, else (a plain folder) a tree.

    `git_folder` is where its repository is; `environment` lets git read what was made for the plan alone.
    """

    git_folder: Path
    name: str
    message: str
    commit: str = ""
    tree: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def packed(self, known: Sequence[str]) -> Packed:
        """Return it as a pack that builds on those of the `known` commits that are here.

        Where none of them is, as in a shallow clone, only the tree is sent. Raises UsageError.
        """
        here = [commit for commit in known if self._has(commit)]
        if self.commit and (here or not self._is_shallow()):
            return Packed(self._pack(self.commit, here), self.commit, "", self.name, self.message)
        tree = self.tree or self._git("rev-parse", f"{self.commit}^{{tree}}").stdout.decode().strip()
        return Packed(self._pack(tree, ()), "", tree, self.name, self.message)

    def _pack(self, tip: str, known: Sequence[str]) -> bytes:
        wanted = "\n".join([tip, *(f"^{commit}" for commit in known)])
        how = ("--revs", "--thin", "--stdout", "--quiet", "--delta-base-offset")
        pack = self._git("pack-objects", *how, stdin=f"{wanted}\n".encode()).stdout
        if len(pack) > LARGEST_PACK:
            most, size = LARGEST_PACK // 1024 // 1024, len(pack) // 1024 // 1024
            raise UsageError(
                f"what the service lacks of it is {size} MiB, at most {most} MiB are sent: push "
                " it to the repository that the service follows, then plan it with --ref"
            )
        return pack

    def _has(self, commit: str) -> bool:
        return self._run("cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def _is_shallow(self) -> bool:
        return self._run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def _run(self, *arguments: str, stdin: bytes = b"") -> Finished:
        return _run(self.git_folder, *arguments, environment=self.environment, stdin=stdin)

    def _git(self, *arguments: str, stdin: bytes = b"") -> Finished:
        return _checked(self._run(*arguments, stdin=stdin), arguments[0])


@contextmanager
def local(what: str, here: Path) -> Iterator[Local]:
    """Give what is meant on this machine: a folder as it is, or a revision of the clone around `here`.

    Raises UsageError where it is neither.
    """
    folder = here / what
    if folder.is_dir():
        with tempfile.TemporaryDirectory(prefix="herdsman-plan-") as aside:
            yield _work_tree(folder.resolve(), Path(aside))
        return
    repository = _git_folder(here)
    if repository is None:
        raise UsageError(
            f"{what} is no folder, and {here} is in no git repository: name a folder, or use --ref"
        )
    yield _revision(repository, what)


def _revision(repository: Path, what: str) -> Local:
    found = _run(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{what}^{{commit}}")
    if found.code != 0:
        raise UsageError(
            f"{what} is no folder and no branch, tag or commit of this clone; --ref names one that the "
            "service has, or fetches itself"
        )
    commit = found.stdout.decode().strip()
    return Local(repository, what, _subject(repository, commit), commit)


def _work_tree(folder: Path, aside: Path) -> Local:
    """Return a folder with all uncommitted changes, as a commit after what is checked out."""
    repository = _git_folder(folder)
    if repository is None:
        return _plain_folder(folder, aside)
    (aside / "objects").mkdir()
    environment = {
        **_US,
        "GIT_INDEX_FILE": str(aside / "index"),
        "GIT_OBJECT_DIRECTORY": str(aside / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(_path(folder, "objects")),
    }
    top = Path(_text(folder, "rev-parse", "--show-toplevel"))
    index = _path(folder, "index")
    if index.is_file():
        shutil.copy2(index, aside / "index")  # what it knows of unchanged files saves reading them
    _text(top, "add", "--all", ".", environment=environment)
    tree = _text(top, "write-tree", environment=environment)
    head = _text(folder, "rev-parse", "--verify", "--quiet", "HEAD", missing="")
    if not head:
        return Local(repository, str(folder), f"files in {folder}", tree=tree, environment=environment)
    name = _text(folder, "symbolic-ref", "--short", "-q", "HEAD", missing="") or head[:7]
    if tree == _text(folder, "rev-parse", "HEAD^{tree}"):
        return Local(repository, name, _subject(repository, head), head, environment=environment)
    message = f"uncommitted changes in {folder}"
    commit = _text(top, "commit-tree", tree, "-p", head, "-m", message, environment=environment)
    return Local(repository, f"{name}-dirty", message, commit, environment=environment)


def _plain_folder(folder: Path, aside: Path) -> Local:
    repository = aside / "repository"
    _text(aside, "init", "--bare", "--quiet", str(repository))
    where = {"GIT_DIR": str(repository), "GIT_WORK_TREE": str(folder)}
    _text(folder, "add", "--all", ".", environment=where)
    tree = _text(folder, "write-tree", environment=where)
    return Local(repository, str(folder), f"files in {folder}", tree=tree)


def _git_folder(folder: Path) -> Path | None:
    found = _text(folder, "rev-parse", "--absolute-git-dir", missing="")
    return Path(found) if found else None


def _path(folder: Path, name: str) -> Path:
    """Return where a clone keeps something of git's, which a linked work tree has elsewhere."""
    return (folder / _text(folder, "rev-parse", "--git-path", name)).resolve()


def _text(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, missing: str | None = None
) -> str:
    """Return what git prints in a folder of a work tree; `missing` where it fails, if that is given."""
    done = _run(folder, *arguments, environment=environment, work=True)
    if done.code != 0 and missing is not None:
        return missing
    return _checked(done, arguments[0]).stdout.decode(errors="replace").strip()


def _subject(repository: Path, commit: str) -> str:
    found = _run(repository, "log", "-1", "--no-show-signature", "--format=%s", commit, "--")
    return found.stdout.decode(errors="replace").strip()


def _run(
    place: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    work: bool = False,
) -> Finished:
    """Run git on a repository's folder, or in a folder of its work tree."""
    where = ("-C", str(place)) if work else ("--git-dir", str(place))
    try:
        return run(
            ["git", *_CALM, *where, *arguments],
            environment=git_environment(environment),
            stdin=stdin,
            timeout=_TIMEOUT,
        )
    except CommandTimedOut as error:
        raise UsageError(f"git {arguments[0]} took too long in {place}: {error}") from error
    except FileNotFoundError as error:
        raise UsageError("a plan of local files needs git, which is not installed here") from error


def _checked(done: Finished, what: str) -> Finished:
    if done.code != 0:
        raise UsageError(f"git {what} failed: {done.text}")
    return done
