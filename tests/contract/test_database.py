"""Every database: kept over restarts, all or nothing, and clear about what it cannot use."""

import asyncio
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text

from controller.database import Database, UnusableDatabase
from controller.database.attempts import add_attempt, load_attempts
from controller.database.audit import add_audit, load_audit
from controller.database.deployments import (
    bundle_keys,
    load_deployments,
    note_deployment,
    note_healthy,
    proven_specs,
)
from controller.database.fleets import change_fleet_id, ensure_fleet, fleet_id
from controller.database.inventory import drop_entries, load_inventory, save_entries
from controller.database.notifications import (
    MOST_WAITING,
    add_message,
    load_deliveries,
    load_fate,
    load_next,
    mark_failed,
    mark_sent,
    open_destinations,
)
from controller.database.revisions import (
    find_past_bot,
    find_revision,
    finish_revision,
    known_revisions,
    load_revisions,
    save_changes,
    save_revision,
    trim_changes,
)
from controller.database.rollbacks import (
    drop_pin,
    drop_refusals,
    drop_trial,
    end_trial,
    load_overlays,
    load_trials,
    save_pin,
    save_refusals,
    save_trials,
)
from controller.database.runs import find_run, load_runs, record_report, trim_runs
from controller.database.statuses import drop_status, load_statuses, save_processes, save_statuses
from controller.database.suspensions import drop_suspension, load_suspensions, save_suspension
from controller.database.tables import fleet, metadata
from controller.database.tokens import (
    StoredToken,
    find_token,
    insert_token,
    list_tokens,
    revoke_token,
    touch_token,
)
from controller.listing import listed
from controller.notifications.wording import Message
from controller.process import ProcessState, Stage
from controller.records import (
    Attempt,
    AuditEntry,
    Change,
    ChangeState,
    FieldChange,
    Halt,
    RevisionRecord,
    RevisionState,
    Suspension,
)
from controller.rollback.records import FLEET, Pin, Refusal, Trial
from controller.status import BotStatus, Health, Reason, Sync
from schemas.bot import Resources, SecretReference
from schemas.errors import ManifestError
from schemas.reports import Outcome
from tests.unit.controller.examples import NOW, entry, exited, labels, revision, spec, started


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """Return the address of an empty database of each kind."""
    if request.param == "sqlite":
        return str(tmp_path / "herdsman.db")
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
async def database(address):
    opened = await Database.open(address)
    yield opened
    await opened.close()


async def test_migrations_make_exactly_the_tables(database):
    """What the migrations create is what the code believes the tables to be."""

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await database.run(differences) == []


async def test_failing_function_leaves_nothing_behind(database):
    """A function that raises undoes what it wrote, and not what others wrote at the same moment."""

    def fails(connection):
        connection.execute(insert(fleet).values(id="bad", name="bad", created_at=0))
        raise ValueError("no")

    def succeeds(connection):
        connection.execute(insert(fleet).values(id="good", name="good", created_at=0))

    results = await asyncio.gather(
        database.run(fails), database.run(succeeds), database.run(fails), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, type(None), ValueError]
    kept = await database.run(lambda connection: list(connection.execute(select(fleet.c.id)).scalars()))
    assert kept == ["good"]


async def test_many_at_once_keep_their_order(database):
    """Functions run in the order in which they were asked for."""
    order = []
    await asyncio.gather(*(database.run(lambda _, n=n: order.append(n)) for n in range(1200)))
    assert order == list(range(1200))


async def test_closed_database_says_so(address):
    """What comes after the end is refused in words, and closing twice is fine."""
    database = await Database.open(address)
    await database.close()
    await database.close()
    with pytest.raises(UnusableDatabase, match="closed"):
        await database.run(lambda connection: None)


async def test_newer_database_is_refused_in_words(address):
    """A database of a newer herdsman is refused, saying so, and is left as it is."""
    database = await Database.open(address)
    await database.run(
        lambda db: db.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None
    )
    await database.close()
    with pytest.raises(UnusableDatabase, match="newer herdsman"):
        await Database.open(address)


