"""Symbolic links of a revision: none may lead out of the repository, and none stands for a manifest."""

from collections.abc import Iterator, Mapping

from gitops.index import Survey
from gitops.programs import leads_out, link_target
from gitops.reading import TreeReader
from gitops.survey import FLEET_FILE, PROGRAM_FILE, is_instance
from schemas.errors import ManifestError


def link_errors(reader: TreeReader, survey: Survey) -> Iterator[ManifestError]:
    """Yield an error for each link that is no good; links inside a program are the program's own matter."""
    for path, entry in survey.links.items():
        if _in_program(path, survey.programs):
            continue
        target = link_target(path, reader.read(entry.oid))
        if leads_out(target):
            message = "The symbolic link leads out of the repository; it is not followed"
            yield ManifestError(path, 0, 0, "", message)
        elif _is_manifest(path, reader.subfolder, survey):
            message = "A manifest must be a plain file, not a symbolic link"
            yield ManifestError(path, 0, 0, "", message, f"a copy of {target}")


def _in_program(path: str, programs: Mapping[str, str]) -> bool:
    folder = path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if folder in programs:
            return True
    return False


def _is_manifest(path: str, subfolder: str, survey: Survey) -> bool:
    name = path.rpartition("/")[2]
    return name in (FLEET_FILE, PROGRAM_FILE) or is_instance(path, subfolder, survey.programs)
