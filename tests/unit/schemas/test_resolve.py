"""An instance with its program becomes one bot, or all the reasons why not."""

import json
from dataclasses import replace

import pytest

from schemas.bot import Lease, Mode, Resources, RestartPolicy, SecretReference
from schemas.fleet import FleetSettings
from schemas.liveness import LivenessSettings
from tests.unit.schemas.samples import (
    INSTANCE,
    REALTIME_PROGRAM,
    SCHEDULED,
    SCHEDULED_PROGRAM,
    SCHEMA,
    bot,
    config,
    only,
    place,
    read,
)


def block(text: str, base: str = INSTANCE) -> str:
    return f"{base}herdsman: {{{text}}}\n"


def test_bot_gets_the_whole_instance_with_defaults():
    """`BOT_CONFIG` is flat: identity, mode and every parameter, given or by default."""
    assert config() == {
        "name": "sma-btc",
        "type": "realtime/sma",
        "version": "1.5.0",
        "mode": "dry",
        "symbol": "BTC-USDT",
        "fast": 10,
        "volatility": 0.02,
    }


def test_scheduled_bot_gets_its_schedule_too():
    """The schedule and its time zone are part of the instance; the zone is UTC unless it says otherwise."""
    spec = bot(SCHEDULED)
    assert (spec.schedule, spec.timezone) == ("0 9 * * mon-fri", "Europe/Berlin")
    assert config(SCHEDULED)["schedule"] == "0 9 * * mon-fri"
    assert config(SCHEDULED.replace("timezone: Europe/Berlin\n", ""))["timezone"] == "UTC"


def test_settings_for_herdsman_are_not_the_bots_business():
    """Neither the block nor `enabled` is handed to the bot."""
    seen = config(block("account: main, secrets: {KEY: 'env:KEY'}") + "enabled: false\nmemory_limit: 64Mi\n")
    assert not {"herdsman", "enabled", "account", "KEY"} & seen.keys()
    assert seen["memory_limit"] == "64Mi"


def test_values_arrive_as_they_were_written():
    """Nothing in a text is interpolated, escaped or normalised."""
    text = "${NOMAD_JOB_NAME} {{ env }} %s ünï e\u0301 😀 \\n"
    assert config(INSTANCE.replace("BTC-USDT", f"'{text}'"))["symbol"] == text
    assert text.replace("\\", "\\\\") in bot(INSTANCE.replace("BTC-USDT", f"'{text}'")).config_json


def test_same_instance_written_differently_is_the_same_bot():
    """Order, comments, quoting and notation of a duration change neither config nor digest."""
    other = (
        "# moved\n"
        + "\n".join(reversed(INSTANCE.strip().splitlines())).replace("sma-btc", '"sma-btc"')
        + "\n"
    )
    assert bot(other).config_json == bot().config_json
    assert bot(other).digest == bot().digest
    assert bot(block("kill_timeout: 60s")).digest == bot(block("kill_timeout: 1m")).digest


@pytest.mark.parametrize(
    "line",
    [
        *(
            "enabled: false",
            "herdsman: {labels: {a: b}}",
            "herdsman: {account: x}",
            "herdsman: {alerts: {rules: {a: {when: {no_data: 5m}}}}}",
        ),
        *(
            "herdsman: {risk: {drawdown: 5%}}",
            "herdsman: {annualization: 252}",
            "herdsman: {healthy_after: 20s}",
        ),
        *(
            "herdsman: {renamed_from: x}",
            "herdsman: {depends_on: [x]}",
            "herdsman: {allow_major: true}",
            "mode: dry",
        ),
        *("fast: 10",),
    ],
)
def test_platform_settings_do_not_restart_a_bot(line):
    """A change that a running process does not depend on leaves the digest as it is."""
    assert (
        bot(INSTANCE.replace("fast: 10\n", "") + "fast: 10\n" + ("" if line == "fast: 10" else line)).digest
        == bot().digest
    )


@pytest.mark.parametrize(
    "line",
    [
        *("mode: live", "side: long", "memory_limit: 64Mi", "cpu_limit: 1", "herdsman: {kill_timeout: 5s}"),
        *(
            "herdsman: {restart: {max_delay: 1m}}",
            "herdsman: {lease: {ttl: 60s}}",
            "herdsman: {priority: 60}",
        ),
        *("herdsman: {secrets: {K: 'env:K'}}", "herdsman: {currency: EUR}"),
    ],
)
def test_what_a_process_depends_on_changes_the_digest(line):
    """Parameters, mode, resources, secrets and the policy of its launcher mean an update."""
    assert bot(INSTANCE + line).digest != bot().digest


