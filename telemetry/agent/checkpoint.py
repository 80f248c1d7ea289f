"""How far each file was acknowledged, kept through restarts of the agent."""

import logging
import os
from pathlib import Path

import msgspec

from telemetry.agent.tail import Place

Places = dict[str, dict[str, Place]]
"""Allocation -> name of a log file -> where its acknowledged part ends."""


class _File(msgspec.Struct):
    version: int
    places: Places


_log = logging.getLogger("herdsman.agent")


def load(path: Path) -> Places:
    """Return what was saved; of a damaged file what the one before it held, nothing where there is none.

    Lines then come again, which are known by their places.
    """
    for file in (path, _before(path)):
        try:
            return msgspec.msgpack.decode(file.read_bytes(), type=_File).places
        except FileNotFoundError:
            continue
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("%s cannot be read (lines are sent again): %s", file, error)
    return {}


def save(path: Path, places: Places) -> None:
    """Replace the file at once: after a crash there are the old places or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(msgspec.msgpack.encode(_File(1, places)))
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(_before(path))
    beside.replace(path)


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".old")
