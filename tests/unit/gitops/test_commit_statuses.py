"""Writing commit statuses: on transitions alone, tried again, remembered, and nothing waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from controller.records import Change, ChangeState, RevisionRecord, RevisionState
from gitops.forges.clients import Comment, CommitState, CommitStatus, ForgeRefused, ForgeUnavailable
from gitops.forges.reporting import StatusReports
from gitops.revision import Revision
from schemas.errors import ManifestError
from web.commit_statuses import status_of

OLD, NEW = "a" * 40, "b" * 40


class MemoryForge:
    """A forge that keeps what it is told; `failures` are raised first, one a call."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.written: list[tuple[str, CommitState, str]] = []

    def set_status(self, commit: str, status: CommitStatus) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.written.append((commit[0], status.state, status.description))

    def comments(self, number: int) -> Iterator[Comment]:
        return iter(())

    def add_comment(self, number: int, body: str) -> None:
        raise AssertionError

    def edit_comment(self, number: int, comment: int, body: str) -> None:
        raise AssertionError


@asynccontextmanager
async def reporting(forge: MemoryForge, folder: Path) -> AsyncIterator[tuple[StatusReports, list[float]]]:
    """Run reports over a forge; the second value lists how long they waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    reports = StatusReports({"": forge}, folder / "statuses.json", sleep=sleep)
    running = asyncio.create_task(reports.run())
    yield reports, waits
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def told(state: CommitState, words: str = "3 bots") -> CommitStatus:
    return CommitStatus(state, "herdsman/desk", words, "https://h.example.com/r/a")


async def until(forge: MemoryForge, count: int) -> None:
    """Return once so many statuses were written."""
    await eventually(lambda: len(forge.written) >= count)


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once something holds: what happens is in a thread."""
    async with asyncio.timeout(90):
        while not holds():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


async def test_statuses_are_written_once_for_each_transition(tmp_path: Path) -> None:
    """The same again writes nothing, also after a restart."""
    forge = MemoryForge()
    async with reporting(forge, tmp_path) as (reports, _):
        reports.tell("", OLD, told(CommitState.PENDING))
        await until(forge, 1)
        reports.tell("", OLD, told(CommitState.PENDING))
        reports.tell("", OLD, told(CommitState.SUCCESS))
        await until(forge, 2)
        reports.tell("other", OLD, told(CommitState.SUCCESS))
    async with reporting(forge, tmp_path) as (reports, _):
        reports.tell("", OLD, told(CommitState.SUCCESS))
        reports.tell("", NEW, told(CommitState.SUCCESS))
        await until(forge, 3)
    assert [one[:2] for one in forge.written] == [
        ("a", CommitState.PENDING),
        ("a", CommitState.SUCCESS),
        ("b", CommitState.SUCCESS),
    ]


async def test_a_revision_that_is_overtaken_does_not_stay_pending(tmp_path: Path) -> None:
    """Its commit is told which one came before it was applied."""
    forge = MemoryForge()
    async with reporting(forge, tmp_path) as (reports, _):
        reports.tell("", OLD, told(CommitState.PENDING))
        await until(forge, 1)
        reports.tell("", NEW, told(CommitState.PENDING))
        await until(forge, 3)
    assert forge.written[1] == ("a", CommitState.OVERTAKEN, "overtaken by bbbbbbb")


async def test_a_forge_in_trouble_is_tried_again_and_the_newest_status_wins(tmp_path: Path) -> None:
    """Waits grow, at least as long as the forge asks; a refusal is said and not repeated."""
    forge = MemoryForge(ForgeUnavailable("500"), ForgeUnavailable("429", 30.0), ForgeUnavailable("500"))
    async with reporting(forge, tmp_path) as (reports, waits):
        reports.tell("", OLD, told(CommitState.PENDING))
        reports.tell("", OLD, told(CommitState.SUCCESS))
        await until(forge, 1)
        assert waits == [2.0, 30.0, 8.0]
        assert forge.written == [("a", CommitState.SUCCESS, "3 bots")]
        assert reports.problems == {}
        forge.failures.append(ForgeRefused("403: the token may not do that"))
        reports.tell("", NEW, told(CommitState.SUCCESS))
        await eventually(lambda: bool(reports.problems))
        assert reports.problems == {"": "403: the token may not do that"}


def test_a_revision_is_told_in_words_without_a_bots_own() -> None:
    """Each state has its words; the reason of a failed bot, which may hold anything, is not among them."""

    def words(state: RevisionState, *changes: Change, errors: tuple[ManifestError, ...] = ()) -> str:
        record = RevisionRecord(Revision(OLD), state, 0.0, held="5 of 9", changes=changes, errors=errors)
        status = status_of(record, "https://h.example.com", "desk")
        assert (status.context, status.url) == ("herdsman/desk", "https://h.example.com/r/aaaaaaa")
        return f"{status.state}: {status.description}"

    failed = Change("grid", "update", "x", ChangeState.FAILED, "key=hunter2")
    wrong = ManifestError("bots/a.yaml", 1, 1, "", "no such program")
    assert words(RevisionState.RUNNING, failed, failed) == "pending: 2 bots to change"
    assert words(RevisionState.PENDING) == "pending: held: 5 of 9"
    assert words(RevisionState.APPLIED) == "success: no bot changes"
    assert words(RevisionState.APPLIED, errors=(wrong,)) == "failure: 1 error; bots/a.yaml: no such program"
    assert words(RevisionState.FAILED, failed) == "failure: 1 of 1 bot failed: grid"
    assert words(RevisionState.REFUSED, errors=(wrong,)) == "failure: refused: no such program"
