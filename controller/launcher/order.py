"""What a launcher is told: one JSON document, rendered from a `Launch` without any I/O.

Both schedulers hand it over, as base64 text in `HERDSMAN_ORDER` (Nomad interpolates `${...}` in plain
values) or as a file (mode 0600) named by the launcher's only argument. The launcher reads the keys of
`LaunchOrder.document()` and nothing else; absent ones have the defaults named in `launcher.py`.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.launcher.timetable import timetable
from controller.schedulers.protocol import Launch
from controller.scopes import scopes_of
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType

ORDER_VARIABLE = "HERDSMAN_ORDER"
"""The launcher's environment variable that holds `LaunchOrder.encoded()`."""


@dataclass(frozen=True, slots=True)
class NodePaths:
    """Folders on the node; each may begin with `$NAME`, which the launcher takes from its environment.

    `allocation` is the shared folder that holds `herdsman.json` and `logs/` (Nomad: `$NOMAD_ALLOC_DIR`).
    `work` is private to the task and may be lost with it: result file, lease deadline, temporary files
    (Nomad: `$NOMAD_TASK_DIR/herdsman`). `cache` is shared by all bots of the node: fetched bundles by
    digest. `state` is this bot's own state folder, `<state root>/<fleet>/<bot>`.
    """

    allocation: str
    work: str
    cache: str
    state: str


@dataclass(frozen=True, slots=True)
class LeaseOrder:
    """Which lease the launcher takes: `kind` is "file" or "nomad", `options` are that lease's own.

    `file`: `{"path": lock file, "former_path": that of the former name}`. `nomad`: see `nomad_lease.py`.
    """

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """A bundle as the launcher finds it: an unpacked folder (`path`), or an address to fetch it from.

    With a `url`, `fetch.py` downloads it, checks `digest` (hex SHA-256 of the bytes) and unpacks it to
    `<cache>/<digest>/`, once for all bots of the node.
    """

    digest: str
    url: str = ""
    path: str = ""

    @classmethod
    def fetched(cls, bundle: Bundle, url: str) -> "Content":
        """Return a bundle to be fetched from `url`."""
        return cls(bundle.digest, url=url)


@dataclass(frozen=True, slots=True)
class Output:
    """Where the bot's streams go.

    With `pump` the launcher writes them to `logs/<task>.stdout.<n>` and `.stderr.<n>` itself, rotated at
    `size` bytes, keeping `files`; without it the bot inherits the launcher's own streams (Nomad collects
    those). The launcher's reports rotate the same way in both cases.
    """

    pump: bool
    size: int = 10 * 1024 * 1024
    files: int = 10


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """One bot's whole order: the launch, where things are on the node, and how it is supervised.

    `allocation`, `node` and `interpreter` may begin with `$` as the paths do (Nomad: `$NOMAD_ALLOC_ID`, and
    variables that the job sets to `${node.unique.id}` and the node's metadata); `node` is compared with the
    place that the lease remembers for the state folder. `parent` is a process id whose death means "stop",
    0 for none. `interpreter` runs the bot ("" = the one that runs the launcher). `environment` is added to
    the bot's.
    """

    launch: Launch
    fleet: str
    paths: NodePaths
    lease: LeaseOrder
    code: Content
    output: Output
    allocation: str
    node: str
    dependencies: Content | None = None
    task: str = "bot"
    parent: int = 0
    interpreter: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    handed: Mapping[str, str] = field(default_factory=dict)
    """How the launcher gets the values that are handed over; empty for none; see `handed.py`."""
    conceal: str = ""
    """Where the launcher leaves for the agent what to conceal in the bot's output, "" for nowhere."""
    now: float = 0.0
    """Unix time from which the timetable's clock changes are listed (ten years of them)."""

    def document(self) -> dict[str, Any]:
        """Return the order as the JSON document that the launcher reads."""
        spec = self.launch.spec
        own: dict[str, Any] = {"handed": dict(self.handed)} if self.handed else {}
        if self.conceal and spec.secrets:
            own["conceal"] = self.conceal
        return own | {
            "format": 1,
            "bot": spec.name,
            "fleet": self.fleet,
            "type": spec.type.value,
            "allocation": self.allocation,
            "node": self.node,
            "task": self.task,
            "labels": labels(spec, self.fleet, self.launch.revision),
            "scopes": sorted(scopes_of(spec)),
            "paths": _paths(self.paths),
            "former_state": _former_state(self.paths.state, spec.renamed_from),
            "state": {"on_lost_node": spec.on_lost_node},
            "code": _content(self.code),
            "dependencies": _content(self.dependencies) if self.dependencies else None,
            "entrypoint": spec.program.entrypoint,
            "query_entrypoint": spec.program.query_entrypoint,
            "runtime": spec.program.runtime,
            "interpreter": self.interpreter,
            "config": spec.config_json,
            "environment": dict(self.environment),
            "secrets": {secret.variable: secret.reference for secret in spec.secrets},
            "kill_timeout": spec.kill_timeout,
            "timeout": spec.timeout if spec.type is BotType.SCHEDULED else 0,
            "restart": _restart(spec),
            "lease": _lease(spec, self.lease),
            "timetable": timetable(spec.schedule, spec.timezone, self.now) if spec.schedule else None,
            "catch_up": spec.catch_up,
            "memory_limit": spec.resources.memory_limit or 0,
            "output": {"pump": self.output.pump, "size": self.output.size, "files": self.output.files},
            "parent": self.parent,
        }

    def json(self) -> str:
        """Return the document as JSON text (for a file of mode 0600)."""
        return json.dumps(self.document(), ensure_ascii=True, separators=(",", ":"))

    def encoded(self) -> str:
        """Return the document as base64 of its JSON, for `ORDER_VARIABLE`; it survives interpolation."""
        return base64.b64encode(self.json().encode()).decode()


def labels(spec: BotSpec, fleet: str, revision: str) -> dict[str, Any]:
    """Return a bot's `AllocationLabels` without `allocation`, `node` and `task`, which the launcher adds."""
    return {
        "fleet": fleet,
        "bot": spec.name,
        "program": spec.program.name,
        "version": spec.program.version,
        "type": spec.type.value,
        "mode": spec.mode.value,
        "revision": revision,
        "spec": spec.digest,
        "env": spec.environment,
        "currency": spec.currency,
        "memory_limit": spec.resources.memory_limit or 0,
        "cpu_limit": spec.resources.cpu_limit or 0,
    }


def _paths(paths: NodePaths) -> dict[str, str]:
    return {
        "allocation": paths.allocation,
        "work": paths.work,
        "cache": paths.cache,
        "state": paths.state,
    }


def _former_state(state: str, renamed_from: str) -> str:
    """Return the state folder of the bot's former name, from which the first start takes it; "" for none."""
    return f"{state.rpartition('/')[0]}/{renamed_from}" if renamed_from else ""


def _content(content: Content) -> dict[str, str]:
    return {"digest": content.digest, "url": content.url, "path": content.path}


def _restart(spec: BotSpec) -> dict[str, float]:
    policy = spec.restart
    return {
        "first_delay": policy.first_delay,
        "max_delay": policy.max_delay,
        "reset_after": policy.reset_after,
    }


def _lease(spec: BotSpec, lease: LeaseOrder) -> dict[str, Any]:
    times = spec.lease
    return {
        "kind": lease.kind,
        "options": dict(lease.options),
        "ttl": times.ttl,
        "renew_every": times.renew_every,
        "terminate_after": times.terminate_after,
        "kill_after": times.kill_after,
    }
