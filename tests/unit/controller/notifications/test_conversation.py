"""What a destination is told: grouped, once, in pairs, and not at all while it is muted."""

from datetime import UTC, datetime

import msgspec

from controller.notifications.conversation import Memory
from controller.notifications.facts import Event
from controller.notifications.wording import write
from controller.status import Health, Reason
from schemas.alerts import AlertSettings, Mute, Route, Severity
from tests.unit.controller.notifications.examples import CRASHING, NOW, WELL, Told


def test_alert_floods_become_a_handful_of_messages():
    """A thousand bots that crash within 5 s take at most a handful of messages, and all are counted."""
    told = Told()
    for second in range(5):
        for number in range(200):
            told.become(f"bot-{second * 200 + number}", CRASHING)
        told.pass_time(1)
    told.pass_time(600)
    assert 1 <= len(told.news) <= 5
    assert {fact.subject for news in told.news for fact in news.problems} == told.statuses.keys()
    message = write(told.news[0], "desk", "desk-1", "http://h:1", {}, NOW)
    assert message.title == "[desk-1] 1000 bots Degraded: CrashLoop, program grid 1.4.2"
    assert message.subjects == 1000
    assert "bot-0, bot-1" in message.body
    assert "and 980 more" in message.body
    assert len(message.body) < 2000


def test_crashes_that_trickle_for_long_are_gathered_ever_longer():
    """A thousand bots that crash one after another for half an hour fill no chat either."""
    told = Told()
    for number in range(1000):
        told.become(f"bot-{number}", CRASHING)
        told.pass_time(2)
    told.pass_time(600)
    assert len(told.news) <= 15
    assert sum(len(news.problems) for news in told.news) == 1000


def test_a_problem_is_told_once_and_its_end_once():
    """The same bot with the same reason is not told again; its recovery is told as the pair of it."""
    told = Told()
    told.become("grid-1", CRASHING)
    assert [fact.subject for fact in told.pass_time(11)[0].problems] == ["grid-1"]
    told.become("grid-1", CRASHING, message="exit 1: again")
    assert told.pass_time(3600) == []
    told.become("grid-1", WELL)
    (news,) = told.pass_time(11)
    assert [(one.subject, one.headline, one.times) for one in news.recovered] == [
        ("grid-1", "Degraded: CrashLoop", 1)
    ]
    assert told.pass_time(3600) == []


def test_another_reason_is_told_as_well():
    """A bot in trouble whose trouble becomes another one is told again, once for each."""
    told = Told()
    for reason in (Reason.CRASH_LOOP, Reason.NODE_LOST, Reason.CRASH_LOOP):
        told.become("grid-1", (Health.DEGRADED, reason))
        told.pass_time(60)
    assert [news.problems[0].reason for news in told.news] == ["CrashLoop", "NodeLost"]


def test_what_is_over_before_it_is_told_is_not_told():
    """A problem that ends within the group's wait, and a start under way, are nobody's business."""
    told = Told()
    told.become("grid-1", CRASHING)
    told.pass_time(5)
    told.become("grid-1", WELL)
    told.become("grid-2", (Health.PROGRESSING, Reason.STARTING))
    assert told.pass_time(60) == []


def test_a_flapping_bot_is_summarised_and_never_taken_for_well_while_it_fails():
    """It is told that it is back in trouble, then nothing until it stays well; then how often it failed."""
    told = Told()
    for _ in range(12):
        told.become("grid-1", CRASHING)
        told.pass_time(60)
        told.become("grid-1", WELL)
        told.pass_time(60)
    assert len(told.news) == 3  # the problem, its end, and that it is back
    assert told.news[2].flapping[0][1] == 2
    (news,) = told.pass_time(1200)
    assert (news.recovered[0].subject, news.recovered[0].times) == ("grid-1", 12)


def test_a_bot_that_is_removed_in_trouble_is_told_as_gone():
    """Whoever was told of the problem hears that there is no such bot any more."""
    told = Told()
    told.become("grid-1", CRASHING)
    told.pass_time(11)
    told.remove("grid-1")
    assert told.pass_time(11)[0].recovered[0].gone


def test_nothing_is_told_in_a_muted_window_and_what_is_still_wrong_at_its_end():
    """A mute puts off: of two problems in the window only that which lasts is told, when it closes."""
    opens = datetime.fromtimestamp(NOW + 60, UTC)
    mute = Mute(f"{opens.minute} {opens.hour} * * *", 1800.0)
    told = Told(AlertSettings(mutes=(mute,)))
    assert told.pass_time(120) == []
    told.become("lasting", CRASHING)
    told.become("passing", CRASHING)
    told.pass_time(60)
    told.become("passing", WELL)
    assert told.pass_time(1500) == []
    (news,) = told.pass_time(300)
    assert [fact.subject for fact in news.problems] == ["lasting"]


def test_a_mute_of_another_destination_mutes_nobody_else():
    """A mute that names destinations holds for these alone."""
    told = Told(AlertSettings(mutes=(Mute("* * * * *", 3600.0, to=("mail",)),)))
    told.become("grid-1", CRASHING)
    assert told.pass_time(11)


def test_routes_choose_by_severity_environment_account_program_mode_and_label():
    """A problem goes where every selector of a route takes it."""
    taken = [
        Route(("desk",), environments=("prod",)),
        Route(("desk",), Severity.CRITICAL, programs=("grid",), modes=("live",), labels={"team": "trend"}),
    ]
    left = [
        Route(("mail",)),
        Route(("desk",), environments=("staging",)),
        Route(("desk",), accounts=("sub-1",)),
        Route(("desk",), labels={"team": "other"}),
        Route(("desk",), modes=("dry",)),
    ]
    for routes, expected in [*(((one,), 1) for one in taken), *(((one,), 0) for one in left)]:
        told = Told(AlertSettings(routes=routes))
        told.become("grid-1", CRASHING)
        assert len(told.pass_time(11)) == expected, routes
    told = Told(AlertSettings(routes=(Route(("desk",), Severity.CRITICAL),)))
    told.become("grid-1", (Health.HEALTHY, Reason.ROLLED_BACK))
    assert told.pass_time(11) == []


def test_events_of_the_fleet_are_told_once_also_after_a_restart():
    """An event comes once; the memory that is kept knows it, and the last entry of the audit."""
    event = Event("audit:7", NOW, Severity.WARNING, "suspended", "grid-1", "ann", "maintenance", order=7)
    told = Told()
    told.conversation.event(event, told.settings, told.now)
    told.conversation.event(event, told.settings, told.now)
    assert [one.id for one in told.pass_time(11)[0].events] == ["audit:7"]
    kept = msgspec.json.decode(msgspec.json.encode(told.conversation.memory), type=Memory)
    again = Told(memory=kept)
    again.conversation.event(event, again.settings, again.now)
    assert again.pass_time(60) == []


def test_a_problem_told_before_a_restart_is_not_told_after_it_but_its_end_is():
    """The memory of what was told outlives the process: no alarm is doubled, no recovery is lost."""
    told = Told()
    told.become("grid-1", CRASHING)
    told.become("grid-2", CRASHING)
    told.pass_time(11)
    kept = msgspec.json.decode(msgspec.json.encode(told.conversation.memory), type=Memory)
    again = Told(memory=kept)
    again.become("grid-1", CRASHING)
    again.become("grid-2", WELL)
    (news,) = again.pass_time(11)
    assert (news.problems, [one.subject for one in news.recovered]) == ((), ["grid-2"])
