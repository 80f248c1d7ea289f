"""What bots say of each other in `depends_on`: names that are no bot's, and circles."""

from collections.abc import Mapping
from dataclasses import replace

from gitops.index import InstanceRecord
from gitops.tree import TreeReader
from schemas.errors import ManifestError
from schemas.instance import parse_instance
from schemas.suggestions import nearest
from schemas.words import quoted

LONGEST_CHAIN = 100
"""Bots that may wait for each other one after the other."""


def dependency_errors(reader: TreeReader, records: Mapping[str, InstanceRecord]) -> dict[str, ManifestError]:
    """Return an error for each file whose bot depends on no bot, itself or too long a chain, by path."""
    leaning = {
        record.spec.name: record
        for record in records.values()
        if record.spec is not None and record.spec.depends_on
    }
    if not leaning:
        return {}
    names = {record.name for record in records.values() if record.name}
    found = {}
    for record in leaning.values():
        needed = _needed(record)
        unknown = next((name for name in needed if name not in names), None)
        if unknown is not None:
            message = f"depends_on: there is no bot {quoted(unknown)} in this fleet"
            found[record.path] = _error(reader, record, unknown, message, nearest(unknown, names))
    for path, message, name in _circles(leaning):
        found.setdefault(path, _error(reader, leaning[name], "", message, None))
    return found


def _needed(record: InstanceRecord) -> tuple[str, ...]:
    return record.spec.depends_on if record.spec is not None else ()


def _circles(leaning: Mapping[str, InstanceRecord]) -> list[tuple[str, str, str]]:
    """Return (path, message, bot) for each bot that waits for itself, or for too many."""
    depth: dict[str, int] = {}
    left = dict(leaning)
    while left:
        ready = [name for name, one in left.items() if not any(other in left for other in _needed(one))]
        if not ready:
            break
        for name in ready:
            depth[name] = 1 + max((depth.get(other, 0) for other in _needed(left[name])), default=0)
        for name in ready:
            del left[name]
    found = []
    for name in left:
        circle = _circle(name, left)
        if circle:
            text = " -> ".join([*circle, name])
            found.append((leaning[name].path, f"depends_on: {name} waits for itself: {text}", name))
    found += [
        (leaning[name].path, f"depends_on: more than {LONGEST_CHAIN} bots wait for each other in a row", name)
        for name, number in depth.items()
        if number > LONGEST_CHAIN
    ]
    return found


def _circle(start: str, left: Mapping[str, InstanceRecord]) -> list[str]:
    """Return the shortest way from a bot over those it depends on back to it, [] where there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        longer = []
        for way in ways:
            for other in _needed(left[way[-1]]):
                if other == start:
                    return way
                if other in left and other not in seen:
                    seen.add(other)
                    longer.append([*way, other])
        ways = longer
    return []


def _error(
    reader: TreeReader, record: InstanceRecord, name: str, message: str, suggestion: str | None
) -> ManifestError:
    """Place an error at the name in the file, or at the list where the name is ""."""
    manifest, _ = parse_instance(record.path, reader.read(record.oid))
    place: tuple[str | int, ...] = ("herdsman", "depends_on")
    if manifest is None:
        pointer = "/herdsman/depends_on"
        return ManifestError(record.path, 0, 0, pointer, message, suggestion, bots=(record.name,))
    needed = _needed(record)
    if name in needed:
        place = (*place, needed.index(name))
    error = manifest.document.error(place, message, suggestion)
    return replace(error, bots=(record.name,))
