"""One command of a build, carried out under the guard, line by line into the build's log."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitops.compiling import guard
from gitops.compiling.failure import Failure, explain
from gitops.compiling.log import BuildLog
from gitops.compiling.seclusion import Seclusion
from gitops.process import end_child, plain_environment, spawn
from schemas.errors import BuildFailed

_GUARD = Path(guard.__file__)
_FEW = 64 * 1024
_SECRET = ("AUTH", "TOKEN", "PASSWORD", "SECRET", "CREDENTIAL", "_KEY")
_SETTINGS = ("CARGO_REGISTRIES_", "CARGO_REGISTRY_", "CARGO_SOURCE_", "CARGO_HTTP_", "CARGO_NET_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_GRACE = 5.0
_TELL_EVERY = 1.0

Progress = Callable[[str], None]
"""Is told in a few words how far a build has come."""


def _half_of_the_cores() -> int:
    return max(1, (os.cpu_count() or 2) // 2)


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What one build may take: `seconds` in all, `memory` bytes of all its processes, `jobs` at once."""

    seconds: float = 900.0
    memory: int = 4 << 30
    jobs: int = field(default_factory=_half_of_the_cores)


@dataclass(frozen=True, slots=True)
class Workshop:
    """The folders of one build, and what its commands share."""

    folder: Path
    """Private to the build: `program` (the files), `out` (what it builds), `home`, `tmp`."""
    limits: BuildLimits
    log: BuildLog
    progress: Progress
    ends_at: float
    """When its time is over, by the loop's clock."""
    seclusion: Seclusion
    """What its commands do not see."""

    @property
    def program(self) -> Path:
        """The program's files."""
        return self.folder / "program"

    @property
    def out(self) -> Path:
        """Where it is built."""
        return self.folder / "out"


def build_environment(shop: Workshop, tools: Sequence[Path], extra: Mapping[str, str]) -> dict[str, str]:
    """Return all that a build command sees: a home of its own, the tools, certificates; no credential."""
    kept = plain_environment()
    plain = {name: value for name, value in kept.items() if name.startswith("SSL_CERT")}
    plain |= {name: kept[name] for name in _PROXIES if "@" not in kept.get(name, "@")}
    folders = [*map(str, dict.fromkeys(tools)), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        **plain,
        "PATH": os.pathsep.join(dict.fromkeys(folders)),
        "HOME": str(shop.folder / "home"),
        "TMPDIR": str(shop.folder / "tmp"),
        "LANG": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "315532800",
        **extra,
    }


def cargo_settings(ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the machine's settings of cargo for registries and network that are no credentials."""
    whole = os.environ if ours is None else ours
    return {
        name: value
        for name, value in whole.items()
        if name.startswith(_SETTINGS) and "@" not in value and not any(word in name for word in _SECRET)
    }


async def carry_out(
    shop: Workshop,
    command: Sequence[str | Path],
    environment: Mapping[str, str],
    progress: Callable[[str], str] = lambda _: "",
    *,
    online: bool = False,
) -> None:
    """Run one command in the program's folder. Raises BuildFailed with what went wrong.

    `progress` makes a few words of a line that tells how far it has come, "" of any other; `online` says
    whether the command needs the network.
    """
    shop.log.write(f"$ {' '.join(map(str, command))}")
    loop = asyncio.get_running_loop()
    order = {
        "command": [str(part) for part in command],
        "memory": shop.limits.memory,
        "seconds": max(0.0, shop.ends_at - loop.time()),
        **shop.seclusion.order(shop.folder),
    }
    alone = await asyncio.to_thread(shop.seclusion.command, online=online)
    guarded: list[str | Path] = [*alone, sys.executable, "-I", "-S", _GUARD, json.dumps(order)]
    idle = shutil.which("ionice")
    child = await spawn([idle, "-c3", *guarded] if idle else guarded, environment, cwd=shop.program)
    try:
        printed = await _read(child, shop, progress)
        code = await child.wait()
    except BaseException:
        await end_child(child, _GRACE)
        raise
    _check(shop, Path(command[0]).name, code, printed)


async def _read(
    child: asyncio.subprocess.Process, shop: Workshop, progress: Callable[[str], str]
) -> list[str]:
    """Take what the command prints into the log, and return its lines."""
    assert child.stdout is not None
    rest = ""
    told, due = "", 0.0
    lines: list[str] = []
    while chunk := await child.stdout.read(_FEW):
        *whole, rest = (rest + chunk.decode(errors="replace")).replace("\r", "\n").split("\n")
        for line in (*whole, *([rest] if len(rest) > _FEW else [])):
            lines.append(shop.log.write(line))
            told = progress(line.strip()) or told
        rest = "" if len(rest) > _FEW else rest
        if told and time.monotonic() >= due:
            shop.progress(told)
            due = time.monotonic() + _TELL_EVERY
        del lines[:-5000]
    return [*lines, shop.log.write(rest)] if rest else lines


def _check(shop: Workshop, name: str, code: int, printed: Sequence[str]) -> None:
    """Raise BuildFailed where a command ended badly, with its cause and the lines that tell it."""
    limits = shop.limits
    if code == 0:
        return
    if code == guard.TIME_OVER:
        failure = Failure(f"it took longer than {limits.seconds:g} s (herdsman up --build-timeout)")
    elif code == guard.MEMORY_OVER:
        failure = Failure(
            f"it took more than {limits.memory >> 20} MiB of memory (herdsman up --build-memory)"
        )
    else:
        failure = explain(printed, f"{name} ended with exit code {code}")
    raise BuildFailed(f"The build failed: {failure.reason}", "\n".join(failure.lines))


async def output_of(shop: Workshop, command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what a command prints on its standard output alone. Raises BuildFailed with what it says."""
    place = shop.folder / "tmp" / "output"
    await carry_out(shop, ["sh", "-c", 'exec "$@" >"$0"', place, *command], environment)
    return await asyncio.to_thread(place.read_text, errors="replace")
