"""The two pipes between herdsman and the hooks of one push.

Inherited pipes need no socket, no interpreter in the hook and no secret, and belong to one push alone. A hook
opens them anew by their `/dev/fd` paths (a plain shell can only name single-digit descriptors), so that the
same pair serves pre-receive and then post-receive.
"""

import asyncio
import os
from dataclasses import dataclass

from gitops.push import RefUpdate

_LONGEST_CALL = 1 << 20
_PATIENCE = 5.0
"""Seconds that a client may leave its lines unread: it holds up other people's pushes meanwhile."""


@dataclass(frozen=True, slots=True)
class HookCall:
    """What a hook tells when it starts."""

    hook: str
    updates: tuple[RefUpdate, ...]
    options: tuple[str, ...]
    environment: dict[str, str]
    """The object folders of the quarantine, for git; empty in post-receive."""


class HookChannel:
    """Our ends of the pipes, and the descriptors for the child. Use `open`."""

    def __init__(self) -> None:
        self._call_read, self.call_write = os.pipe()
        self.answer_read, self._answer_write = os.pipe()
        self._reader = asyncio.StreamReader(limit=_LONGEST_CALL)
        self._call_transport: asyncio.ReadTransport | None = None
        self._answer: asyncio.StreamWriter | None = None

    @property
    def descriptors(self) -> tuple[int, int]:
        """Return the descriptors that the child must inherit."""
        return self.call_write, self.answer_read

    @property
    def environment(self) -> dict[str, str]:
        """Return what tells the hooks where their ends are."""
        return {
            "HERDSMAN_HOOK_CALL": f"/dev/fd/{self.call_write}",
            "HERDSMAN_HOOK_ANSWER": f"/dev/fd/{self.answer_read}",
        }

    async def open(self) -> None:
        """Attach our ends to the loop."""
        loop = asyncio.get_running_loop()
        self._call_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._call_read, "rb", 0)
        )
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(self._answer_write, "wb", 0)
        )
        self._answer = asyncio.StreamWriter(transport, protocol, None, loop)

    def release_child_ends(self) -> None:
        """Close the child's ends here, once it has them, so that its end is seen as end of file."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    async def next_call(self) -> HookCall | None:
        """Return the next hook's call, or None once all children are gone."""
        records: list[str] = []
        while True:
            try:
                record = (await self._reader.readuntil(b"\0"))[:-1].decode(errors="replace")
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return None
            if record == "end":
                return _parse_call(records)
            records.append(record)

    async def say(self, text: str) -> None:
        """Show text to the client, line by line; nothing where there is nobody left."""
        lines = "".join(f"say {line}\n" for line in text.splitlines() or [""])
        await self._write(lines)

    async def answer(self, yes: bool) -> None:
        """End the hook: let in, or refuse."""
        await self._write("yes\n" if yes else "no\n")

    async def _write(self, text: str) -> None:
        if self._answer is None or self._answer.is_closing():
            return
        self._answer.write(text.replace("\0", "").encode("utf-8", "replace"))
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._answer.drain()
        except TimeoutError:
            self.hang_up()
        except OSError:
            pass  # the children are gone, which the next call tells

    def hang_up(self) -> None:
        """Close the answering end: a hook that waits is refused, one that tells of progress ends."""
        if self._answer is not None:
            self._answer.close()

    def close(self) -> None:
        """Close our ends."""
        self.hang_up()
        if self._call_transport is not None:
            self._call_transport.close()


def _parse_call(records: list[str]) -> HookCall:
    facts = {key: value for key, _, value in (r.partition(" ") for r in records[:4])}
    named = (
        ("GIT_QUARANTINE_PATH", "quarantine"),
        ("GIT_OBJECT_DIRECTORY", "objects"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "alternates"),
    )
    updates, options = [], []
    for kind, _, value in (record.partition(" ") for record in records[4:]):
        if kind == "update":
            old, new, ref = value.split(" ", 2)
            updates.append(RefUpdate(old, new, ref))
        elif kind == "option":
            options.append(value)
    environment = {variable: facts[key] for variable, key in named if facts.get(key)}
    return HookCall(facts.get("hook", ""), tuple(updates), tuple(options), environment)
