"""The fleet's own settings, from `herdsman.yaml`; a fleet without the file gets the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Environment:
    """A named share of the fleet: the instances under one of its folders."""

    name: str
    folders: tuple[str, ...] = ()
    namespace: str = ""
    node_pool: str = ""


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
    alerts: Mapping[str, Any] = field(default_factory=dict)
    sync_windows: tuple[Mapping[str, Any], ...] = ()
