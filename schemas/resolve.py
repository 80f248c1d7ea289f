"""An instance and its program become one bot: everything applied, everything checked.

What the bot gets (`config_json`, its `BOT_CONFIG`) is the instance as its program knows it: name, type,
version, mode, the schedule of a scheduled bot, memory and CPU as written, and the parameters, flat, with
the schema's defaults. `enabled` and the `herdsman:` block are the platform's business and not in it.

The digest covers what a running process depends on: the program's tree and dependencies, `config_json`, the
environment, and of the `herdsman:` block the keys in `_RESTARTING`, as declared (fleet defaults included) and
not as herdsman would fill them in, so that an upgrade of herdsman restarts nobody. Labels, alerts, risk,
account, annualization, healthy_after, healthy_within, rollback, depends_on, liveness, allow_major,
renamed_from and enabled are not in it: a change of them is taken over while the bot runs on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.bot import BotSpec, BotType, Mode, ProgramVersion
from schemas.document import Path, holds_secret
from schemas.errors import ManifestError
from schemas.explain import Violation
from schemas.fleet import Environment, FleetSettings
from schemas.instance import BLOCK_KEYS, CONFIG, RESERVED, InstanceManifest
from schemas.liveness import read_liveness
from schemas.parameters import ParameterSchema
from schemas.placed import document_errors, place_violations
from schemas.policy import (
    REALTIME_ONLY,
    RESOURCE_KEYS,
    SCHEDULED_ONLY,
    check_resources,
    lease_problem,
    merged,
    normalized,
    read_lease,
    read_resources,
    read_restart,
    read_secrets,
)
from schemas.sharing import shared
from schemas.suggestions import nearest
from schemas.words import quoted

MOST_CONFIG_BYTES = 100 * 1024
"""The largest resolved instance: it travels in a job."""

_RESTARTING = (
    "timeout",
    "kill_timeout",
    "restart",
    "lease",
    "catch_up",
    "secrets",
    "priority",
    "currency",
    "state",
)

_AS_GIVEN = (
    *("timeout", "kill_timeout", "healthy_after", "catch_up", "priority", "labels", "account", "currency"),
    *("annualization", "renamed_from", "allow_major", "rollback", "healthy_within", "alerts", "risk"),
)


def resolve_bot(
    instance: InstanceManifest,
    program: ProgramVersion,
    parameters: ParameterSchema,
    settings: FleetSettings,
    environment: str,
) -> tuple[BotSpec | None, list[ManifestError]]:
    """Return the bot, or None with what is wrong with its parameters and beside its program.

    The errors of `parse_instance` are not repeated; an instance that is not sound gives no bot.
    """
    value = merged(settings.defaults_of(environment), instance.document.value)
    own = _own(instance, value)
    given, base, errors = _parameters(instance, own, parameters)
    errors += _type_errors(instance, program) + _fit_errors(instance, value, parameters)
    if error := _size_error(instance, {**given, **own}):
        return None, document_errors([*errors, error])
    resolved, found = parameters.resolve(given, lambda path: instance.document.conceals((*base, *path)))
    errors += place_violations(
        instance.document, _near_reserved(found), base, f" of program {program.name} {program.version}"
    )
    config = {**resolved, **own}
    if not errors and (error := _size_error(instance, config)):
        errors.append(error)
    if errors or not instance.sound:
        return None, document_errors(errors)
    return _spec(instance, program, value, config, settings.environment(environment)), []


def _parameters(
    instance: InstanceManifest, own: Mapping[str, Any], parameters: ParameterSchema
) -> tuple[dict[str, Any], Path, list[ManifestError]]:
    """Return the parameters as given, and where they stand: beside the other keys, or under `config:`.

    Keys of the instance that the program's schema names as well (some name `schedule`) are handed on.
    """
    document = instance.document
    value = document.value
    names = parameters.names
    reserved = {**{key: value[key] for key in RESERVED - {"herdsman"} if key in value}, **own}
    shared = {key: item for key, item in reserved.items() if key in names}
    flat = {key: item for key, item in value.items() if key not in RESERVED}
    if CONFIG not in flat or CONFIG in names:
        return {**shared, **flat}, (), []
    nested = flat.pop(CONFIG)
    if not isinstance(nested, dict):
        if (CONFIG,) in document.unread:
            return shared, (), []
        return shared, (), [document.error((CONFIG,), '"config" must be a mapping of parameters')]
    errors = []
    if flat:
        first = next(iter(flat))
        message = f'{quoted(first)} stands beside "config": parameters are given flat or nested, never both'
        errors.append(document.error((first,), message, key=True))
    for key in nested:
        if key in RESERVED:
            message = f'{quoted(key)} belongs beside "config", not in it'
            errors.append(document.error((CONFIG, key), message, key=True))
    inner = {key: item for key, item in nested.items() if key not in RESERVED}
    return {**shared, **inner}, (CONFIG,), errors


def _place_of_secret(path: Path) -> str | None:
    return "herdsman.secrets" if holds_secret(path) else None


def _near_reserved(found: list[Violation]) -> list[Violation]:
    """Let an unknown key at the top be one of the instance's own, misspelled, or one of the block's.

    What looks like a secret and like none of them belongs to the bot's secrets, by reference.
    """
    return [
        replace(each, suggestion=_own_key(str(each.path[0])) or _place_of_secret(each.path))
        if each.key and len(each.path) == 1 and (each.suggestion is None or each.path[0] in BLOCK_KEYS)
        else each
        for each in found
    ]


def _own_key(key: str) -> str | None:
    if key in BLOCK_KEYS:
        return f"herdsman.{key}"
    near = nearest(key, RESERVED)
    if near is None and holds_secret((key,)):
        return f"a secret is a reference under herdsman: secrets: {{{key.upper()}: ...}}; docs/secrets.md"
    return near


def _type_errors(instance: InstanceManifest, program: ProgramVersion) -> list[ManifestError]:
    if instance.type is program.type:
        return []
    given = f"{instance.type}/{instance.program}"
    message = f'type "{given}": program {program.name} {program.version} is {program.type}'
    return [instance.document.error(("type",), message, f"{program.type}/{program.name}")]


def _fit_errors(
    instance: InstanceManifest, value: Mapping[str, Any], parameters: ParameterSchema
) -> list[ManifestError]:
    """Return what does not fit together once the fleet's defaults are in."""
    document, own = instance.document, instance.document.value
    errors = []
    if instance.type is BotType.REALTIME and "timezone" in own and "timezone" not in parameters.names:
        errors.append(document.error(("timezone",), '"timezone" is for scheduled bots only', key=True))
    if instance.sound:
        errors += check_resources(document, (), value)
        if problem := lease_problem(read_lease(_block(value))):
            errors.append(document.error(("herdsman", "lease"), problem, key=True))
    return errors


