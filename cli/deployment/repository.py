"""The fleet's repository that a deployment is committed to: the person's own clone, or one kept for them."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.fleet_folder import fleet_around
from cli.init import REMOTE, UNKNOWN_AUTHOR, add_remote
from cli.known_service import Service, current_file, named
from schemas.errors import Conflict, HerdsmanError, UsageError

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git's name of a tree without files."""
_PATIENCE = 60.0
"""Who commits where git does not know who the person is."""


class PushRefused(HerdsmanError):
    """The service did not take the push; its reasons were printed."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone of the fleet: `root` is the fleet's folder in it; `managed` where it is ours to overwrite."""

    root: Path
    remote: str
    branch: str
    managed: bool
    environment: dict[str, str]

    def git(self, *arguments: str, check: bool = True) -> str:
        """Run git in the fleet's folder and return what it prints. Raises HerdsmanError."""
        done = self._run(*arguments)
        if done.returncode and check:
            raise HerdsmanError(f"git {arguments[0]} failed in {self.root}: {done.stderr.strip()}")
        return done.stdout.strip() if done.returncode == 0 else ""

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=_PATIENCE,
            check=False,
        )

    def fetch(self) -> str:
        """Learn what the service has and return its commit, the empty tree where it has none."""
        self.git("fetch", "--quiet", self.remote, f"+refs/heads/*:refs/remotes/{self.remote}/*")
        return (
            self.git("rev-parse", "--quiet", "--verify", f"{self.remote}/{self.branch}", check=False)
            or EMPTY_TREE
        )

    def content(self, commit: str, path: Path) -> str:
        """Return a file's text at a commit, "" where it is not there."""
        return self.git("show", f"{commit}:./{path.relative_to(self.root)}", check=False)

    def differs(self, commit: str, path: Path) -> bool:
        """Tell whether a path is other than at a commit; it is staged for that."""
        where = str(path.relative_to(self.root))
        self.git("add", "--all", "--", where)
        return self._run("diff", "--cached", "--quiet", commit, "--", where).returncode != 0

    def ahead(self, commit: str) -> int:
        """Return how many commits of this clone the commit does not hold."""
        known = () if commit == EMPTY_TREE else (f"^{commit}",)
        return int(self.git("rev-list", "--count", "HEAD", *known, check=False) or 0)

    def commit(self, message: str, paths: list[Path]) -> str:
        """Commit these paths alone, where they changed, and return the newest commit."""
        names = [str(path.relative_to(self.root)) for path in paths]
        self.git("add", "--all", "--", *names)
        if self.git("status", "--porcelain", "--", *names):
            known = self.git("config", "user.email", check=False) or self.environment.get("GIT_AUTHOR_EMAIL")
            self.git(*(() if known else UNKNOWN_AUTHOR), "commit", "--quiet", "-m", message, "--", *names)
        return self.git("rev-parse", "HEAD")

    def push(self, say: Callable[[str], None]) -> None:
        """Push and say what the service prints as it comes, until the bots are healthy or failed.

        Raises PushRefused, and Conflict where somebody else pushed in between.
        """
        command = ["git", "-C", str(self.root), "push", "-o", "wait=healthy", self.remote]
        pushing = subprocess.Popen(
            [*command, f"HEAD:refs/heads/{self.branch}"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        )
        assert pushing.stderr is not None
        own: list[str] = []
        for line in pushing.stderr:
            if line.startswith("remote:"):
                say(line.removeprefix("remote:").removeprefix(" ").rstrip())
            else:
                own.append(line.strip())
        if pushing.wait():
            raise self._refusal(own)

    def _refusal(self, lines: list[str]) -> HerdsmanError:
        said = " ".join(lines)
        if "fetch first" in said or "non-fast-forward" in said:
            step = (
                "run this again" if self.managed else f"`git pull --rebase {self.remote} {self.branch}` first"
            )
            return Conflict(f"somebody else pushed in between: {step}")
        if "pre-receive hook declined" in said:
            return PushRefused(
                "the service refused it, all bots run on as they were: mend it and run this again"
            )
        return PushRefused(f"git push failed: {lines[-1] if lines else 'git gave no reason'}")


def git_environment(service: Service, token_file: Path | None, data: Path | None) -> dict[str, str]:
    """Return the person's environment, in which `herdsman git-credential` finds the same service."""
    found = {**os.environ, "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "HERDSMAN_URL": service.url}
    if named.get():
        for variable in ("HERDSMAN_TOKEN", "HERDSMAN_TOKEN_FILE"):
            found.pop(variable, None)
    if token_file:
        found["HERDSMAN_TOKEN_FILE"] = str(token_file.absolute())
    if data:
        found["HERDSMAN_DATA"] = str(data.absolute())
    return found


@contextlib.contextmanager
def open_repository(
    program: Path, service: Service, branch: str, environment: dict[str, str]
) -> Iterator[Repository]:
    """Give the fleet's clone around the program or the current folder, else the one kept for the person.

    Raises UsageError where a fleet is around that is not connected to this service.
    """
    for start in (program, Path.cwd()):
        own = clone_around(start, service, branch, environment)
        if own:
            yield own
            return
    folder = current_file().parent / "clones" / hashlib.sha256(service.url.encode()).hexdigest()[:12]
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with folder.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two deployments at once take turns
        yield refreshed(Repository(folder, REMOTE, branch, True, environment), service)


def clone_around(
    start: Path, service: Service, branch: str, environment: dict[str, str]
) -> Repository | None:
    """Return the clone of this service's fleet that a folder lies in."""
    root = fleet_around(start)
    if root is None:
        return None
    found = Repository(root, REMOTE, branch, False, environment)
    if not found.git("rev-parse", "--show-toplevel", check=False):
        return None
    address = f"{service.url}/git/fleet.git"
    for line in found.git("remote", "-v").splitlines():
        name, _, rest = line.partition("\t")
        if rest.split(" ")[0] == address:
            refuse_other_branch(found)
            return Repository(root, name, branch, False, environment)
    if (root / "herdsman.yaml").exists() or (root / "bots").is_dir():
        raise UsageError(
            f"{root} is a fleet, but not connected to {service.url}: "
            f"`herdsman init --connect-only {root}` first"
        )
    return None


def refuse_other_branch(clone: Repository) -> None:
    """Refuse another branch: its commits would be deployed with the program. Raises UsageError."""
    here = clone.git("symbolic-ref", "--quiet", "--short", "HEAD", check=False)
    if here != clone.branch:
        raise UsageError(
            f"{clone.root} is on {here or 'no branch'}, and {clone.branch} is deployed: "
            f"`git switch {clone.branch}` first, or name the branch with --branch"
        )


def refreshed(clone: Repository, service: Service) -> Repository:
    """Bring the kept clone to what the service has, whatever it was before."""
    for _ in range(2):
        clone.root.mkdir(exist_ok=True)
        if not (clone.root / ".git").exists():
            clone.git("init", "--quiet", f"--initial-branch={clone.branch}")
        add_remote(clone.root, service)
        there = clone.fetch()
        if there != EMPTY_TREE:
            clone.git("checkout", "--quiet", "--force", "-B", clone.branch, there)
            clone.git("clean", "-ffdxq")
            return clone
        if not clone.git("rev-parse", "--quiet", "--verify", "HEAD", check=False):
            clone.git("read-tree", "--empty")
            clone.git("clean", "-ffdxq")
            return clone
        shutil.rmtree(clone.root)  # the service began anew: what is here belongs to another fleet
    return clone