async def test_fleet_id_is_made_once(database):
    """The id is the name and a random suffix, and stays whatever the name becomes."""
    assert await database.run(fleet_id) is None
    made = await database.run(lambda connection: ensure_fleet(connection, "desk", NOW))
    name, suffix = made.rsplit("-", 1)
    assert (name, len(suffix), suffix.isalnum()) == ("desk", 6, True)
    assert await database.run(lambda connection: ensure_fleet(connection, "other", NOW)) == made
    await database.run(lambda connection: change_fleet_id(connection, "desk-aaaaaa"))
    assert await database.run(fleet_id) == "desk-aaaaaa"


async def test_everything_survives_a_restart(address):
    """Inventory, status, process state and suspensions come back exactly as they were."""
    bot = spec(
        resources=Resources(memory_limit=1024),
        secrets=(SecretReference("KEY", "env:A"),),
        labels={"desk": "one"},
    )
    owned = entry(bot, halted=Halt.DISABLED, intent="next", code="c", dependencies="d", applied_at=NOW)
    status = BotStatus(
        bot.name,
        "sma",
        "1.0.0",
        "realtime",
        "dry",
        "",
        Sync.SYNCED,
        Health.DEGRADED,
        Reason.CRASH_LOOP,
        "crashed",
        "r1",
        "r2",
        3,
        NOW,
        NOW - 1,
    )
    process = ProcessState("a1", bot.digest, stage=Stage.EXITED, crashes=(1.0, 2.0), superseded=("a0",))
    suspension = Suspension(bot.name, "ops", "why", NOW, NOW + 60)

    database = await Database.open(address)
    await database.run(lambda connection: save_entries(connection, [owned]))
    await database.run(lambda connection: save_statuses(connection, [(status, process)], NOW))
    await database.run(lambda connection: save_suspension(connection, suspension))
    await database.close()

    database = await Database.open(address)
    assert await database.run(load_inventory) == {bot.name: owned}
    assert await database.run(load_statuses) == {bot.name: (status, process)}
    assert await database.run(load_suspensions) == {bot.name: suspension}
    await database.run(lambda connection: drop_entries(connection, [bot.name]))
    await database.run(lambda connection: drop_status(connection, bot.name))
    await database.run(lambda connection: drop_suspension(connection, bot.name))
    assert await database.run(load_inventory) == {}
    assert await database.run(load_statuses) == {}
    assert await database.run(load_suspensions) == {}
    await database.close()


async def test_reports_before_the_first_status_are_kept(database):
    """What a launcher reported is kept also for a bot that has no status yet."""
    process = ProcessState("a1", stage=Stage.STARTED)
    await database.run(lambda connection: save_processes(connection, {"a": process}, NOW))
    later = replace(process, stage=Stage.EXITED)
    await database.run(lambda connection: save_processes(connection, {"a": later}, NOW))
    assert await database.run(load_statuses) == {"a": (None, later)}


async def test_revisions_keep_their_changes_and_errors(database):
    """A revision comes back with its changes at their newest step, and its errors."""
    error = ManifestError("bots/a.yaml", 7, 1, "/volatilty", "unknown parameter", "volatility", bots=("a",))
    fields = (FieldChange("fast", "10", "12"), FieldChange("slow", None, "30"))
    change = Change("a", "update", "fast 10 -> 12", fields=fields)
    record = RevisionRecord(
        revision(1), RevisionState.RUNNING, NOW, trigger="push", by="ada", changes=(change,), errors=(error,)
    )
    done = change.to(ChangeState.RUNNING, "", 0.7)
    await database.run(lambda connection: save_revision(connection, record))
    await database.run(lambda connection: save_changes(connection, revision(1).id, [done]))
    await database.run(
        lambda connection: finish_revision(connection, revision(1).id, RevisionState.APPLIED, NOW + 1)
    )
    later = RevisionRecord(revision(2), RevisionState.REFUSED, NOW + 5)
    await database.run(lambda connection: save_revision(connection, later))

    found = await database.run(lambda connection: load_revisions(connection, 10))
    expected = replace(record, state=RevisionState.APPLIED, finished_at=NOW + 1, changes=(done,))
    assert found == [later, listed(expected)]
    assert await database.run(known_revisions) == {revision(1).id, revision(2).id}
    by_digits = await database.run(lambda connection: find_revision(connection, revision(1).id[:40]))
    assert by_digits == expected
    assert await database.run(lambda connection: find_revision(connection, "ffff")) is None


