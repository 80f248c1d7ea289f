"""Commit statuses written back to a forge: on transitions alone, and nothing waits for them."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gitops.forges.clients import CommitState, CommitStatus, Forge, ForgeUnavailable
from schemas.errors import HerdsmanError

_LOG = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""Seconds until the next try, doubling."""
TRIES = 12
"""About an hour; then a status is given up, and said so."""
_KEPT = 200
"""Statuses that are remembered, so that a restart writes none again."""


class StatusReports:
    """Writes what becomes of revisions onto their commits; `forges` are by source, `memory` a file of ours.

    `tell` is called on the loop and returns at once. A newer status of a commit takes the place of one that
    waits; a source's commit that is overtaken before it came to an end is told as such.
    """

    def __init__(
        self,
        forges: Mapping[str, Forge],
        memory: Path,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._forges = forges
        self._memory = memory
        self._sleep = sleep
        self._sent = _read(memory)
        self._waiting: dict[tuple[str, str], CommitStatus] = {}
        self._open: dict[str, tuple[str, CommitStatus]] = {}
        self._news: dict[str, asyncio.Event] = {name: asyncio.Event() for name in forges}
        self.problems: dict[str, str] = {}
        """What keeps statuses from being written, by source."""

    def tell(self, source: str, commit: str, status: CommitStatus) -> None:
        """Have a commit's status written where it is another than the last."""
        if source not in self._forges:
            return
        before = self._open.get(source)
        if before is not None and before[0] != commit and before[1].state is CommitState.PENDING:
            words = f"overtaken by {commit[:7]}"
            old = before[1]
            self._put(source, before[0], CommitStatus(CommitState.OVERTAKEN, old.context, words, old.url))
        self._open[source] = (commit, status)
        self._put(source, commit, status)

    def _put(self, source: str, commit: str, status: CommitStatus) -> None:
        known = self._waiting.get((source, commit))
        last = _facts(known) if known is not None else self._sent.get(f"{source} {commit}")
        if last == _facts(status):
            return
        self._waiting[source, commit] = status
        self._news[source].set()

    async def run(self) -> None:
        """Write statuses for ever, each source for itself."""
        async with asyncio.TaskGroup() as group:
            for source in self._forges:
                group.create_task(self._write_all(source))

    async def _write_all(self, source: str) -> None:
        while True:
            await self._news[source].wait()
            self._news[source].clear()
            while key := next((key for key in self._waiting if key[0] == source), None):
                await self._write(source, key[1])

    async def _write(self, source: str, commit: str) -> None:
        """Write a commit's newest status, trying again for as long as that may help."""
        wait = FIRST_WAIT
        for _ in range(TRIES):
            status = self._waiting[source, commit]
            try:
                await asyncio.to_thread(self._forges[source].set_status, commit, status)
            except ForgeUnavailable as error:
                self._fail(source, str(error))
                await self._sleep(max(wait, error.wait))
                wait = min(LONGEST_WAIT, wait * 2)
            except HerdsmanError as error:
                self._fail(source, str(error))
                break
            except Exception as error:  # noqa: BLE001 - a status is never worth more than the service
                self._fail(source, f"{type(error).__name__}")
                break
            else:
                self.problems.pop(source, None)
                self._remember(source, commit, status)
                if self._waiting[source, commit] is status:
                    break
        self._waiting.pop((source, commit), None)

    def _fail(self, source: str, text: str) -> None:
        if self.problems.get(source) != text:
            _LOG.warning(
                "%scommit statuses cannot be written: %s", f"source {source}: " if source else "", text
            )
        self.problems[source] = text

    def _remember(self, source: str, commit: str, status: CommitStatus) -> None:
        key = f"{source} {commit}"
        self._sent.pop(key, None)
        self._sent[key] = _facts(status)
        for old in list(self._sent)[:-_KEPT]:
            del self._sent[old]
        try:
            part = self._memory.with_suffix(".part")
            part.write_text(json.dumps(self._sent))
            part.replace(self._memory)
        except OSError as error:
            _LOG.warning("what statuses were written could not be kept: %s", error)


def _facts(status: CommitStatus) -> list[str]:
    return [status.state.value, status.context, status.description]


def _read(memory: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(memory.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
