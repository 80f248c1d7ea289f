"""The fleet's own settings."""

import pytest

from schemas.alerts import AlertSettings, Mute, Route, Severity
from schemas.fleet import Environment, FleetSettings, parse_fleet
from schemas.rollout import SyncWindow
from tests.unit.schemas.samples import only, place


def settings(text: str) -> FleetSettings:
    read, errors = parse_fleet("herdsman.yaml", text.encode())
    assert errors == []
    assert read is not None
    return read


def errors_of(text: str):
    read, errors = parse_fleet("herdsman.yaml", text.encode())
    assert (read is None) == bool(errors)
    return errors


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_empty_file_means_the_defaults(text):
    """A fleet may have the file and say nothing in it."""
    assert settings(text) == FleetSettings()


def test_every_setting_is_read():
    """Name, environments, defaults, pruning, alerts and windows."""
    read = settings(
        "name: desk\n"
        "environments:\n"
        "  prod: {folders: [bots/prod/, bots/live], namespace: trading, region: eu, node_pool: fast}\n"
        "  test:\n"
        "defaults:\n  memory_limit: 64Mi\n  herdsman: {kill_timeout: 5s}\n"
        "prune: {share: 0.5, least: 10}\n"
        "alerts:\n  group_wait: 30s\n"
        "  routes: [{to: [desk], severity: critical, labels: {team: a}, fleet: false}]\n"
        "  mutes: [{schedule: '0 22 * * *', duration: 8h, timezone: Europe/Berlin, to: [desk]}]\n"
        "sync_windows: [{kind: deny, schedule: '0 8 * * mon-fri', duration: 2h, timezone: Europe/London}]\n"
    )
    assert read.environments == (
        Environment("prod", ("bots/prod", "bots/live"), "trading", "eu", "fast"),
        Environment("test", ("bots/test",)),
    )
    assert (read.name, read.prune_share, read.prune_least) == ("desk", 0.5, 10)
    assert read.defaults == {"memory_limit": "64Mi", "herdsman": {"kill_timeout": "5s"}}
    assert read.alerts == AlertSettings(
        30.0,
        3600.0,
        (Route(("desk",), Severity.CRITICAL, labels={"team": "a"}, fleet=False),),
        (Mute("0 22 * * *", 8 * 3600.0, "Europe/Berlin", ("desk",)),),
    )
    assert read.sync_windows == (SyncWindow("deny", "0 8 * * mon-fri", 7200.0, "Europe/London"),)


@pytest.mark.parametrize(
    ("text", "pointer", "message", "suggestion"),
    [
        ("nmae: desk", "/nmae", 'unknown key "nmae"', "name"),
        ("name: Desk", "/name", '"name" must be 1 to 40 lower-case', None),
        ("alerts: {route: desk}", "/alerts/route", 'unknown key "route" in "alerts"', "routes"),
        (
            "alerts: {routes: [{to: ['slack://x/y']}]}",
            "/alerts/routes/0/to/0",
            "must be the name of a destination",
            None,
        ),
        ("alerts: {group_wait: 2h}", "/alerts/group_wait", "must be from 0s to 1h", None),
        (
            "alerts: {mutes: [{schedule: '0 25 * * *', duration: 1h}]}",
            "/alerts/mutes/0/schedule",
            "goes from 0 to 23",
            None,
        ),
        (
            "alerts: {routes: [{to: [desk], severity: high}]}",
            "/alerts/routes/0/severity",
            'must be "info", "warning" or "critical", not "high"',
            None,
        ),
        ("prune: {share: 30}", "/prune/share", '"prune.share" must be at most 1, not 30', None),
        ("defaults: {name: x}", "/defaults/name", 'unknown key "name" in "defaults"', None),
        (
            "defaults: {memory_limit: 64MB}",
            "/defaults/memory_limit",
            '"defaults.memory_limit": expected a size',
            "64M",
        ),
        ("defaults: {timezone: Mars/Base}", "/defaults/timezone", 'unknown time zone "Mars/Base"', None),
        (
            "defaults: {herdsman: {kill_timeout: x}}",
            "/defaults/herdsman/kill_timeout",
            '"defaults.herdsman.kill_timeout": expected',
            None,
        ),
        (
            "defaults: {herdsman: {labls: {}}}",
            "/defaults/herdsman/labls",
            'unknown key "labls" in "defaults.herdsman"',
            "labels",
        ),
        ("environments: {Prod: {}}", "/environments/Prod", 'the key "Prod" in "environments" must be', None),
        (
            "environments: {prod: {folders: [/bots]}}",
            "/environments/prod/folders/0",
            "must be a folder inside",
            None,
        ),
        (
            "environments: {prod: {folders: [a/../..]}}",
            "/environments/prod/folders/0",
            "must stay inside the repository",
            None,
        ),
        (
            "sync_windows: [{schedule: '* * *', duration: 1h}]",
            "/sync_windows/0/schedule",
            "a cron expression has 5 fields",
            None,
        ),
        (
            "sync_windows: [{schedule: '* * * * *', duration: 0}]",
            "/sync_windows/0/duration",
            "must be more than 0",
            None,
        ),
        (
            "sync_windows: [{schedule: '* * * * *', duration: x}]",
            "/sync_windows/0/duration",
            "expected a duration",
            None,
        ),
        (
            "defaults: {herdsman: {renamed_from: x}}",
            "/defaults/herdsman/renamed_from",
            "belongs to one bot",
            None,
        ),
        ("[]", "", "the document must be a mapping or empty, not a list", None),
    ],
)
def test_wrong_settings_are_placed_and_explained(text, pointer, message, suggestion):
    """Each mistake is told with its place and what is expected."""
    error = only(errors_of(text))
    assert error.pointer == pointer
    assert message in error.message
    assert error.suggestion == suggestion
    assert place(error)[0] == 1


def test_all_errors_come_at_once():
    """Two mistakes in different parts are two errors."""
    assert len(errors_of("name: Desk\nprune: {leest: 3}\n")) == 2
