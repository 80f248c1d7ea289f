"""Reading the instances: a file is read when it changed, and when its program means something new."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gitops.index import FleetIndex, InstanceRecord, Survey, any_error
from gitops.programs import megabytes
from gitops.resolving import Resolver
from gitops.survey import INSTANCE_FOLDER
from gitops.tree import TreeEntry, TreeReader
from schemas.document import MOST_BYTES
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from schemas.instance import parse_instance
from schemas.resolve import resolve_bot
from schemas.sharing import shared

_NAME_LINE = re.compile(
    rb"""^[ \t]*["']?name["']?[ \t]*:[ \t]*["']?([A-Za-z0-9][A-Za-z0-9_.-]{0,99})""", re.MULTILINE
)


def read_instances(
    reader: TreeReader,
    survey: Survey,
    known: FleetIndex,
    settings: FleetSettings | None,
    resolver: Resolver,
) -> dict[str, InstanceRecord]:
    """Return the record of every instance file, by path; unchanged ones as they were."""
    same_settings = settings == known.settings
    records = {}
    for path, entry in survey.instances.items():
        record = known.instances.get(path)
        if (
            record is None
            or not same_settings
            or record.oid != entry.oid
            or (record.key is not None and resolver.changed(record.key))
        ):
            record = _read_instance(reader, entry, settings, resolver)
        records[path] = record
    return records


def _read_instance(
    reader: TreeReader, entry: TreeEntry, settings: FleetSettings | None, resolver: Resolver
) -> InstanceRecord:
    if entry.size > MOST_BYTES:
        message = (
            f"The file is {megabytes(entry.size)} large; a manifest may have {megabytes(MOST_BYTES)}. "
            "It was not read"
        )
        error = ManifestError(entry.path, 0, 0, "", message)
        return InstanceRecord(entry.path, entry.oid, errors=(error,))
    content = reader.read(entry.oid)
    manifest, found = parse_instance(entry.path, content)
    errors = list(found)
    if manifest is None:
        return _record(entry, _likely_name(content), None, errors)
    key = shared((manifest.program, manifest.version))
    resolution = resolver.resolve(key)
    spec = None
    if resolution.problem:
        place = (resolution.pointer,)
        errors.append(manifest.document.error(place, resolution.problem, resolution.suggestion))
    record = resolution.record
    if record and record.program and record.parameters and settings is not None:
        environment = environment_of(entry.path, settings, reader.subfolder)
        spec, more = resolve_bot(manifest, record.program, record.parameters, settings, environment)
        errors += [error for error in more if error not in errors]
    resolved = _record(entry, manifest.name, key, errors)
    if spec is None or any_error(resolved.errors):
        return resolved
    return InstanceRecord(entry.path, entry.oid, manifest.name, key, spec, resolved.errors)


def _record(
    entry: TreeEntry, name: str, key: tuple[str, str] | None, errors: Sequence[ManifestError]
) -> InstanceRecord:
    return InstanceRecord(entry.path, entry.oid, name, key, None, tuple(errors))


def double_names(reader: TreeReader, records: Mapping[str, InstanceRecord]) -> dict[str, ManifestError]:
    """Return an error for each file whose bot's name another file has as well, by path."""
    by_name: defaultdict[str, list[InstanceRecord]] = defaultdict(list)
    for record in records.values():
        if record.name:
            by_name[record.name].append(record)
    return {
        record.path: _double_name(reader, record, [other.path for other in same if other is not record])
        for same in by_name.values()
        if len(same) > 1
        for record in same
    }


def _double_name(reader: TreeReader, record: InstanceRecord, others: list[str]) -> ManifestError:
    where = ", ".join(sorted(others)[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    message = f'The bot name "{record.name}" is also declared in {where}; a name is unique in the fleet'
    manifest, _ = parse_instance(record.path, reader.read(record.oid))
    if manifest is None:
        return ManifestError(record.path, 0, 0, "/name", message, bots=(record.name,))
    return replace(manifest.document.error(("name",), message), bots=(record.name,))


def _likely_name(content: bytes) -> str:
    """Return the name that a broken document seems to declare, so that its bot can be left alone."""
    found = _NAME_LINE.search(content)
    return found[1].decode() if found else ""


def environment_of(path: str, settings: FleetSettings, subfolder: str) -> str:
    """Return the environment of an instance file.

    With `environments:` in the settings, that with the longest of its folders around the file; without, the
    first folder below `bots/`. "" where there is none.
    """
    bots = posixpath.join(subfolder, INSTANCE_FOLDER) + "/"
    inside = path.removeprefix(bots)
    if not settings.environments:
        return inside.partition("/")[0] if "/" in inside else ""
    from_root = path.removeprefix(f"{subfolder}/") if subfolder else path
    matches = [
        (len(folder), environment.name)
        for environment in settings.environments
        for folder in (named.strip("/") for named in environment.folders)
        if from_root.startswith(f"{folder}/") or inside.startswith(f"{folder}/")
    ]
    return max(matches)[1] if matches else ""