def test_program_and_environment_change_the_digest():
    """Other code, other dependencies or another environment mean an update."""
    digests = {
        bot().digest,
        bot(program=replace(REALTIME_PROGRAM, tree="c" * 40)).digest,
        bot(program=replace(REALTIME_PROGRAM, dependencies="uv.lock", dependencies_id="d" * 40)).digest,
        bot(environment="test").digest,
    }
    assert len(digests) == 4


def test_digest_is_pinned():
    """An upgrade of herdsman must not restart anybody: the digest of a given bot never changes."""
    text = block("kill_timeout: 5s, secrets: {K: 'env:K'}, lease: {ttl: 60s}") + "memory_limit: 64Mi\n"
    assert bot(text).digest == "bb563434f94c3c97d2ce7f0641f07c405c105a1642312d7529ac3d3b52610ef2"
    assert (
        bot(block("timeout: 5m, catch_up: true", SCHEDULED)).digest
        == "1121de9d71fe3772ccd9e1288920192b4138f046b24fb846d7beb3cb4e5c9638"
    )


def test_every_setting_ends_up_in_the_bot():
    """The block and the resources are parsed into numbers and references."""
    text = block(
        "kill_timeout: 1m, healthy_after: 5, restart: {max_delay: 10m, degraded_crashes: 3}, priority: 70, "
        "secrets: {B: 'env:B', A: 'file:/a'}, labels: {team: trend}, account: main, currency: USDT, "
        "annualization: 252, renamed_from: old, depends_on: [feed], allow_major: true, "
        "risk: {daily_loss: 1}, alerts: {rules: {quiet: {when: {no_data: 5m}}}}"
    )
    spec = bot(text + "mode: live\nenabled: false\nmemory_limit: 64Mi\ncpu_request: 250m\n")
    assert (spec.mode, spec.enabled, spec.environment) == (Mode.LIVE, False, "prod")
    assert spec.resources == Resources(memory_limit=64 * 2**20, cpu_request=250)
    assert (spec.kill_timeout, spec.healthy_after, spec.priority) == (60.0, 5.0, 70)
    assert spec.restart == RestartPolicy(max_delay=600.0, degraded_crashes=3)
    assert spec.secrets == (SecretReference("A", "file:/a"), SecretReference("B", "env:B"))
    assert (spec.labels, spec.account, spec.currency) == ({"team": "trend"}, "main", "USDT")
    assert (spec.annualization, spec.renamed_from, spec.depends_on) == (252, "old", ("feed",))
    assert (spec.allow_major, spec.risk, spec.alerts) == (
        True,
        {"daily_loss": 1},
        {"rules": {"quiet": {"when": {"no_data": "5m"}}}},
    )


def test_lease_keeps_its_proportions():
    """With only a time to live, the other times keep their share of it."""
    assert bot(block("lease: {ttl: 60s}")).lease == Lease(60.0, 10.0, 30.0, 54.0, 120.0)
    assert bot().lease == Lease()


def test_a_bot_waits_for_a_lost_nodes_state_unless_it_says_otherwise():
    """Taking the newest saved copy is declared, and a change of that is an update."""
    assert bot().on_lost_node == "wait"
    declared = bot(block("state: {on_lost_node: newest}"))
    assert declared.on_lost_node == "newest"
    assert declared.digest != bot().digest


def test_fleet_defaults_hold_where_the_instance_says_nothing():
    """An instance overrides key by key, also inside the block."""
    settings = FleetSettings(
        defaults={
            "memory_limit": "64Mi",
            "cpu_limit": "500m",
            "herdsman": {
                "kill_timeout": "5s",
                "timeout": "1m",
                "restart": {"max_delay": "1m"},
                "labels": {"desk": "a"},
            },
        }
    )
    spec = bot(block("restart: {first_delay: 2s}, labels: {team: b}") + "cpu_limit: 1\n", settings=settings)
    assert spec.resources == Resources(memory_limit=64 * 2**20, cpu_limit=1000)
    assert (spec.kill_timeout, spec.labels) == (5.0, {"desk": "a", "team": "b"})
    assert spec.restart == RestartPolicy(first_delay=2.0, max_delay=60.0)
    assert json.loads(spec.config_json)["memory_limit"] == "64Mi"


