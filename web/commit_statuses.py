"""What is written on a commit about its revision. A bot's own words are not. Pure."""

from collections.abc import Sequence

from controller.records import ChangeState, RevisionRecord, RevisionState
from gitops.forges.clients import CommitState, CommitStatus

_NAMED = 3


def status_of(record: RevisionRecord, url: str, fleet: str) -> CommitStatus:
    """Return a revision's status: `url` is the service's address, `fleet` the name it goes by."""
    state, words = _told(record)
    return CommitStatus(state, f"herdsman/{fleet}", words, f"{url}/r/{record.revision.short}")


def _told(record: RevisionRecord) -> tuple[CommitState, str]:
    bots = _number(len(record.changes), "bot")
    wrong = [error for error in record.errors if not error.warning]
    if record.state is RevisionState.REFUSED:
        return CommitState.FAILURE, f"refused: {wrong[0].message if wrong else 'see why'}"
    if record.state is RevisionState.PENDING:
        return CommitState.PENDING, f"held: {record.held}"
    if record.state is RevisionState.RUNNING:
        return CommitState.PENDING, f"{bots} to change"
    if record.state is RevisionState.SUPERSEDED:
        return CommitState.OVERTAKEN, "overtaken by a newer revision"
    if record.state is RevisionState.FAILED:
        failed = [change.bot for change in record.changes if change.state is ChangeState.FAILED]
        return CommitState.FAILURE, f"{len(failed)} of {bots} failed: {_names(failed)}"
    if wrong:
        return CommitState.FAILURE, f"{_number(len(wrong), 'error')}; {wrong[0].file}: {wrong[0].message}"
    return CommitState.SUCCESS, f"{bots} changed" if record.changes else "no bot changes"


def _names(bots: Sequence[str]) -> str:
    more = len(bots) - _NAMED
    return ", ".join(bots[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
