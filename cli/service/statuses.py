"""Commit statuses of the fleet's sources: to which forge, with which token."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from cli.service.options import UpOptions
from controller.records import RevisionRecord
from gitops.forges.clients import Forge, open_forge
from gitops.forges.github_app import GitHubApp
from gitops.forges.place import place_of
from gitops.forges.reporting import StatusReports
from schemas.errors import SourceUnavailable, UsageError
from schemas.source_list import DeclaredSource
from web.commit_statuses import status_of


def forge_for(declared: DeclaredSource, app: GitHubApp | None) -> Forge | None:
    """Return where a source's commit statuses are written, None where they are not. Raises UsageError."""
    if declared.status_token_file is None and app is None:
        return None
    place = place_of(declared.url, declared.forge)
    if declared.status_token_file is None:
        assert app is not None
        return open_forge(place, app.token, declared.ca_file)
    check_private(declared.status_token_file)
    return open_forge(place, token_in(declared.status_token_file), declared.ca_file)


def check_private(file: Path) -> None:
    """Raise UsageError where a file with a token cannot be read, or can be by others."""
    try:
        status = file.stat()
    except OSError as error:
        raise UsageError(f"the token file {file} cannot be read: {error.strerror}") from error
    if not os.access(file, os.R_OK):
        raise UsageError(f"the token file {file} cannot be read")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"the token file {file} can be read by others: chmod 600 {file}")


def token_in(file: Path) -> Callable[[], str]:
    """Return what reads the token anew at each use, since it may change."""

    def read() -> str:
        try:
            return file.read_text().strip()
        except OSError as error:
            raise SourceUnavailable(f"the token file {file} cannot be read: {error.strerror}") from error

    return read


def make_reports(forges: Mapping[str, Forge], options: UpOptions) -> StatusReports | None:
    """Return what writes statuses, None where no source has them."""
    return StatusReports(forges, options.data / "commit-statuses.json") if forges else None


def telling(reports: StatusReports | None, url: str, fleet: str) -> Callable[[RevisionRecord], None]:
    """Return what takes a revision's new state from the controller."""

    def tell(record: RevisionRecord) -> None:
        if reports is not None:
            reports.tell(record.revision.origin, record.revision.id, status_of(record, url, fleet))

    return tell
