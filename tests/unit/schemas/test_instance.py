"""An instance is held to the bot contract before its program is even looked at."""

import pytest

from schemas.bot import BotType
from schemas.instance import parse_instance
from tests.unit.schemas.samples import FILE, INSTANCE, SCHEDULED, only, place


def errors_of(text: str):
    return parse_instance(FILE, text.encode())[1]


def block(text: str) -> str:
    return INSTANCE + "herdsman:\n" + "".join(f"  {line}\n" for line in text.splitlines())


def test_sound_instance_is_read():
    """Name, type, program and version are known without the program."""
    instance, errors = parse_instance(FILE, INSTANCE.encode())
    assert errors == []
    assert instance is not None
    assert (instance.name, instance.type, instance.program) == ("sma-btc", BotType.REALTIME, "sma")
    assert (instance.version, instance.enabled, instance.path, instance.sound) == ("1.5.0", True, FILE, True)


def test_json_instance_is_read_as_well():
    """The same document in JSON is the same bot, with places."""
    text = b'{"name": "sma-btc", "type": "realtime/sma",\n "version": "1.5.0", "enabled": false}'
    instance, errors = parse_instance("bots/sma-btc.json", text)
    assert errors == []
    assert instance is not None
    assert not instance.enabled
    assert place(instance.document.error(("version",), "x")) == (2, 13, "/version")


@pytest.mark.parametrize(
    ("line", "wrong", "message", "suggestion"),
    [
        (
            "name: sma-btc",
            "name: Sma_BTC",
            '"name" must be 1 to 63 lower-case letters, digits and inner hyphens, not "Sma_BTC"',
            None,
        ),
        ("name: sma-btc", "name: -x", '"name" must be 1 to 63 ', None),
        ("name: sma-btc", "name: " + "x" * 64, '"name" must be 1 to 63 ', None),
        ("name: sma-btc", "name: 12", '"name" must be 1 to 63 ', None),
        (
            "type: realtime/sma",
            "type: sma",
            '"type" must be "realtime/<program>" or "scheduled/<program>", not "sma"',
            None,
        ),
        ("type: realtime/sma", "type: Realtime/sma", '"type" must be', None),
        ("type: realtime/sma", "type: event/sma", 'type "event/sma" is not taken', None),
        (
            "version: 1.5.0",
            "version: 1.5",
            '"version" must be an exact version such as "1.4.2", not 1.5',
            None,
        ),
        ("version: 1.5.0", "version: ^1.5.0", '"version" must be an exact version', None),
        ("fast: 10", "mode: lvie", '"mode" must be "live" or "dry", not "lvie"', "live"),
        ("fast: 10", "enabled: yes", '"enabled" must be true or false, not the text "yes"', "true"),
        ("fast: 10", "enabled: 1", '"enabled" must be true or false, not 1', None),
        (
            "fast: 10",
            "memory_limit: 512MB",
            '"memory_limit": expected a size such as "512Mi" or "1G", not "512MB"',
            "512M",
        ),
        ("fast: 10", "memory_limit: [1]", '"memory_limit" must be a size such as', None),
        ("fast: 10", "cpu_request: lots", '"cpu_request": expected a share of CPU', None),
        ("fast: 10", "schedule: '* * * * *'", '"schedule" is for scheduled bots only', None),
        ("fast: 10", "herdsman: 12", '"herdsman" must be a mapping, not 12', None),
    ],
)
def test_wrong_values_are_placed_and_explained(line, wrong, message, suggestion):
    """Each rule of the contract has its own words, at its own place."""
    error = only(errors_of(INSTANCE.replace(line, wrong)))
    assert error.message.startswith(message)
    assert error.suggestion == suggestion
    at_key = "is for scheduled bots only" in message
    assert error.line == INSTANCE.splitlines().index(line) + 1
    assert error.column == (1 if at_key else len(wrong.split(":")[0]) + 3)


@pytest.mark.parametrize("key", ["name", "type", "version"])
def test_each_required_key_is_missed(key):
    """A bot without its identity is no bot, and the error says which part is missing."""
    text = "\n".join(line for line in INSTANCE.splitlines() if not line.startswith(key))
    instance, errors = parse_instance(FILE, text.encode())
    assert instance is None
    assert only(errors).message == f'missing key "{key}"'
    assert only(errors).line == 1


def test_scheduled_bot_needs_a_schedule():
    """A scheduled bot without a schedule would never run."""
    text = SCHEDULED.replace('schedule: "0 9 * * mon-fri"\n', "")
    assert only(errors_of(text)).message == 'missing key "schedule": a scheduled bot needs one'


def test_bad_cron_and_time_zone_are_told_together():
    """Both halves of a schedule are checked, each at its place."""
    errors = errors_of(SCHEDULED.replace("0 9", "61 9").replace("Berlin", "Berln"))
    assert [place(error) for error in errors] == [(4, 11, "/schedule"), (5, 11, "/timezone")]
    assert '"minute" goes from 0 to 59' in errors[0].message
    assert (errors[1].message, errors[1].suggestion) == ('unknown time zone "Europe/Berln"', "Europe/Berlin")


def test_request_above_its_limit_is_refused():
    """A bot cannot ask for more than it may use."""
    error = only(errors_of(INSTANCE + "memory_limit: 64Mi\nmemory_request: 1Gi\n"))
    assert error.pointer == "/memory_request"
    assert error.message == '"memory_request" is more than "memory_limit"'


