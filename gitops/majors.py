"""Moves to another major version of a program: the bot keeps its state, so its manifest has to consent."""

from collections.abc import Mapping
from dataclasses import replace

from gitops.index import InstanceRecord, ProgramKey
from gitops.tree import TreeReader
from schemas.bot import BotSpec
from schemas.errors import ManifestError
from schemas.instance import parse_instance


def crosses_major(before: ProgramKey, after: ProgramKey) -> bool:
    """Say whether these are two major versions of one program."""
    return before[0] == after[0] and _major(before[1]) != _major(after[1])


def major_errors(
    reader: TreeReader, records: Mapping[str, InstanceRecord], applied: Mapping[str, ProgramKey]
) -> dict[str, ManifestError]:
    """Return an error for each file whose bot would move without consent, by path.

    `applied` is the (program, version) that each bot runs, by its name. A renamed bot's is that of its former
    name, since it takes that one's state along.
    """
    if not applied:
        return {}
    found = {}
    for record in records.values():
        spec = record.spec
        if spec is None or spec.allow_major:
            continue
        before = applied.get(spec.name) or applied.get(spec.renamed_from)
        if before is not None and crosses_major(before, (spec.program.name, spec.program.version)):
            found[record.path] = _error(reader, record, spec, before)
    return found


def _error(reader: TreeReader, record: InstanceRecord, spec: BotSpec, before: ProgramKey) -> ManifestError:
    message = (
        f"{before[0]} {before[1]} -> {spec.program.version} is another major version, which may not "
        f"understand the state that {spec.name} has. Where it does, say so: herdsman: {{allow_major: true}}"
    )
    manifest, _ = parse_instance(record.path, reader.read(record.oid))
    if manifest is None:
        return ManifestError(record.path, 0, 0, "/version", message, bots=(spec.name,))
    return replace(manifest.document.error(("version",), message), bots=(spec.name,))


def _major(version: str) -> str:
    return version.partition(".")[0]
