"""The bundle store: what nodes fetch, each built once, found by what it was made from or by its digest."""

import asyncio
import hashlib
import io
import json
import os
import platform
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from gitops.archive import Member, members_of_folder, write_archive
from gitops.bundle import Bundle
from gitops.compiling.compiler import Compiler
from gitops.compiling.steps import BuildLimits, Progress
from gitops.compiling.toolchains import Toolchain, find_toolchain
from gitops.dependencies import INSTALL_TIMEOUT, install, is_empty, refers_to_files
from gitops.node_dependencies import install_modules, is_empty_lock, lock_refers_to_files
from gitops.objects import ObjectStream
from gitops.platforms import glibc
from gitops.process import git
from gitops.programs import leads_out, link_target
from gitops.reading import parse_listing
from gitops.runtimes import Interpreter, find_node, interpreters
from gitops.tree import TreeEntry
from schemas.bot import ProgramVersion
from schemas.errors import BuildFailed, RuntimeMissing, SourceUnavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CODE_LEVEL = 6
_INTERPRETED = ("python", "nodejs")
_DEPENDENCIES_LEVEL = 1
"""Dependency layers are large and made while somebody waits for a bot; they are compressed quickly."""


def _untold(_: str) -> None:
    """Hear how far a build has come, and do nothing."""