def test_every_key_of_the_block_is_taken():
    """All the settings for herdsman, in all their notations."""
    text = block(
        "restart: {first_delay: 500ms, max_delay: 10m, reset_after: 600, degraded_crashes: 3, "
        "degraded_window: 5m}\n"
        "lease: {ttl: 60s, renew_every: 5s, terminate_after: 30s, kill_after: 50s}\n"
        "kill_timeout: 1m\nhealthy_after: 0\ndepends_on: [feed]\nallow_major: true\nrenamed_from: sma-old\n"
        "secrets: {API_KEY: 'env:BINANCE_KEY', API_SECRET: 'file:/etc/desk/secret'}\n"
        "alerts: {}\nrisk: {daily_loss: 100}\nlabels: {team: trend}\naccount: main\ncurrency: USDT\n"
        "annualization: 252\npriority: 70"
    )
    assert errors_of(text) == []
    assert errors_of(SCHEDULED + "herdsman: {timeout: 90s, catch_up: true}\n") == []


@pytest.mark.parametrize(
    ("line", "message", "suggestion"),
    [
        ("tiemout: 5s", 'unknown key "tiemout" in "herdsman"', "timeout"),
        ("restart: {maxdelay: 5s}", 'unknown key "maxdelay" in "herdsman.restart"', "max_delay"),
        (
            "kill_timeout: soon",
            '"herdsman.kill_timeout": expected a duration such as "30s", "5m" or "1h", not "soon"',
            None,
        ),
        ("kill_timeout: 2d", '"herdsman.kill_timeout" must be from 0s to 1d, not "2d"', None),
        ("kill_timeout: -5", '"herdsman.kill_timeout": expected a duration', None),
        ("healthy_after: true", '"herdsman.healthy_after" must be a duration such as', None),
        ("liveness: {marketdata: 5s}", 'unknown key "marketdata" in "herdsman.liveness"', "market_data"),
        (
            "liveness: {loop: 1s}",
            '"herdsman.liveness.loop" must be from 5s to 30d, not "1s"',
            None,
        ),
        ("liveness: {calendar: XNYC}", 'unknown market calendar "XNYC"', "XNYS"),
        ("lease: {ttl: 5s}", '"herdsman.lease.ttl" must be from 10s to 1h, not "5s"', None),
        ("lease: {kill_after: 40s}", "a lease needs renew_every < terminate_after < kill_after < ttl", None),
        ("priority: 0", '"herdsman.priority" must be at least 1, not 0', None),
        ("currency: usd", '"herdsman.currency" must be a currency code such as "USDT", not "usd"', None),
        ("labels: {team: 5}", '"herdsman.labels.team" must be text, not 5; quote it', None),
        ("labels: {a b: x}", 'the key "a b" in "herdsman.labels" must be', None),
        ("depends_on: [a, a]", '"herdsman.depends_on" names an element twice', None),
        ("timeout: 30s", '"herdsman.timeout" is for scheduled bots only', None),
        ("catch_up: true", '"herdsman.catch_up" is for scheduled bots only', None),
        ("secrets: {STATE_DIR: 'env:X'}", 'the variable "STATE_DIR" is set by herdsman', None),
        ("secrets: {HERDSMAN_X: 'env:X'}", 'the variable "HERDSMAN_X" is set by herdsman', None),
        (
            "secrets: {a-b: 'env:X'}",
            'the key "a-b" in "herdsman.secrets" must be the name of an environment variable',
            None,
        ),
    ],
)
def test_wrong_settings_for_herdsman_are_explained(line, message, suggestion):
    """The block is closed, and each of its values is checked."""
    error = only(errors_of(block(line)))
    assert error.message.startswith(message)
    assert (error.line, error.suggestion) == (7, suggestion)


def test_restart_is_for_realtime_bots():
    """A run is not restarted; the key would do nothing."""
    assert "is for realtime bots only" in only(errors_of(SCHEDULED + "herdsman: {restart: {}}\n")).message


@pytest.mark.parametrize(
    "value", ["hunter2", "[hunter2]", "{x: hunter2}", "'hunter2 hunter2'", ".inf # hunter2"]
)
def test_secret_written_into_the_manifest_is_refused_and_not_shown(value):
    """A secret's value where its reference belongs is an error that does not repeat it."""
    errors = errors_of(block(f"secrets: {{API_KEY: {value.split(' #')[0]}}}"))
    assert errors
    for error in errors:
        assert "hunter" not in f"{error} {error.excerpt}"
    assert errors_of(block("secrets: hunter2"))[0].excerpt == "  secrets: …………………"


def test_unsound_instance_is_still_returned_for_more_errors():
    """Where the identity is known, the parameters can be checked beside the other mistakes."""
    instance, errors = parse_instance(FILE, (INSTANCE + "mode: real\nmode: dry\n").encode())
    assert len(errors) == 2
    assert instance is not None
    assert not instance.sound


@pytest.mark.parametrize("text", ["", "[]", "text", "# only a comment"])
def test_what_is_no_mapping_is_refused(text):
    """An empty file and a list are told what a bot needs."""
    assert "a bot" in only(errors_of(text)).message


@pytest.mark.parametrize("key", ["bogus", "secrets", "labels"])
def test_flood_of_mistakes_is_told_by_the_first(key):
    """Tens of thousands of wrong keys are some fifty errors, each with a short line and no secret."""
    flood = ",".join(f"k{number}: {{x: hunter}}" for number in range(20_000))
    errors = errors_of(block(f"{key}: {{{flood}}}"))
    assert 0 < len(errors) <= 50
    assert all(len(error.excerpt or "") <= 240 for error in errors)
    assert key != "secrets" or not any("hunter" in (error.excerpt or "") for error in errors)
