"""Keeping our own repositories quick: many packs and loose objects become one pack, now and then.

Nothing is ever thrown away: what no branch holds any more (after a force-push) may be what a bot runs, or
what it is rolled back to.
"""

import asyncio
import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gitops.process import CommandTimedOut, git_environment, run_async

_LOG = logging.getLogger(__name__)
MOST_PACKS = 40
MOST_LOOSE = 2_000
EVERY = 3600.0
"""Seconds between two looks at the repositories."""

PACK_TIMEOUT = 1800.0
"""Seconds that packing one repository may take."""

BUSY_WAIT = 60.0
"""Seconds until the next try, where somebody pushes."""

_LOCK = "packing.lock"
_LEFTOVERS_AFTER = 24 * 3600.0
"""Seconds after which the half-written pack of a process that was killed is removed."""


async def keep_packed(
    folder: Path,
    repositories: Sequence[Path],
    busy: Callable[[], bool],
    *,
    every: float = EVERY,
    busy_wait: float = BUSY_WAIT,
) -> None:
    """Pack what needs it, for ever, one repository after another and never while `busy` says so.

    `folder` holds the repositories: nothing in it is packed while somebody keeps its packs.
    """
    while True:
        await asyncio.sleep(every)
        waiting = list(repositories)
        while waiting:
            with _alone(folder) as alone:
                if alone and not busy():
                    await _look_after(waiting.pop(0))
                    continue
            await asyncio.sleep(busy_wait)


@contextmanager
def packs_kept(folder: Path) -> Iterator[None]:
    """Keep all packs in a folder's repositories, such as for a backup; blocks while one is packed."""
    if not folder.is_dir():
        yield
        return
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Say whether packs may be replaced while the block runs."""
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((folder / _LOCK).open("a"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            _LOG.debug("nothing is packed in %s now: %s", folder, error)
            alone = False
        else:
            alone = True
        yield alone


async def _look_after(repository: Path) -> None:
    try:
        if await needs_packing(repository):
            await pack(repository)
    except (OSError, CommandTimedOut) as error:
        _LOG.warning("%s was not packed: %s", repository, error)


async def needs_packing(repository: Path) -> bool:
    """Say whether a repository has become slow to read. Raises OSError, CommandTimedOut."""
    if not (repository / "HEAD").is_file():
        return False
    command = ["git", "--git-dir", str(repository), "count-objects", "-v"]
    counted = await run_async(command, environment=git_environment())
    lines = (line.partition(": ") for line in counted.stdout.decode(errors="replace").splitlines())
    facts = {name: int(value) for name, _, value in lines if value.isdigit()}
    return facts.get("packs", 0) > MOST_PACKS or facts.get("count", 0) > MOST_LOOSE


async def pack(repository: Path) -> None:
    """Write all objects into one pack, on one core and in bounded memory; readers go on meanwhile.

    Raises OSError, CommandTimedOut; then everything is as it was.
    """
    await asyncio.to_thread(_clear_leftovers, repository / "objects" / "pack")
    settings = ("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "-c", "pack.deltaCacheSize=32m")
    command = ["git", *settings, "--git-dir", str(repository), "repack", "-a", "-d", "-k", "-q", "-n"]
    done = await run_async(command, environment=git_environment(), timeout=PACK_TIMEOUT)
    if done.code != 0:
        _LOG.warning("%s was not packed: %s", repository, done.text)
    else:
        _LOG.info("%s was packed", repository)


def _clear_leftovers(folder: Path) -> None:
    before = time.time() - _LEFTOVERS_AFTER
    for left in (*folder.glob("tmp_*"), *folder.glob(".tmp-*")):
        if left.stat().st_mtime < before:
            left.unlink(missing_ok=True)
