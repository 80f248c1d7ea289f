"""The bare repository that we serve: its settings, its hooks, and the proof that the hooks will run."""

import asyncio
import os
from importlib import resources
from pathlib import Path

from gitops.process import CommandTimedOut, Finished, git, git_environment, run
from gitops.repository import KEEP_OBJECTS, Settings, make_bare
from schemas.errors import HerdsmanError

HOOKS = ("pre-receive", "post-receive")
LARGEST_PUSH = 512 * 1024 * 1024
"""Bytes that one push may bring, packed."""


class RemoteBroken(HerdsmanError):
    """The hosted repository must not take pushes as it is: they would not be checked."""


class HostedRepository:
    """The repository that people push to. `branch` is the deployed one."""

    def __init__(self, path: Path, branch: str = "main", largest_push: int = LARGEST_PUSH) -> None:
        self.path = path.absolute()
        self.branch = branch
        self._largest_push = largest_push

    def create(self) -> None:
        """Make it, or bring one that is there up to date, and check it. Raises RemoteBroken."""
        make_bare(self.path, self.branch, self._settings())
        (self.path / "hooks").mkdir(exist_ok=True)
        for name in HOOKS:
            self._install(name)
        self.check()

    def _settings(self) -> Settings:
        return {
            **KEEP_OBJECTS,
            "http": {"receivepack": "true", "getanyfile": "false"},
            "receive": {
                "fsckObjects": "true",
                "maxInputSize": str(self._largest_push),
                "autogc": "false",
                "advertisePushOptions": "true",
                "denyDeleteCurrent": "refuse",
            },
            "uploadpack": {"allowFilter": "true"},
        }

    def _install(self, name: str) -> None:
        place = self.path / "hooks" / name
        part = place.with_suffix(".part")
        part.write_bytes(_hook_text(name))
        part.chmod(0o755)
        part.replace(place)

    def check(self) -> None:
        """Make sure that a push is checked: git skips a hook that it cannot run, without a word.

        The pre-receive hook is run as it would be without us, which it must refuse. Raises RemoteBroken.
        """
        self.check_files()
        try:
            tried = self._try_hook()
        except (OSError, CommandTimedOut) as error:
            raise RemoteBroken(f"The hooks in {self.path}/hooks cannot be run here: {error}") from error
        if tried.code != 1 or b"herdsman" not in tried.stderr:
            raise RemoteBroken(
                f"The hook {self.path}/hooks/pre-receive does not refuse what it should refuse"
            )

    def _try_hook(self) -> Finished:
        return run([self.path / "hooks" / "pre-receive"], environment=git_environment(), timeout=10)

    def check_files(self) -> None:
        """Make sure, at each push, that both hooks are as installed. Raises RemoteBroken."""
        for name in HOOKS:
            place = self.path / "hooks" / name
            try:
                intact = place.read_bytes() == _hook_text(name) and os.access(place, os.X_OK)
            except OSError:
                intact = False
            if not intact:
                raise RemoteBroken(
                    f"The hook {place} is missing, changed or not executable: pushes would go unchecked, "
                    "so none is taken. Restart herdsman to install it again"
                )

    async def refs(self) -> dict[str, str]:
        """Return the object ids of all refs by name."""
        listed = await asyncio.to_thread(git, self.path, "for-each-ref", "--format=%(objectname) %(refname)")
        lines = (line.partition(" ") for line in listed.decode(errors="replace").splitlines())
        return {ref: oid for oid, _, ref in lines}

    async def put_back(self, before: dict[str, str], after: dict[str, str]) -> None:
        """Undo what moved between two looks at the refs, unless it moved again since."""
        commands = [
            f"update {ref} {before[ref]} {oid}" if ref in before else f"delete {ref} {oid}"
            for ref, oid in after.items()
            if before.get(ref) != oid
        ] + [f"create {ref} {oid}" for ref, oid in before.items() if ref not in after]
        script = "".join(f"{command}\n" for command in commands).encode()
        await asyncio.to_thread(git, self.path, "update-ref", "--stdin", stdin=script)


def _hook_text(name: str) -> bytes:
    return (resources.files("gitops") / "hooks" / name).read_bytes()
