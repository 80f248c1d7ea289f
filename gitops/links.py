"""Symbolic links and submodules of a revision: what they lead to is not read, and never taken for deleted."""

import posixpath
from collections.abc import Iterator, Mapping

from gitops.index import Survey
from gitops.programs import leads_out, link_target
from gitops.survey import FLEET_FILE, INSTANCE_FOLDER, PROGRAM_FILE, PROGRAM_FOLDER, is_instance
from gitops.tree import TreeEntry, TreeReader
from schemas.errors import ManifestError


def link_errors(reader: TreeReader, survey: Survey) -> Iterator[ManifestError]:
    """Yield an error for each link that is no good; links inside a program are the program's own matter."""
    for path, entry in survey.links.items():
        if not _in_program(path, survey.programs):
            message = _problem(reader, entry)
            if message:
                yield ManifestError(path, 0, 0, "", message)


def hides_instances(survey: Survey, subfolder: str) -> bool:
    """Return whether a link or submodule stands where a folder of instances may have been."""
    return any(
        _is_among_instances(path, subfolder) and not is_instance(path, subfolder, survey.programs)
        for path in survey.links
        if not _in_program(path, survey.programs)
    )


def _problem(reader: TreeReader, entry: TreeEntry) -> str:
    among_instances = _is_among_instances(entry.path, reader.subfolder)
    if entry.is_submodule:
        told = among_instances or _is_among_programs(entry.path, reader.subfolder)
        return "A submodule is not fetched; put its files here instead" if told else ""
    target = link_target(entry.path, reader.read(entry.oid))
    if leads_out(target):
        return "The symbolic link leads out of the repository; it is not followed"
    if among_instances or posixpath.basename(entry.path) in (FLEET_FILE, PROGRAM_FILE):
        return f"A symbolic link is not followed here; put a copy of {target} in its place"
    return ""


def _is_among_instances(path: str, subfolder: str) -> bool:
    return f"{path}/".startswith(posixpath.join(subfolder, INSTANCE_FOLDER) + "/")


def _is_among_programs(path: str, subfolder: str) -> bool:
    return f"{path}/".startswith(posixpath.join(subfolder, PROGRAM_FOLDER) + "/")


def _in_program(path: str, programs: Mapping[str, str]) -> bool:
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if folder in programs:
            return True
    return False
