"""The fleet's own settings, from `herdsman.yaml`; a fleet without the file gets the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.alert_rules import rule_errors
from schemas.alerts import AlertSettings, alert_errors, read_alerts
from schemas.catalog import validator
from schemas.document import Document, Path
from schemas.errors import ManifestError
from schemas.explain import named
from schemas.log_rules import LogRule, log_rule_errors, read_log_rules
from schemas.placed import document_errors, place_violations
from schemas.policy import check_policy, check_resources, merged
from schemas.risk import risk_errors
from schemas.rollout import (
    Rollout,
    SyncWindow,
    read_rollout,
    read_window,
    rollout_errors,
    window_errors,
)
from schemas.schedules import schedule_errors
from schemas.validation import violations
from schemas.yaml_document import load_document

_OF_ONE_BOT = ("renamed_from", "depends_on")


@dataclass(frozen=True, slots=True)
class Environment:
    """A named share of the fleet: the instances under one of its folders, and where on Nomad they run."""

    name: str
    folders: tuple[str, ...] = ()
    namespace: str = ""
    region: str = ""
    node_pool: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Instance keys of its bots; they go before the fleet's."""


@dataclass(frozen=True, slots=True)
class AllowedPlain:
    """Files in which what looks like a secret is none; `file` may hold `*`."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Watching:
    """What is looked out for in all bots, as it is written: alert rules by name, limits by account."""

    rules: Mapping[str, Any] = field(default_factory=dict)
    accounts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Settings that hold for every bot of a fleet.

    `defaults` holds instance keys (resources, the `herdsman:` block) that an instance may override.
    `prune_share` and `prune_least`: more removals than both at once are held until they are confirmed.
    """

    name: str = ""
    environments: tuple[Environment, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    prune_share: float = 0.3
    prune_least: int = 3
    alerts: AlertSettings = AlertSettings()
    watching: Watching = Watching()
    sync_windows: tuple[SyncWindow, ...] = ()
    rollout: Rollout = Rollout()
    allowed_plain: tuple[AllowedPlain, ...] = ()
    age_recipients: tuple[str, ...] = ()
    rules: tuple[LogRule, ...] = field(default=(), compare=False)
    """Log rules, those of the files under `rules/` among them; they change nothing about a bot."""

    def environment(self, name: str) -> Environment:
        """Return an environment, an empty one where it is not declared."""
        return next((one for one in self.environments if one.name == name), Environment(name))

    def defaults_of(self, environment: str) -> Mapping[str, Any]:
        """Return the instance keys that hold in an environment where an instance does not set them."""
        own = self.environment(environment).defaults
        return merged(self.defaults, own) if own else self.defaults


def parse_fleet(file: str, content: bytes) -> tuple[FleetSettings | None, list[ManifestError]]:
    """Return the fleet's settings with their warnings, or None with everything that is wrong with them."""
    document, errors = load_document(file, content)
    if document is None:
        return None, errors
    errors += place_violations(document, violations(validator("fleet"), document.value, document.conceals))
    if not errors and document.value is not None:
        errors += _quantity_errors(document)
    if any(not error.warning for error in errors):
        return None, document_errors(errors)
    value = document.value or {}
    return replace(_settings(value), rules=read_log_rules(document, value)), document_errors(errors)


def _quantity_errors(document: Document) -> list[ManifestError]:
    """Return what is wrong inside texts: quantities, schedules, folders that leave the repository."""
    value = document.value
    environments = value.get("environments", {})
    errors = _defaults_errors(document, ("defaults",), value.get("defaults", {}))
    errors += rollout_errors(document, value.get("rollout", {}))
    errors += alert_errors(document, value.get("alerts", {}))
    errors += rule_errors(document, ("alerts", "rules"), value.get("alerts", {}).get("rules"))
    for name, limits in value.get("risk", {}).get("accounts", {}).items():
        errors += risk_errors(document, ("risk", "accounts", name), limits)
    errors += log_rule_errors(document, value)
    for index, window in enumerate(value.get("sync_windows", ())):
        errors += window_errors(document, ("sync_windows", index), window, environments)
    for name, environment in environments.items():
        part = environment or {}
        errors += _defaults_errors(document, ("environments", name, "defaults"), part.get("defaults", {}))
        for index, folder in enumerate(part.get("folders", ())):
            if ".." in folder.split("/"):
                path = ("environments", name, "folders", index)
                errors.append(document.error(path, f"{named(path)} must stay inside the repository"))
    return errors


def _defaults_errors(document: Document, path: Path, defaults: Mapping[str, Any]) -> list[ManifestError]:
    errors = check_resources(document, path, defaults)
    errors += check_policy(document, (*path, "herdsman"), defaults.get("herdsman"))
    errors += schedule_errors(document, path, dict(defaults))
    errors += [
        document.error((*path, "herdsman", key), f'"{key}" belongs to one bot, not to all', key=True)
        for key in _OF_ONE_BOT
        if key in defaults.get("herdsman", {})
    ]
    return errors


def _settings(value: Mapping[str, Any]) -> FleetSettings:
    prune = value.get("prune", {})
    standard = FleetSettings()
    return FleetSettings(
        name=value.get("name", ""),
        environments=tuple(
            _environment(name, part or {}) for name, part in value.get("environments", {}).items()
        ),
        defaults=value.get("defaults", {}),
        prune_share=float(prune.get("share", standard.prune_share)),
        prune_least=prune.get("least", standard.prune_least),
        alerts=read_alerts(value.get("alerts", {})),
        watching=Watching(
            value.get("alerts", {}).get("rules", {}), value.get("risk", {}).get("accounts", {})
        ),
        sync_windows=tuple(read_window(window) for window in value.get("sync_windows", ())),
        rollout=read_rollout(value.get("rollout", {})),
        allowed_plain=tuple(AllowedPlain(**one) for one in value.get("secrets", {}).get("allowed_plain", ())),
        age_recipients=tuple(value.get("secrets", {}).get("age_recipients", ())),
    )


def _environment(name: str, part: Mapping[str, Any]) -> Environment:
    folders = tuple(folder.rstrip("/") for folder in part.get("folders", (f"bots/{name}",)))
    return Environment(
        name,
        folders,
        part.get("namespace", ""),
        part.get("region", ""),
        part.get("node_pool", ""),
        part.get("defaults", {}),
    )