def _block(value: Mapping[str, Any]) -> dict[str, Any]:
    block = value.get("herdsman")
    return block if isinstance(block, dict) else {}


def _own(instance: InstanceManifest, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bot gets beside its parameters."""
    own: dict[str, Any] = {
        "name": instance.name,
        "type": f"{instance.type}/{instance.program}",
        "version": instance.version,
        "mode": value.get("mode", Mode.DRY.value),
    }
    if instance.type is BotType.SCHEDULED:
        own |= {"schedule": value.get("schedule", ""), "timezone": value.get("timezone", "UTC")}
    resources = {key: value[key] for key in RESOURCE_KEYS if key in value}
    return {**resources, **own}


def _canonical(value: Any) -> str:
    """Return JSON that is the same for the same value: sorted keys, no blanks, Unicode as it is."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _size_error(instance: InstanceManifest, config: Mapping[str, Any]) -> ManifestError | None:
    size = len(_canonical(config).encode())
    if size <= MOST_CONFIG_BYTES:
        return None
    limit = f"at most {MOST_CONFIG_BYTES // 1024} KiB can be handed to a bot"
    return instance.document.error((), f"the resolved instance is {size / 1024:,.0f} KiB; {limit}")


def _spec(
    instance: InstanceManifest,
    program: ProgramVersion,
    value: Mapping[str, Any],
    config: Mapping[str, Any],
    place: Environment,
) -> BotSpec:
    block = normalized(_block(value))
    config_json = _canonical(config)
    is_scheduled = instance.type is BotType.SCHEDULED
    # What the instance does not set keeps the default of BotSpec.
    given: dict[str, Any] = {key: block[key] for key in _AS_GIVEN if key in block}
    return BotSpec(
        name=instance.name,
        program=program,
        mode=Mode(value.get("mode", Mode.DRY)),
        enabled=instance.enabled,
        config_json=config_json,
        path=instance.path,
        digest=_digest(instance, program, block, config_json, place),
        environment=place.name,
        namespace=place.namespace,
        node_pool=place.node_pool,
        region=place.region,
        schedule=config.get("schedule", "") if is_scheduled else "",
        timezone=config.get("timezone", "UTC") if is_scheduled else "UTC",
        resources=shared(read_resources(value)),
        restart=shared(read_restart(block)),
        lease=shared(read_lease(block)),
        secrets=read_secrets(_block(value)),
        depends_on=tuple(block.get("depends_on", ())),
        liveness=shared(read_liveness(block.get("liveness", {}))),
        on_lost_node=block.get("state", {}).get("on_lost_node", "wait"),
        **given,
    )


def _on_cluster(place: Environment) -> dict[str, Any]:
    """Return what a digest holds of a bot's place on a cluster: nothing where its environment names none."""
    region = {"region": place.region} if place.region else {}
    if place.namespace or place.node_pool:
        return {"place": [place.namespace, place.node_pool], **region}
    return region


def _digest(
    instance: InstanceManifest,
    program: ProgramVersion,
    block: Mapping[str, Any],
    config_json: str,
    place: Environment,
) -> str:
    unused = REALTIME_ONLY if instance.type is BotType.SCHEDULED else SCHEDULED_ONLY
    declared = {
        **_on_cluster(place),
        "program": [
            program.name,
            program.version,
            program.tree,
            program.dependencies,
            program.dependencies_id,
        ],
        "environment": place.name,
        "config": config_json,
        "policy": {key: block[key] for key in _RESTARTING if key in block and key not in unused},
    }
    return hashlib.sha256(_canonical(declared).encode()).hexdigest()