class BundleStore:
    """Bundles under `root`: `content/<digest>.tar.gz`, and `keys/` with one small record for each key.

    Two requests for the same bundle share one build. A build goes on when a request for it is cancelled, but
    for that of a compiled program: it ends with the last request, since it may take minutes of the machine.
    `compiler` builds those; their records and logs are its own, and they do not see `hidden` folders.
    Methods that build raise BuildFailed, RuntimeMissing where the machine lacks what to build with, or
    SourceUnavailable where git cannot give the content.
    """

    def __init__(
        self,
        root: Path,
        install_timeout: float = INSTALL_TIMEOUT,
        limits: BuildLimits | None = None,
        hidden: tuple[Path, ...] = (),
    ) -> None:
        root = root.absolute()  # uv gets paths in it, and works in another folder
        self.compiler = Compiler(root / "builds", limits or BuildLimits(), hidden)
        self._content = root / "content"
        self._keys = root / "keys"
        self._install_timeout = install_timeout
        self._work = root / "work"
        for folder in (self._content, self._keys, self._work):
            folder.mkdir(parents=True, exist_ok=True)
        _clear(self._work)
        self._building: dict[str, asyncio.Task[Bundle]] = {}
        self._waiting: Counter[str] = Counter()
        self._requirements: dict[str, bytes] = {}
        # Replaced, never changed: it is read while other threads add to it.
        self._known: Mapping[str, Bundle] = {bundle.key: bundle for bundle in self._load()}
        self._changing = threading.Lock()

    def _load(self) -> Iterable[Bundle]:
        for record in sorted(self._keys.glob("*.json")):
            try:
                facts = json.loads(record.read_text())
                bundle = self._bundle(facts["key"], facts["digest"], facts["size"])
                if bundle.path.stat().st_size == bundle.size:
                    yield bundle
            except (OSError, ValueError, KeyError, TypeError):
                continue  # half written when the power went: it is built again

    def _bundle(self, key: str, digest: str, size: int) -> Bundle:
        return Bundle(key, digest, self._content / f"{digest}.tar.gz", size)

    def find(self, digest: str) -> Bundle | None:
        """Return the bundle of that digest (hex SHA-256), or None."""
        if not _DIGEST.fullmatch(digest):
            return None
        return next((bundle for bundle in self._known.values() if bundle.digest == digest), None)

    async def code(self, repository: Path, program: ProgramVersion) -> Bundle:
        """Return the bundle of a program's folder; its key is `code-<git tree id>`."""

        async def build(key: str) -> Bundle:
            return await asyncio.to_thread(self._pack_tree, key, repository, program.tree)

        return await self._once(f"code-{program.tree}", build)

    async def dependencies(
        self, repository: Path, program: ProgramVersion, python: str, progress: Progress = _untold
    ) -> Bundle | None:
        """Return the layer beside the code, if one is needed: dependencies, or a compiled program's binary.

        Python's is for a minor version ("3.11"); `progress` is told how far a compiled program's build is.
        """
        if program.compiled:
            return await self._compiled(repository, program, progress)
        if not program.runtime.startswith(_INTERPRETED):
            raise RuntimeMissing(f"herdsman cannot run programs of the runtime {program.runtime} yet")
        if not program.dependencies:
            return None
        if program.runtime.startswith("nodejs"):
            return await self._modules(repository, program)
        interpreter = await asyncio.to_thread(_interpreter, program, python)
        asked = await self._asked(repository, program.dependencies_id)
        requirements = program.dependencies == "requirements.txt"
        if requirements and is_empty(asked):
            return None
        parts = ["dependencies", program.dependencies_id, program.runtime, python, _platform()]
        if requirements and refers_to_files(asked):
            parts.append(program.tree)

        async def build(key: str) -> Bundle:
            async def install_into(folder: Path, target: Path) -> None:
                await install(folder, program.dependencies, interpreter, target, self._install_timeout)

            return await self._install(key, repository, program, install_into)

        return await self._once("-".join(parts), build)

    async def _modules(self, repository: Path, program: ProgramVersion) -> Bundle | None:
        """Return a Node program's layer, which holds node_modules alone."""
        lock = await self._asked(repository, program.dependencies_id)
        if is_empty_lock(lock):
            return None
        node = await asyncio.to_thread(find_node, "install its dependencies with")
        parts = ["dependencies", program.dependencies_id, program.runtime, str(node.major), _platform()]
        if lock_refers_to_files(lock):
            parts.append(program.tree)

        async def build(key: str) -> Bundle:
            async def install_into(folder: Path, target: Path) -> None:
                await install_modules(folder, node, target, self._install_timeout)

            return await self._install(key, repository, program, install_into)

        return await self._once("-".join(parts), build)

    async def _compiled(self, repository: Path, program: ProgramVersion, progress: Progress) -> Bundle:
        """Return what a program was built into: `bot`, a link to its executable, and what that needs.

        Where the toolchain is gone since it was built, what was built stays good.
        """
        like = f"built-{program.tree}-{program.runtime}-{_platform()}-{glibc()}"
        try:
            toolchain = await asyncio.to_thread(find_toolchain, program.runtime)
        except RuntimeMissing:
            built = next((one for key, one in self._known.items() if key.startswith(f"{like}-")), None)
            if built is None:
                raise
            return built

        async def build(key: str) -> Bundle:
            return await self._compile(key, repository, program, toolchain, progress)

        return await self._once(f"{like}-{toolchain.name}", build, abandon=True)

    async def _compile(
        self, key: str, repository: Path, program: ProgramVersion, toolchain: Toolchain, progress: Progress
    ) -> Bundle:
        with tempfile.TemporaryDirectory(dir=self._work, ignore_cleanup_errors=True) as name:
            layer = await self.compiler.build(
                key,
                program,
                toolchain,
                Path(name),
                lambda folder: _check_out(repository, program.tree, folder, links=True),
                progress,
            )
            return await asyncio.to_thread(self._pack, key, members_of_folder(layer), _DEPENDENCIES_LEVEL)

    async def _asked(self, repository: Path, oid: str) -> bytes:
        if oid not in self._requirements:
            self._requirements[oid] = await asyncio.to_thread(_blob, repository, oid)
        return self._requirements[oid]

    async def files(self, key: str, files: Mapping[str, bytes]) -> Bundle:
        """Return a bundle of these files, by path inside it; the same key may come to hold new content."""
        members = [Member(path, len(content), _opener(content)) for path, content in files.items()]
        return await asyncio.to_thread(self._pack, key, members, _CODE_LEVEL)

    async def retain(self, keys: set[str]) -> None:
        """Forget every bundle that has none of these keys; one that is being built stays."""
        await asyncio.to_thread(self._drop_all_but, keys | self._building.keys())

    def _drop_all_but(self, keys: set[str]) -> None:
        with self._changing:
            dropped = [bundle for bundle in self._known.values() if bundle.key not in keys]
            self._known = {key: bundle for key, bundle in self._known.items() if key in keys}
            used = {bundle.digest for bundle in self._known.values()}
            for bundle in dropped:
                self._record(bundle.key).unlink(missing_ok=True)
                if bundle.digest not in used:
                    bundle.path.unlink(missing_ok=True)

    async def _once(
        self, key: str, build: Callable[[str], Awaitable[Bundle]], *, abandon: bool = False
    ) -> Bundle:
        """Return the bundle of a key, built where it is missing; `abandon` ends a build nobody waits for."""
        known = self._known.get(key)
        if known is not None and known.path.exists():
            return known
        task = self._building.get(key)
        if task is None or task.cancelling():
            task = asyncio.ensure_future(build(key))
            self._building[key] = task
            task.add_done_callback(lambda done: self._built(key, done))
        self._waiting[key] += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                if abandon:
                    task.cancel()

    def _built(self, key: str, task: "asyncio.Task[Bundle]") -> None:
        if self._building.get(key) is task:
            del self._building[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left to

    async def _install(
        self,
        key: str,
        repository: Path,
        program: ProgramVersion,
        install_into: Callable[[Path, Path], Awaitable[None]],
    ) -> Bundle:
        with tempfile.TemporaryDirectory(dir=self._work) as name:
            folder, target = Path(name) / "program", Path(name) / "target"
            await asyncio.to_thread(_check_out, repository, program.tree, folder)
            await install_into(folder, target)
            return await asyncio.to_thread(self._pack, key, members_of_folder(target), _DEPENDENCIES_LEVEL)

    def _pack_tree(self, key: str, repository: Path, tree: str) -> Bundle:
        with ObjectStream(repository) as objects:
            members = [_member(entry, objects) for entry in _files_of(repository, tree)]
            return self._pack(key, members, _CODE_LEVEL)

    def _pack(self, key: str, members: Iterable[Member], level: int) -> Bundle:
        """Write an archive and its record, each by renaming, so that there is never half of one."""
        handle, name = tempfile.mkstemp(dir=self._work)
        part = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                write_archive(file, members, level)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0, os.SEEK_END)
                bundle = self._bundle(key, digest, file.tell())
            part.chmod(0o644)
            with self._changing:
                part.replace(bundle.path)
                self._write_record(bundle)
                self._known = {**self._known, key: bundle}
        finally:
            part.unlink(missing_ok=True)
        return bundle

    def _write_record(self, bundle: Bundle) -> None:
        record = self._record(bundle.key)
        part = self._work / f"{record.name}-{bundle.digest}"
        part.write_text(json.dumps({"key": bundle.key, "digest": bundle.digest, "size": bundle.size}))
        part.replace(record)

    def _record(self, key: str) -> Path:
        return self._keys / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"