def test_default_time_zone_is_for_scheduled_bots():
    """A fleet's time zone reaches those that have a schedule and leaves the rest alone."""
    settings = FleetSettings(defaults={"timezone": "Asia/Tokyo"})
    assert bot(SCHEDULED.replace("timezone: Europe/Berlin\n", ""), settings=settings).timezone == "Asia/Tokyo"
    assert bot(settings=settings).timezone == "UTC"
    assert bot(settings=settings).digest == bot().digest


def test_defaults_that_do_not_fit_the_instance_are_told_at_the_instance():
    """A limit of the fleet below the instance's request is the instance's error."""
    settings = FleetSettings(defaults={"memory_limit": "64Mi", "herdsman": {"lease": {"kill_after": "27s"}}})
    error = only(read(INSTANCE + "memory_request: 1Gi\n", settings=settings)[1])
    assert place(error) == (6, 17, "/memory_request")
    error = only(read(block("lease: {ttl: 20s}"), settings=settings)[1])
    assert error.pointer == "/herdsman/lease"


def test_misspelled_parameter_is_refused_as_in_the_manual():
    """File, line, column, program and the nearest key, in one error."""
    spec, errors = read(INSTANCE.replace("fast: 10", "fast: 10\nvolatilty: 0.05"))
    error = only(errors)
    assert spec is None
    assert place(error) == (6, 1, "/volatilty")
    assert error.message == 'unknown parameter "volatilty" of program sma 1.5.0'
    assert (error.suggestion, error.excerpt) == ("volatility", "volatilty: 0.05")


def test_misspelled_key_of_the_instance_is_recognised():
    """An unknown parameter may be meant as one of the instance's own keys."""
    assert only(read(INSTANCE + "memory_limt: 64Mi\n")[1]).suggestion == "memory_limit"


def test_setting_for_herdsman_at_the_top_is_sent_to_its_block():
    """A key of the block among the parameters is told where it belongs."""
    assert only(read(INSTANCE + "renamed_from: old\n")[1]).suggestion == "herdsman.renamed_from"


@pytest.mark.parametrize("key", ["api_key", "exchange_secret", "password"])
def test_a_secret_among_the_parameters_is_sent_to_the_bots_secrets(key):
    """A value that has no place in git is not shown, and where a reference to it belongs is said."""
    error = only(read(INSTANCE + f"{key}: hunter2\n")[1])
    assert error.suggestion.startswith(f"a secret is a reference under herdsman: secrets: {{{key.upper()}: ")
    assert "hunter2" not in f"{error.message}{error.excerpt}"


def test_missing_parameter_stands_at_the_top():
    """What the program requires and the instance lacks is told by its name."""
    error = only(read(INSTANCE.replace("symbol: BTC-USDT\n", ""))[1])
    assert place(error) == (1, 1, "")
    assert error.message == 'missing parameter "symbol" of program sma 1.5.0'


def test_all_errors_of_a_file_come_at_once():
    """Mistakes in the identity's company, the block and the parameters are told in one go."""
    text = INSTANCE.replace(
        "fast: 10", "fast: ten\nfsat: 1\nmode: lvie\nherdsman: {tiemout: 1}\nstops: {trail: 1}"
    )
    _, errors = read(text)
    assert sorted(error.pointer for error in errors) == [
        *("/fast", "/fsat", "/herdsman/tiemout", "/mode", "/stops", "/stops/trail"),
    ]


def test_value_that_cannot_be_read_is_told_once():
    """An infinite number is not also a number of the wrong type."""
    error = only(read(INSTANCE.replace("fast: 10", "fast: .inf"))[1])
    assert "must be finite" in error.message


def test_nested_form_means_the_same():
    """Parameters under `config:` are the parameters, and the bot gets them flat."""
    nested = INSTANCE.replace("symbol: BTC-USDT\nfast: 10\n", "config:\n  symbol: BTC-USDT\n  fast: 10\n")
    assert bot(nested).config_json == bot().config_json
    assert bot(nested).digest == bot().digest


def test_errors_in_the_nested_form_are_placed_there():
    """A misspelled key under `config:` is found under `config:`."""
    nested = INSTANCE.replace("symbol: BTC-USDT\nfast: 10\n", "config:\n  symbol: BTC-USDT\n  fsat: 10\n")
    error = only(read(nested)[1])
    assert (place(error), error.suggestion) == ((6, 3, "/config/fsat"), "fast")


