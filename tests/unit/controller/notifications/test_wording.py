"""A message in words: revision, author, reason, what to do and a link; harmless to every chat."""

from controller.notifications.conversation import News, Recovery
from controller.notifications.facts import Event, audit_event, fact_of, part_fact, revision_event
from controller.notifications.wording import harmless, write
from controller.records import AuditEntry, Change, ChangeState, RevisionRecord, RevisionState
from controller.status import Health, Reason
from gitops.revision import Revision
from schemas.alerts import Severity
from schemas.errors import ManifestError
from tests.unit.controller.notifications.examples import NOW, status

ONE = Revision("a" * 40, "Ann <ann@desk.example>", "Raise the grid's size")


def told(news: News) -> str:
    message = write(news, "desk", "desk-1", "https://herdsman.desk", {ONE.id: ONE}, NOW + 300)
    return f"{message.title}\n{message.body}"


def test_a_bot_in_trouble_is_told_with_everything_that_helps():
    """Reason, program, what it said, revision and author, what to do, and its page."""
    fact = fact_of(status("grid-1", Health.DEGRADED, Reason.CRASH_LOOP), {})
    text = told(News(problems=(fact,)))
    for part in (
        *("[desk-1] grid-1 Degraded: CrashLoop", "(live)", "why: exit 1: KeyError"),
        'revision aaaaaaa by Ann: "Raise the grid\'s size"',
        *("herdsman logs grid-1", "herdsman rollback grid-1", "https://herdsman.desk/bots/grid-1"),
    ):
        assert part in text
    assert "ann@desk" not in text


def test_a_recovery_is_told_with_what_it_was_and_how_long():
    """The pair of a problem names it."""
    text = told(News(recovered=(Recovery("grid-1", "Degraded: CrashLoop", NOW, 3),)))
    assert "grid-1 well again" in text
    assert "grid-1 (Degraded: CrashLoop, 3 times, 5 min)" in text


def test_revisions_are_told_with_their_changes_or_their_first_error():
    """Applied, refused and held revisions say what became of them; one under way says nothing."""
    change = Change("grid-1", "update", "version", ChangeState.HEALTHY)
    applied = RevisionRecord(ONE, RevisionState.APPLIED, NOW, NOW, changes=(change,))
    error = ManifestError("bots/a.yaml", 3, 1, "/x", 'unknown key "x"')
    refused = RevisionRecord(ONE, RevisionState.REFUSED, NOW, NOW, by="ann", errors=(error,))
    held = RevisionRecord(ONE, RevisionState.PENDING, NOW, held="9 of 10 bots would be removed")
    events = [revision_event(one) for one in (applied, refused, held)]
    assert [event.severity for event in events if event] == [
        Severity.INFO,
        Severity.WARNING,
        Severity.WARNING,
    ]
    text = told(News(events=tuple(event for event in events if event)))
    assert "1 bot changed: 1 healthy" in text
    assert 'bots/a.yaml:3: unknown key "x"' in text
    assert "9 of 10 bots would be removed" in text
    assert "https://herdsman.desk/r/aaaaaaa" in text
    assert revision_event(RevisionRecord(ONE, RevisionState.RUNNING, NOW)) is None


def test_what_operators_do_is_told_together_with_who_and_why():
    """Many bots suspended for one reason are one line; tokens and syncs are nobody's business."""
    events: list[Event] = []
    for number in range(3):
        entry = AuditEntry(NOW, "ops", "suspend", f"grid-{number}", "exchange maintenance")
        event = audit_event(number, entry, fact_of(status(f"grid-{number}"), {}))
        assert event is not None
        events.append(event)
    text = told(News(events=tuple(events)))
    assert "3 bots suspended by ops: exchange maintenance" in text
    assert "grid-0, grid-1, grid-2" in text
    killed = audit_event(8, AuditEntry(NOW, "ops", "kill", "account:main", "the exchange is down"), None)
    assert killed is not None
    assert "KILL SWITCH on: account:main by ops: the exchange is down" in told(News(events=(killed,)))
    assert audit_event(9, AuditEntry(NOW, "ops", "token.create", "ci"), None) is None


def test_parts_of_herdsman_are_told_as_one_problem():
    """A scheduler that does not answer is one problem, not one for each bot."""
    text = told(News(problems=(part_fact("scheduler", "connection refused", NOW),)))
    assert "the scheduler does not answer" in text
    assert "bots run on" in text
    unknown = fact_of(status("grid-1", Health.UNKNOWN, Reason.SCHEDULER_UNAVAILABLE), {})
    assert unknown.state == "between"


def test_what_comes_from_elsewhere_is_no_command_to_a_chat():
    """Mentions, markup, links in brackets and control characters of a bot's output are taken apart."""
    text = harmless("<!channel> @everyone \x1b[31m\nred " + "x" * 500)
    assert not {"<", ">", "\n", "\x1b"} & set(text)
    assert "@everyone" not in text
    assert len(text) < 320
