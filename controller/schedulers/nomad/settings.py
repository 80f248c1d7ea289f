"""How to reach Nomad, and how jobs are rendered for it: one frozen value, read once."""

import platform
import re
from dataclasses import dataclass, field

from gitops.platforms import glibc
from schemas.errors import UsageError

DEFAULT_ADDRESS = "http://127.0.0.1:4646"
DRIVERS = ("raw_exec", "exec")
HOST_VOLUME = "herdsman"
"""The host volume that nodes offer for `exec` tasks: bots' state and the cache of bundles lie in it."""

_FLEET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class NomadSettings:
    """Everything about one fleet on one Nomad cluster. Raises UsageError where a value cannot be."""

    fleet: str
    """The fleet id: the beginning of every job id of ours."""
    address: str = DEFAULT_ADDRESS
    token: str = field(default="", repr=False)
    namespace: str = "default"
    region: str = ""
    ca_file: str = ""
    """A file of certificates to trust instead of the system's; checking is never off."""
    certificate: tuple[str, str] | None = None
    """Files of our own certificate and key, where the cluster asks for them."""
    timeout: float = 10.0
    """Seconds that one call may take."""
    connections: int = 16
    """How many calls run at once, each on a connection that is kept."""
    driver: str = "raw_exec"
    """`raw_exec` (the bot sees the node's files) or `exec` (a chroot, with the host volume `herdsman`)."""
    user: str = ""
    """The user that bots run as; "" is the driver's own (raw_exec: Nomad's, exec: nobody)."""
    datacenters: tuple[str, ...] = ("*",)
    node_pool: str = "default"
    mhz_per_core: int = 1000
    """MHz that a bot's 1000 millicores reserve. Nomad counts CPU in MHz and nodes differ: with 1000, a
    bot's `500m` reads as 500 MHz everywhere; a cluster of equal nodes can say its own."""
    default_cpu_mhz: int = 50
    """Reserved for a bot without `cpu_request` and `cpu_limit`."""
    default_memory_mb: int = 256
    """Reserved for a bot without `memory_request` and `memory_limit` (with `exec` also its limit)."""
    memory_oversubscription: bool = False
    """Whether the cluster allows it: then `memory_request` is reserved and `memory_limit` is the limit."""
    stop_margin: float = 10.0
    """Seconds that Nomad gives the launcher beyond the bot's `kill_timeout`, to end it and free its lease."""
    architecture: str = field(default_factory=lambda: architecture_of(platform.machine()))
    """Nomad's word for the processors that dependency layers are built for; "" for any."""
    glibc: str = field(default_factory=glibc)
    """The C library that compiled programs are built with, such as "2.36": a node needs it or a newer one."""
    log_files: int = 10
    log_file_mb: int = 10

    def __post_init__(self) -> None:
        if not _FLEET.fullmatch(self.fleet):
            raise UsageError(f'"{self.fleet}" is no fleet id: use letters, digits, "-" and "_"')
        if self.driver not in DRIVERS:
            raise UsageError(f'unknown Nomad driver "{self.driver}": use {" or ".join(DRIVERS)}')
        if not self.address.startswith(("http://", "https://")):
            raise UsageError(f'the Nomad address "{self.address}" must begin with http:// or https://')

    @property
    def prefix(self) -> str:
        """What every job id of this fleet begins with."""
        return f"{self.fleet}."


def architecture_of(machine: str) -> str:
    """Return Nomad's `cpu.arch` for the machine name of the operating system."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