async def test_revisions_are_paged_and_found_by_bot(database):
    """A page goes on before a revision; a bot leads to its revisions with its change alone."""
    for number in range(1, 8):
        bots = ("a", "b", "c") if number % 2 else ("b",)
        made = tuple(Change(bot, "update", f"{bot} {number}", ChangeState.HEALTHY) for bot in bots)
        record = RevisionRecord(revision(number), RevisionState.APPLIED, NOW + number // 2, changes=made)
        await database.run(lambda connection, record=record: save_revision(connection, record))

    async def page(limit, **wanted):
        found = await database.run(lambda connection: load_revisions(connection, limit, **wanted))
        return [record.revision.id for record in found], found

    whole, _ = await page(50)
    paged, before = [], ""
    while page_ids := (await page(2, before=before))[0]:
        paged += page_ids
        before = page_ids[-1]
    assert paged == whole
    assert len(set(whole)) == 7
    ids, found = await page(50, bot="c", most=1)
    assert set(ids) == {revision(number).id for number in (1, 3, 5, 7)}
    assert {change.bot for record in found for change in record.changes} == {"c"}
    assert all([one.bots for one in record.tally] == [3] for record in found)
    past = await database.run(lambda connection: find_past_bot(connection, "c"))
    assert (past.revision, past.action) == (revision(7).id, "update")
    assert await database.run(lambda connection: find_past_bot(connection, "nobody")) is None


async def test_a_list_shows_what_failed_first(database):
    """Of many changes a list holds the most urgent ones, and counts them all."""
    states = [ChangeState.HEALTHY] * 5 + [ChangeState.FAILED] + [ChangeState.WAITING] * 2
    made = tuple(Change(f"bot-{n}", "update", "", state) for n, state in enumerate(states))
    record = RevisionRecord(revision(1), RevisionState.RUNNING, NOW, changes=made)
    await database.run(lambda connection: save_revision(connection, record))
    (found,) = await database.run(lambda connection: load_revisions(connection, 1, most=4))
    assert [change.bot for change in found.changes] == ["bot-5", "bot-6", "bot-7", "bot-0"]
    assert found == listed(record, most=4)
    assert sum(one.bots for one in found.tally) == 8


async def test_old_changes_are_forgotten_but_not_the_revisions(database):
    """Old revisions lose their list of changes; that they were seen is kept for ever."""
    for number in (1, 2, 3):
        record = RevisionRecord(
            revision(number), RevisionState.APPLIED, NOW + number, changes=(Change("a", "update", ""),)
        )
        await database.run(lambda connection, record=record: save_revision(connection, record))
    await database.run(lambda connection: trim_changes(connection, 1))
    found = await database.run(lambda connection: load_revisions(connection, 10))
    assert [len(record.changes) for record in found] == [1, 0, 0]


async def test_last_five_attempts_are_kept(database):
    """Of a bot's attempts the newest five are kept, those of others untouched."""
    await database.run(lambda c: add_attempt(c, Attempt("b", "r", "d", 0.0, 1.0, True), 5))
    for number in range(8):
        attempt = Attempt("a", f"r{number}", "d", NOW, NOW + 1, False, "refused")
        await database.run(lambda c, attempt=attempt: add_attempt(c, attempt, 5))
    found = await database.run(lambda connection: load_attempts(connection, "a"))
    assert [attempt.revision for attempt in found] == ["r7", "r6", "r5", "r4", "r3"]
    assert found[0].message == "refused"
    assert len(await database.run(lambda connection: load_attempts(connection, "b"))) == 1


async def test_run_reported_twice_is_one_run(database):
    """The same report again changes nothing, and says so."""
    bot = spec()
    start, end = started(1, NOW), exited(1, NOW + 5, outcome=Outcome.ERROR, result={"message": "no"})
    for report, changed in ((start, True), (start, False), (end, True), (end, False), (start, False)):
        run = await database.run(lambda c, report=report: record_report(c, labels(bot), report))
        assert (run is not None) is changed
    runs = await database.run(lambda connection: load_runs(connection, bot.name, 10))
    assert [(run.outcome, run.ended_at, run.result) for run in runs] == [
        ("error", NOW + 5, {"message": "no"})
    ]


async def test_runs_are_newest_first_and_trimmed(database):
    """Runs come newest first, and only so many are kept."""
    bot = spec()
    for number in range(6):
        report = started(number, NOW + number)
        await database.run(lambda c, report=report: record_report(c, labels(bot), report))
    await database.run(lambda connection: trim_runs(connection, bot.name, 3))
    runs = await database.run(lambda connection: load_runs(connection, bot.name, 2))
    assert [run.started_at for run in runs] == [NOW + 5, NOW + 4]
    assert await database.run(lambda c: find_run(c, bot.name, "sma-btc-a1-0")) is None


async def test_tokens_are_found_by_hash_and_revoked_once(database):
    """A revoked token stays in the list with its time; revoking again says that it was done."""
    token = StoredToken("t1", "ci", "operate", "hash1", NOW, expires_at=NOW + 60)
    await database.run(lambda connection: insert_token(connection, token))
    assert await database.run(lambda connection: find_token(connection, "hash1")) == token
    assert await database.run(lambda connection: find_token(connection, "other")) is None
    await database.run(lambda connection: touch_token(connection, "t1", NOW + 1))
    assert await database.run(lambda connection: revoke_token(connection, "t1", NOW + 2)) is True
    assert await database.run(lambda connection: revoke_token(connection, "t1", NOW + 3)) is False
    expected = replace(token, last_used_at=NOW + 1, revoked_at=NOW + 2)
    assert await database.run(list_tokens) == [expected]


async def test_audit_is_newest_first(database):
    """Audit entries come back whole, newest first."""
    first = AuditEntry(NOW, "ada", "suspend", "a", "maintenance", "t1", {"until": None})
    second = AuditEntry(NOW + 1, "bob", "resume", "a")
    for one in (first, second):
        await database.run(lambda connection, one=one: add_audit(connection, one))
    assert await database.run(lambda connection: load_audit(connection, 5)) == [second, first]


async def test_run_without_a_start_is_older_than_any(database):
    """A run whose start was never reported comes last."""
    bot = spec()
    for report in (replace(exited(1, NOW), started_at=None), started(2, NOW)):
        await database.run(lambda c, report=report: record_report(c, labels(bot), report))
    runs = await database.run(lambda connection: load_runs(connection, bot.name, 5))
    assert [run.started_at for run in runs] == [NOW, None]


async def test_any_text_can_be_kept(database):
    """A bot's last words are kept though they hold characters that a database has no place for."""
    attempt = Attempt("a", "r", "d", NOW, NOW, False, "feed \x00 said \udcff and ☃")
    await database.run(lambda c: add_attempt(c, attempt, 5))
    (found,) = await database.run(lambda connection: load_attempts(connection, "a"))
    assert found.message == "feed \ufffd said \ufffd and ☃"


async def test_guard_keeps_everything_from_being_done(database):
    """Where the guard says no, nothing is written, and whoever asked hears why."""

    def no(connection):
        raise PermissionError("not the leader")

    database.guard = no
    with pytest.raises(PermissionError, match="leader"):
        await database.run(lambda connection: ensure_fleet(connection, "desk", NOW))
    database.guard = None
    assert await database.run(fleet_id) is None


async def test_pins_trials_and_refusals_are_kept(database):
    """What holds bots comes back as it was written, over the earlier one, until it is dropped."""
    good, bad = spec(), spec(parameters={"fast": 99})
    pins = [
        Pin(
            FLEET,
            revision(1),
            "desk",
            "why",
            NOW,
            NOW + 5,
            {good.name: good},
            frozenset({"x"}),
            frozenset({"y"}),
        ),
        Pin(good.name, revision(2), "desk", "", NOW, None, {good.name: bad}),
    ]
    trial = Trial(good.name, bad.digest, revision(2), good, revision(1))
    refusal = Refusal(good.name, bad.digest, revision(2), "crashed", NOW, good, revision(1))

    def write(connection):
        for pin in pins:
            save_pin(connection, pin)
        save_trials(connection, [trial])
        save_refusals(connection, [refusal, replace(refusal, digest="other")])

    await database.run(write)
    overlays = await database.run(load_overlays)
    assert overlays.pins == {pin.subject: pin for pin in pins}
    assert overlays.refusals == {good.name: {bad.digest: refusal, "other": replace(refusal, digest="other")}}
    assert await database.run(load_trials) == {good.name: trial}
    newer = replace(trial, digest="newer")
    await database.run(lambda connection: save_trials(connection, [newer]))
    await database.run(lambda connection: end_trial(connection, trial))
    assert await database.run(load_trials) == {good.name: newer}
    await database.run(lambda connection: drop_trial(connection, good.name))
    await database.run(lambda connection: drop_pin(connection, FLEET))
    await database.run(lambda connection: drop_refusals(connection, good.name))
    overlays = await database.run(load_overlays)
    assert (list(overlays.pins), overlays.refusals, await database.run(load_trials)) == ([good.name], {}, {})


async def test_deployments_of_a_bot_are_kept_in_number(database):
    """Each spec stands once, newest first, with when it got healthy; the oldest are forgotten."""

    def apply(number, at):
        one = entry(spec(parameters={"fast": number}), applied_at=at, code=f"code-{number}")
        return lambda connection: note_deployment(connection, one, revision(number), at, keep=3)

    first = spec(parameters={"fast": 1})
    await database.run(apply(1, NOW))
    await database.run(lambda connection: note_healthy(connection, [(first.name, first.digest)], NOW + 1))
    await database.run(lambda connection: save_entries(connection, [entry(first)]))
    assert await database.run(proven_specs) == {first.name: first.digest}
    for number, at in ((2, NOW + 2), (1, NOW + 3), (3, NOW + 4), (4, NOW + 5)):
        await database.run(apply(number, at))
    found = await database.run(lambda connection: load_deployments(connection, first.name))
    assert [one.revision for one in found] == [revision(4), revision(3), revision(1)]
    assert (found[2].spec, found[2].applied_at, found[2].healthy_at) == (first, NOW + 3, NOW + 1)
    assert await database.run(bundle_keys) == {"code-4", "code-3", "code-1"}


async def test_notifications_wait_in_order_and_are_bounded(database):
    """The oldest of a destination is next, a test before it; too many become one message that counts them."""
    await database.run(lambda connection: open_destinations(connection, [("desk", "json")]))

    def put(connection):
        for number in range(MOST_WAITING + 1):
            add_message(connection, Message(f"m{number}", "desk", "t", "b", 2, 1.0, subjects=2))
        add_message(connection, Message("m99", "desk", "again", "b", 2, 1.0))
        add_message(connection, Message("test", "desk", "t", "b", 1, 1.0, urgent=True))

    await database.run(put)
    (first,) = await database.run(load_next)
    assert first.message.id == "test"
    await database.run(lambda connection: mark_failed(connection, first.message, "refused", 2.0, None))
    (second,) = await database.run(load_next)
    assert (second.message.title, second.message.subjects) == ("50 messages were dropped", 100)
    await database.run(lambda connection: mark_sent(connection, second.message, 3.0))
    fate = await database.run(lambda connection: load_fate(connection, "test"))
    assert (fate.state, fate.error) == ("failed", "refused")
    (desk,) = await database.run(load_deliveries)
    assert (desk.waiting, desk.dropped, desk.failures, desk.sent_at) == (51, 50, 0, 3.0)
