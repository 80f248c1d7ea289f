"""Builds a program's git tree into a folder: one at a time, on record, within limits."""

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gitops.compiling.choice import Executable
from gitops.compiling.cmake import build_cpp
from gitops.compiling.log import BuildLog
from gitops.compiling.records import BUILT, FAILED, INTERRUPTED, BuildRecord, BuildRecords, begun
from gitops.compiling.rust import build_rust
from gitops.compiling.seclusion import Seclusion
from gitops.compiling.steps import BuildLimits, Progress, Workshop
from gitops.compiling.toolchains import Rust, Toolchain
from schemas.bot import ProgramVersion
from schemas.errors import BuildFailed

BOT, QUERY = "bot", "query"
"""The links of a built layer to the executables that its entrypoints mean."""

RETRY_AFTER, RETRY_CAP = 60.0, 3600.0
"""Seconds for which a failed build is not tried again, doubling: the same tree fails again, as a rule."""


@dataclass(frozen=True, slots=True)
class _Failed:
    message: str
    lines: str
    wait: float
    until: float


class Compiler:
    """Builds programs, one at a time: bots that run must not starve, and one build uses several cores.

    `folder` keeps the builds' records and logs, and cargo's downloads. `hidden` are folders that no build
    sees, where the machine can hide them.
    """

    def __init__(
        self,
        folder: Path,
        limits: BuildLimits,
        hidden: tuple[Path, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._hidden = hidden
        self.records = BuildRecords(folder / "logs")
        self._cargo_home = folder / "cargo"
        self._cargo_home.mkdir(parents=True, exist_ok=True)
        self._limits = limits
        self._clock = clock
        self._turn = asyncio.Lock()
        self._failed: dict[str, _Failed] = {}

    async def build(
        self,
        key: str,
        program: ProgramVersion,
        toolchain: Toolchain,
        folder: Path,
        check_out: Callable[[Path], None],
        progress: Progress,
    ) -> Path:
        """Build what `check_out` writes, within `folder`; return the layer's folder. Raises BuildFailed."""
        self._refuse_again(key)
        if self._turn.locked():
            progress("waiting for another build to end")
        async with self._turn:
            self._refuse_again(key)
            record = begun(program, toolchain.name, self._clock())
            progress(f"with {toolchain.name}")
            try:
                layer = await self._build(record, program, toolchain, folder, check_out, progress)
            except BuildFailed as error:
                self._end(record, FAILED, str(error))
                raise self._remember(key, error, program.name) from error
            except BaseException:
                self._end(record, INTERRUPTED)
                raise
            self._failed.pop(key, None)
            self._end(record, BUILT)
            return layer

    def _refuse_again(self, key: str) -> None:
        """Raise what a build failed with while it is too soon to try it again."""
        failed = self._failed.get(key)
        if failed is not None and self._clock() < failed.until:
            raise BuildFailed(failed.message, failed.lines)

    def _remember(self, key: str, error: BuildFailed, program: str) -> BuildFailed:
        """Keep a failure, and return it with where the rest of its log is."""
        before = self._failed.get(key)
        wait = min(before.wait * 2, RETRY_CAP) if before else RETRY_AFTER
        lines = f"{error.log}\nthe whole log: herdsman build-log {program}".strip()
        self._failed[key] = _Failed(str(error), lines, wait, self._clock() + wait)
        return BuildFailed(str(error), lines)

    def _end(self, record: BuildRecord, state: str, message: str = "") -> None:
        self.records.note(replace(record, state=state, ended_at=self._clock(), message=message))

    async def _build(
        self,
        record: BuildRecord,
        program: ProgramVersion,
        toolchain: Toolchain,
        folder: Path,
        check_out: Callable[[Path], None],
        progress: Progress,
    ) -> Path:
        self.records.note(record)
        ends_at = asyncio.get_running_loop().time() + self._limits.seconds
        log = BuildLog(self.records.log_path(program.name, program.tree), folder / "program")
        seclusion = Seclusion(self._hidden, (self._cargo_home, *toolchain.folders))
        shop = Workshop(folder, self._limits, log, progress, ends_at, seclusion)
        try:
            log.write(f"{program.name} {program.version} ({program.runtime}), built with {toolchain.name}")
            await asyncio.to_thread(check_out, shop.program)
            for name in ("out", "home", "tmp"):
                (folder / name).mkdir()
            entrypoints = [one for one in (program.entrypoint, program.query_entrypoint) if one]
            if isinstance(toolchain, Rust):
                built = await build_rust(shop, toolchain, entrypoints, self._cargo_home)
            else:
                built = await build_cpp(shop, toolchain, entrypoints)
            layer = await asyncio.to_thread(_lay_out, shop.out, folder / "layer", built)
            log.write(f"built {', '.join(sorted({one.path for one in built}))}")
        except BuildFailed as error:
            log.write(str(error))
            raise
        finally:
            log.close()
        return layer


def _lay_out(out: Path, layer: Path, built: list[Executable]) -> Path:
    """Return a folder with the executables, the program's own shared libraries, and links to what is run."""
    paths = {path for one in built for path in (one.path, *one.libraries) if (out / path).is_file()}
    for path in paths:
        place = layer / "built" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(out / path, place)
    for name, one in zip((BOT, QUERY), built, strict=False):
        (layer / name).symlink_to(f"built/{one.path}")
    return layer
