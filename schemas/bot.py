"""What one bot is asked to be: the frozen result of validating its manifest against its program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from schemas.liveness import LivenessSettings
from schemas.secret_reference import SecretReference


class BotType(StrEnum):
    """How a bot lives: for ever, or one run at each slot of its schedule."""

    REALTIME = "realtime"
    SCHEDULED = "scheduled"


class Mode(StrEnum):
    """Whether a bot's orders are real. The two are never summed together."""

    LIVE = "live"
    DRY = "dry"


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits and requests; memory in bytes, CPU in millicores; None is "not set"."""

    memory_limit: int | None = None
    memory_request: int | None = None
    cpu_limit: int | None = None
    cpu_request: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The times of a bot's lease, in seconds on the launcher's monotonic clock.

    A longer time to live rides out a longer loss of the lease store (which the launcher cannot tell from
    being cut off, so that it ends the bot), and fails over later. `terminate_after < kill_after < ttl`.
    """

    ttl: float = 30.0
    renew_every: float = 5.0
    terminate_after: float = 15.0
    kill_after: float = 27.0
    fail_over_after: float = 60.0
    """Where its node is silent for this long, the bot is placed on another, and waits there for the lease."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Backoff of a crashed realtime bot, in seconds; see the bot contract."""

    first_delay: float = 1.0
    max_delay: float = 300.0
    reset_after: float = 600.0
    degraded_crashes: int = 5
    degraded_window: float = 600.0


COMPILED = ("rust", "gcc")
"""What the names of runtimes begin with whose programs are built into binaries."""


@dataclass(frozen=True, slots=True)
class ProgramVersion:
    """A program at one version: one immutable git tree.

    `tree` is the git tree id of the program's folder; `dependencies` names the lock or requirements file
    inside it ("" for none) and `dependencies_id` is that file's git blob id.
    """

    name: str
    version: str
    type: BotType
    runtime: str
    entrypoint: str
    query_entrypoint: str
    path: str
    tree: str
    dependencies: str = ""
    dependencies_id: str = ""

    @property
    def compiled(self) -> bool:
        """Whether it is built into a binary that nodes run by itself."""
        return self.runtime.startswith(COMPILED)


@dataclass(frozen=True, slots=True)
class BotSpec:
    """One bot as declared at one revision, fully resolved: what a scheduler is asked to run."""

    name: str
    program: ProgramVersion
    mode: Mode
    enabled: bool
    config_json: str
    """The whole resolved instance (schema defaults applied) as JSON text: the bot's `BOT_CONFIG`."""
    path: str
    """The manifest's path in the repository."""
    digest: str
    """Hash of what the user declared (tree, parameters, resources, policy); changes mean an update."""
    environment: str = ""
    namespace: str = ""
    """The Nomad namespace that its environment asks for, "" for the service's own."""
    node_pool: str = ""
    """The Nomad node pool that its environment asks for, "" for the service's own."""
    region: str = ""
    """The Nomad region that its environment asks for, "" for the service's own."""
    schedule: str = ""
    timezone: str = "UTC"
    catch_up: bool = False
    timeout: float = 3600.0
    """Seconds after which a scheduled run is ended as failed."""
    kill_timeout: float = 30.0
    """Seconds between SIGTERM and SIGKILL at a planned stop."""
    healthy_after: float = 10.0
    resources: Resources = Resources()
    restart: RestartPolicy = RestartPolicy()
    lease: Lease = Lease()
    secrets: tuple[SecretReference, ...] = ()
    priority: int = 50
    labels: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    currency: str = ""
    annualization: int = 365
    renamed_from: str = ""
    on_lost_node: str = "wait"
    """What to do where the node with the newest state is lost: "wait" for it, or take the "newest" saved."""
    depends_on: tuple[str, ...] = ()
    """Names of bots that must be healthy before this one starts."""
    allow_major: bool = False
    """The bot may move to another major version of its program and keep its state."""
    rollback: bool = True
    """An update that does not get healthy is taken back."""
    healthy_within: float = 600.0
    """Seconds after which an update that is not healthy yet counts as one that does not get healthy."""
    liveness: LivenessSettings = LivenessSettings()
    alerts: Mapping[str, Any] = field(default_factory=dict)
    risk: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    """The name of the source that declares it, where the fleet has several."""

    @property
    def type(self) -> BotType:
        """The program's type."""
        return self.program.type
