"""How far each file was acknowledged, kept through restarts of the agent."""

import os
from pathlib import Path

import msgspec

from telemetry.agent.tail import Place

Places = dict[str, dict[str, Place]]
"""Allocation -> name of a log file -> where its acknowledged part ends."""


class _File(msgspec.Struct):
    version: int
    places: Places


def load(path: Path) -> Places:
    """Return what was saved, nothing where there is no file yet or it is damaged (lines then come twice)."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_File).places
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def save(path: Path, places: Places) -> None:
    """Replace the file at once: after a crash it holds the old places or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(msgspec.msgpack.encode(_File(1, places)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