def _interpreter(program: ProgramVersion, python: str) -> Interpreter:
    if not program.runtime.startswith("python"):
        raise BuildFailed(f"Dependencies of the runtime {program.runtime} cannot be installed yet")
    found = interpreters().get(f"python{python}")
    if found is None:
        have = ", ".join(interpreters()) or "none"
        raise BuildFailed(
            f"There is no python{python} on this machine to install dependencies with; it has {have}"
        )
    return found


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}-{platform.libc_ver()[0] or 'libc'}".lower()


def _blob(repository: Path, oid: str) -> bytes:
    with ObjectStream(repository) as objects:
        return objects.read(oid)


def _files_of(repository: Path, tree: str) -> list[TreeEntry]:
    listing = git(repository, "ls-tree", "-r", "-z", "-l", tree)
    entries = parse_listing(listing, "", errors="surrogateescape")
    return [entry for entry in entries if entry.is_file or entry.is_link]


def _member(entry: TreeEntry, objects: ObjectStream) -> Member:
    if entry.is_link:
        content = objects.read(entry.oid)
        if leads_out(link_target(entry.path, content)):
            raise BuildFailed(f"The symbolic link {entry.path} leads out of the program's folder")
        return Member(entry.path, link=os.fsdecode(content))
    executable = entry.mode == "100755"
    return Member(entry.path, entry.size, lambda: io.BytesIO(objects.read(entry.oid)), executable)


def _check_out(repository: Path, tree: str, folder: Path, *, links: bool = False) -> None:
    """Write a tree's files to disk. Links are left out for installers: nothing that they read needs them."""
    folder.mkdir()
    with ObjectStream(repository) as objects:
        # Links come last, so that nothing is written through one.
        for entry in sorted(_files_of(repository, tree), key=lambda entry: entry.is_link):
            place = folder / entry.path
            if not place.resolve().is_relative_to(folder.resolve()):
                raise SourceUnavailable(f"{entry.path} would lie outside of its folder")
            if entry.is_link and not links:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            content = objects.read(entry.oid)
            if entry.is_link and not leads_out(link_target(entry.path, content)):
                place.symlink_to(os.fsdecode(content))
            elif entry.is_file:
                place.write_bytes(content)
                place.chmod(0o755 if entry.mode == "100755" else 0o644)


def _clear(folder: Path) -> None:
    """Remove what builds left there when an earlier process ended in the middle of them."""
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _opener(content: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(content)
