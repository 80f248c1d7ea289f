"""Keeping bots' secrets out of what leaves the node: their values in output become their names.

A value is replaced by as many bytes as it has (`***API_KEY***`, cut or filled with asterisks), so that every
line stays where its file has it and keeps its identity. Values of fewer than 8 bytes are left alone, since
any text has them; of a value of several lines each long one is concealed, and what JSON makes of a value too.
"""

import json
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.labels import AllocationLabels
from telemetry.agent.opening import open_plain, opened

SHORTEST = 8
"""Bytes of the shortest value that is looked for."""
CONCEAL_FILE = "herdsman-conceal"
"""What the launcher leaves for us in the task's secrets folder."""
_MOST_BYTES = 1 << 20
Values = list[tuple[str, str]]


class Concealed(Protocol):
    """Tells what to conceal in a bot's output."""

    def __call__(self, folder: Path, labels: AllocationLabels, known: object) -> tuple[object, Values]:
        """Return a stamp that changes with the values, and those by name unless `known` is the stamp."""
        ...


@dataclass(slots=True)
class _Kept:
    stamp: object = None
    values: tuple[tuple[bytes, bytes], ...] = ()
    """What to look for, and what to write there; the longest first."""


class Concealer:
    """Conceals in the output of any number of allocations; remembers what was a value before as well."""

    def __init__(self, values_of: Concealed) -> None:
        self._values_of = values_of
        self._kept: dict[str, _Kept] = {}

    def conceal(self, folder: Path, labels: AllocationLabels, data: bytes) -> bytes:
        """Return an allocation's output without its bot's secrets, byte for byte as long."""
        kept = self._kept.setdefault(labels.allocation, _Kept())
        stamp, values = self._values_of(folder, labels, kept.stamp)
        if stamp != kept.stamp:
            kept.stamp = stamp
            kept.values = _merged(kept.values, _patterns(values))
        for value, name in kept.values:
            if value in data:
                data = data.replace(value, name)
        return data

    def keep_only(self, allocations: Collection[str]) -> None:
        """Forget all other allocations, now that there are some."""
        if len(self._kept) <= len(allocations):
            return
        for gone in self._kept.keys() - set(allocations):
            del self._kept[gone]


def no_values(folder: Path, labels: AllocationLabels, known: object) -> tuple[object, Values]:
    """Tell of no values."""
    del folder, labels
    return known, []


def left_by_launcher(folder: Path, labels: AllocationLabels, known: object) -> tuple[object, Values]:
    """Return what the launcher left in its task's secrets folder, which is memory."""
    if "/" in labels.task or labels.task == "..":  # a bot could have written its labels itself
        return known, []
    try:
        with opened(folder, labels.task, "secrets") as secrets:
            descriptor = open_plain(CONCEAL_FILE, secrets)
    except (OSError, ValueError):
        return known, []
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp == known:
            return stamp, []
        try:
            found = json.loads(file.read(_MOST_BYTES))
        except ValueError:
            return known, []
    if not isinstance(found, dict):
        return known, []
    return stamp, [(str(name), str(value)) for name, value in found.items()]


def of_scheduler(concealed: Callable[[str, object], tuple[object, Values]]) -> Concealed:
    """Return what asks the scheduler of this process, by the bot's name."""

    def values_of(folder: Path, labels: AllocationLabels, known: object) -> tuple[object, Values]:
        del folder
        return concealed(labels.bot, known)

    return values_of


def _merged(
    known: tuple[tuple[bytes, bytes], ...], fresh: Iterable[tuple[bytes, bytes]]
) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(sorted((dict(known) | dict(fresh)).items(), key=lambda pair: -len(pair[0])))


def _patterns(values: Values) -> Iterable[tuple[bytes, bytes]]:
    for name, value in values:
        for text in {
            value,
            *value.splitlines(),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
        }:
            found = text.strip().encode("utf-8", "surrogateescape")
            if len(found) >= SHORTEST:
                yield found, _mask(name, len(found))


def _mask(name: str, length: int) -> bytes:
    return f"***{name}".encode()[: length - 3].ljust(length, b"*")
