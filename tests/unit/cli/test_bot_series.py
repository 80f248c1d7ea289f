"""Statuses as series: the words of the API, whatever bots there are."""

from cli.service.bot_series import count_drifts, count_statuses
from controller.drifts import Drifts
from controller.fleet import Fleet
from controller.settings import Settings
from controller.status import Drift, DriftKind, Health, OperationState, Reason, Sync
from telemetry.names import Health as Figures
from tests.fakes.clock import FakeClock
from tests.fakes.controller import bot_status


def rendered(*statuses) -> str:
    figures = Figures()
    count_statuses(figures, lambda: statuses)
    return figures.registry.render().decode()


def test_every_bot_is_one_sample_with_its_status_in_words():
    """Sync, health, operation, reason and the three conditions are labels, as the API says them."""
    stuck = bot_status(
        "grid",
        Health.DEGRADED,
        sync=Sync.OUT_OF_SYNC,
        reason=Reason.APPLY_FAILED,
        operation=OperationState.FAILED,
    )
    text = rendered(bot_status(), stuck)
    assert (
        'herdsman_bot_info{bot="grid",program="sma",mode="dry",environment="prod",sync="OutOfSync",'
        'health="Degraded",operation="Failed",reason="ApplyFailed",ready="False",reconciling="False",'
        'stalled="True"} 1.0\n'
    ) in text
    assert text.count("herdsman_bot_info{") == 2


def test_bots_are_counted_by_each_word():
    """Also the words that nobody has: an alert on a sample that is not there never fires."""
    text = rendered(bot_status(), bot_status("grid", generation=2, observed_generation=1))
    assert 'herdsman_bots_by_health{health="Healthy"} 2.0\n' in text
    assert 'herdsman_bots_by_sync{sync="OutOfSync"} 0.0\n' in text
    assert 'herdsman_bots_by_operation{operation="Idle"} 2.0\n' in text
    assert 'herdsman_bots_by_reason{reason="CrashLoop"} 0.0\n' in text
    assert 'herdsman_bots_by_condition{condition="Ready",status="True"} 2.0\n' in text
    assert "herdsman_bots_behind 1.0\n" in text


def test_statuses_are_read_once_for_each_scrape():
    """What thousands of bots cost is paid once, and the next scrape tells of what has changed since."""
    read: list[str] = []
    told = [bot_status(), bot_status("grid")]

    def statuses():
        read.append("again")
        return list(told)

    figures = Figures()
    count_statuses(figures, statuses)
    figures.registry.render()
    assert len(read) == 1
    told[1:] = [bot_status("grid", Health.DEGRADED)]
    assert 'bot="grid",program="sma",mode="dry",environment="prod",sync="Synced",health="Degraded"' in (
        figures.registry.render().decode()
    )
    assert len(read) == 2
    del told[0]
    assert figures.value("herdsman_bots_by_health", health="Degraded") == 1.0
    assert figures.registry.render().decode().count("herdsman_bot_info{") == 1


def test_open_drift_has_its_beginning_and_every_drift_is_counted():
    """What is not put right yet can be alerted on by its age; kinds are counted apart."""
    text = rendered(
        bot_status(drift=Drift(DriftKind.STOPPED, "stopped", 100.0, 101.0, "again")),
        bot_status("grid", drift=Drift(DriftKind.SCALED, "scaled", 100.0)),
    )
    assert 'herdsman_bot_drifted_since_seconds{bot="grid",kind="Scaled"} 100.0\n' in text
    assert text.count("herdsman_bot_drifted_since_seconds{") == 1
    figures, drifts = Figures(), Drifts(Fleet(), None, FakeClock(), Settings(), lambda _name: None)
    drifts.found[DriftKind.PURGED] += 2
    drifts.corrected[DriftKind.PURGED] += 1
    count_drifts(figures, drifts)
    text = figures.registry.render().decode()
    assert 'herdsman_drifts_total{kind="Purged"} 2.0\n' in text
    assert 'herdsman_drifts_corrected_total{kind="Purged"} 1.0\n' in text
    assert 'herdsman_drifts_total{kind="Stopped"} 0.0\n' in text
