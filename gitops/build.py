"""Building the desired state of a revision: pure over a reader, and incremental over the state before.

Survey (where things lie), programs, fleet settings, what each (program, version) means, instances, assembly.
Each step takes over from the previous build's index whatever has the same object ids.
"""

import posixpath
from collections.abc import Mapping

from gitops.dependence import dependency_errors
from gitops.desired import DesiredState
from gitops.index import FleetIndex, ProgramKey, ProgramRecord, Survey, any_error
from gitops.instances import double_names, read_instances
from gitops.links import hides_instances, link_errors
from gitops.majors import major_errors
from gitops.programs import megabytes, read_program
from gitops.resolving import Resolver
from gitops.rule_files import read_rule_files, with_rules
from gitops.survey import FLEET_FILE, survey_changes, survey_listing
from gitops.tree import History, TreeReader
from gitops.verdict import assemble
from schemas.document import MOST_BYTES
from schemas.errors import ManifestError, SourceUnavailable
from schemas.fleet import FleetSettings, parse_fleet


def build_desired_state(
    reader: TreeReader,
    previous: DesiredState | None = None,
    history: History | None = None,
    *,
    ran: Mapping[ProgramKey, str] | None = None,
    applied: Mapping[str, ProgramKey] | None = None,
    development: bool = False,
) -> DesiredState:
    """Return what a revision asks for, with everything that is wrong with it.

    `previous` is the state of any earlier (or other) revision of the same source; it only saves work.
    `history` finds versions of programs that the revision itself has no more. `ran` maps (program, version)
    to the tree id that ran under it: other content under the same version is an error, except with
    `development`. `applied` maps bots to the (program, version) that they run: another major version is an
    error without the manifest's consent. Never raises for what the repository holds; where git itself fails,
    the state is not `complete`.
    """
    known = previous.index if previous is not None and previous.index is not None else FleetIndex()
    try:
        survey, unreadable = _survey(reader, previous, known)
        programs = _programs(reader, survey, known)
        settings, fleet_errors = _settings(reader, survey, known)
        rule_files = read_rule_files(reader, survey, known)
        settings, clashing = with_rules(settings, posixpath.join(reader.subfolder, FLEET_FILE), rule_files)
        resolver = Resolver(reader, programs, known, history, ran or {}, development)
        instances = read_instances(reader, survey, known, settings, resolver)
        majors = major_errors(reader, instances, applied or {})
        doubles = majors | dependency_errors(reader, instances) | double_names(reader, instances)
        of_rules = [error for one in rule_files.values() for error in one.errors]
        errors = (*fleet_errors, *of_rules, *clashing, *link_errors(reader, survey), *resolver.errors)
    except SourceUnavailable as error:
        return _incomplete(reader, previous, str(error))
    index = FleetIndex(
        survey,
        settings,
        fleet_errors,
        programs,
        resolver.past,
        resolver.resolutions,
        instances,
        rule_files,
    )
    whole = not unreadable and not hides_instances(survey, reader.subfolder)
    return assemble(reader.revision, index, errors, doubles, unreadable, whole)


def _incomplete(reader: TreeReader, previous: DesiredState | None, reason: str) -> DesiredState:
    """Return a state that changes and prunes nothing."""
    problem = ManifestError(reader.subfolder or ".", 0, 0, "", f"The revision could not be read: {reason}")
    index = previous.index if previous else None
    paths = frozenset(index.instances) if index else frozenset[str]()
    return DesiredState(reader.revision, errors=(problem,), failed_paths=paths, complete=False)


def _survey(
    reader: TreeReader, previous: DesiredState | None, known: FleetIndex
) -> tuple[Survey, tuple[str, ...]]:
    if previous is not None and previous.complete and previous.index is not None:
        changes = reader.changes(previous.revision.id)
        survey = survey_changes(known.survey, changes, reader.subfolder) if changes is not None else None
        if survey is not None:
            return survey, ()
    entries = reader.entries()
    return survey_listing(entries, reader.subfolder), tuple(reader.unreadable)


def _programs(reader: TreeReader, survey: Survey, known: FleetIndex) -> dict[str, ProgramRecord]:
    records = {}
    for folder, tree in survey.programs.items():
        record = known.programs.get(folder)
        records[folder] = record if record and record.tree == tree else read_program(reader, folder, tree)
    return records


def _settings(
    reader: TreeReader, survey: Survey, known: FleetIndex
) -> tuple[FleetSettings | None, tuple[ManifestError, ...]]:
    """Return the fleet's settings (the last good ones where they do not load now) and what is wrong."""
    entry = survey.fleet
    if entry is None:
        hidden = posixpath.join(reader.subfolder, FLEET_FILE) in survey.links
        return (known.settings if hidden else FleetSettings()), ()
    if known.survey.fleet == entry:
        return known.settings, known.fleet_errors
    if entry.size > MOST_BYTES:
        message = f"The file is {megabytes(entry.size)} large; it may have {megabytes(MOST_BYTES)}"
        return known.settings, (ManifestError(entry.path, 0, 0, "", message),)
    settings, found = parse_fleet(entry.path, reader.read(entry.oid))
    errors = tuple(found)
    return (known.settings if settings is None or any_error(errors) else settings), errors
