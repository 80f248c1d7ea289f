"""Putting a revision together: which bots are sound, which files failed, and every error with its bots."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gitops.desired import DesiredState
from gitops.index import FleetIndex, InstanceRecord
from gitops.revision import Revision
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings


def assemble(
    revision: Revision,
    index: FleetIndex,
    errors: Iterable[ManifestError],
    doubles: Mapping[str, ManifestError],
    unreadable: tuple[str, ...],
    whole: bool,
) -> DesiredState:
    """Return the desired state of a revision whose files were read into the index.

    `errors` are those of more than one file, `doubles` those of bots' names that are not unique, of bots that
    they depend on, and of moves to another major version, by path.
    `whole` is False where there may be instances that could not be seen.
    """
    failed = {
        record.path: record
        for record in index.instances.values()
        if record.spec is None or record.path in doubles
    }
    bots = {
        record.spec.name: record.spec
        for record in index.instances.values()
        if record.spec is not None and record.path not in doubles
    }
    shared = [*errors, *(error for record in index.programs.values() for error in record.errors)]
    missing = [ManifestError(path, 0, 0, "", "The file could not be read") for path in unreadable]
    own = [
        replace(error, bots=error.bots or ((record.name,) if record.name else ()))
        for record in index.instances.values()
        for error in record.errors
    ]
    everything = [*_with_bots(shared, index, failed), *missing, *own, *doubles.values()]
    return DesiredState(
        revision=revision,
        settings=index.settings or FleetSettings(),
        bots=bots,
        errors=tuple(sorted(everything, key=_order)),
        failed_paths=frozenset(
            [*failed, *(error.file for error in everything if not error.warning), *index.survey.swallowed]
        ),
        failed_bots=frozenset(record.name for record in failed.values() if record.name),
        complete=whole,
        index=index,
    )


def _order(error: ManifestError) -> tuple[str, int, int, str, str]:
    return error.file, error.line, error.column, error.pointer, error.message


def _with_bots(
    errors: Iterable[ManifestError], index: FleetIndex, failed: Mapping[str, InstanceRecord]
) -> list[ManifestError]:
    """Return the errors of programs with the names of the bots that they keep from changing."""
    held: defaultdict[str, list[str]] = defaultdict(list)
    for record in failed.values():
        resolution = index.resolutions.get(record.key) if record.key else None
        if resolution and resolution.blamed and record.name:
            held[resolution.blamed].append(record.name)
    return [
        replace(error, bots=tuple(sorted(names)))
        if (names := next((held[folder] for folder in held if error.file.startswith(folder + "/")), None))
        else error
        for error in errors
    ]