def test_nested_and_flat_are_never_mixed():
    """Two places for parameters would leave open which counts."""
    error = only(read(INSTANCE.replace("fast: 10", "config: {fast: 10}"))[1][:1])
    assert place(error) == (4, 1, "/symbol")
    assert "flat or nested, never both" in error.message


@pytest.mark.parametrize("value", ["12", "[]", "text", ""])
def test_config_must_be_a_mapping(value):
    """Anything else under `config:` is an error there."""
    errors = read(INSTANCE + f"config: {value}\n")[1]
    assert '"config" must be a mapping of parameters' in [error.message for error in errors]


def test_instance_key_inside_config_is_refused():
    """A bot's name cannot hide among its parameters."""
    nested = INSTANCE.replace("symbol: BTC-USDT\nfast: 10\n", "config: {symbol: a, mode: live}\n")
    assert 'belongs beside "config"' in only(read(nested)[1]).message


def test_config_that_the_program_names_is_a_parameter():
    """A schema with a property of that name means its own mapping."""
    schema = {"properties": {"config": {"type": "object"}, "symbol": {}, "fast": {}}}
    assert config(INSTANCE + "config: {a: 1}\n", schema=schema)["config"] == {"a": 1}


def test_schema_may_name_keys_of_the_instance():
    """A program whose schema describes the whole instance is served as well."""
    names = {"name": {"type": "string"}, "type": {}, "version": {}, "mode": {"enum": ["dry"]}, "schedule": {}}
    schema = {
        **SCHEMA,
        "properties": {**SCHEMA["properties"], **names},
        "required": ["name", "mode", "symbol"],
    }
    assert config(schema=schema)["mode"] == "dry"
    assert only(read(INSTANCE + "mode: live\n", schema=schema)[1]).pointer == "/mode"


def test_time_zone_may_be_a_parameter_of_a_realtime_bot():
    """Without a schedule a time zone does nothing, unless the program asks for one."""
    assert "for scheduled bots only" in only(read(INSTANCE + "timezone: UTC\n")[1]).message
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "timezone": {"type": "string"}}}
    assert config(INSTANCE + "timezone: UTC\n", schema=schema)["timezone"] == "UTC"


def test_type_must_be_the_programs_own():
    """An instance cannot turn a realtime program into a scheduled one."""
    error = only(read(INSTANCE, program=replace(SCHEDULED_PROGRAM, name="sma", version="1.5.0"))[1])
    assert place(error) == (2, 7, "/type")
    assert error.message == 'type "realtime/sma": program sma 1.5.0 is scheduled'
    assert error.suggestion == "scheduled/sma"


def test_resolved_instance_is_bounded():
    """Over 100 KiB cannot travel in a job, be it given or by default; the error says the size."""
    assert "is 150 KiB; at most 100 KiB" in only(read(INSTANCE.replace("BTC", "B" * 150 * 1024))[1]).message
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "list": {"default": ["x" * 1000] * 120}}}
    assert "at most 100 KiB" in only(read(INSTANCE, schema=schema)[1]).message


@pytest.mark.parametrize("key", ["api_key", "apiSecret", "password", "private-key", "passphrase"])
def test_parameter_that_may_be_a_secret_is_not_shown(key):
    """A secret pasted into a parameter is in neither message nor excerpt."""
    schema = {
        **SCHEMA,
        "properties": {**SCHEMA["properties"], key: {"type": "string", "maxLength": 3, "enum": ["a"]}},
    }
    for value in ("hunter2", "[hunter2]"):
        errors = read(INSTANCE + f"{key}: {value}\n", schema=schema)[1]
        assert errors
        assert not any("hunter" in f"{error} {error.excerpt}" for error in errors)


def test_liveness_is_read_and_restarts_nobody():
    """Longest silences, what is watched and the calendar are settings of ours: a change leaves the digest."""
    spec = bot(block("liveness: {market_data: 2m, watch: [market_data, stream], calendar: XNYS}"))
    assert spec.liveness == LivenessSettings(
        market_data=120.0, watch=("market_data", "stream"), calendar="XNYS"
    )
    assert bot().liveness == LivenessSettings()
    assert spec.digest == bot().digest
