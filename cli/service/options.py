"""What `herdsman up` was asked for, checked once."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import UsageError
from web.access.hosts import is_loopback
from web.access.listen import Listen, Tls, check_listen, parse_listen, tls_files


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of `herdsman up`, parsed."""

    data: Path
    listen: Listen
    fleet: str = "fleet"
    source: str = ""
    branch: str = ""
    subfolder: str = ""
    source_token_file: Path | None = None
    source_ca_file: Path | None = None
    poll_interval: float = 30.0
    seed: Path | None = None
    scheduler: str = "local"
    nomad_address: str = ""
    nomad_driver: str = "raw_exec"
    advertise_url: str = ""
    victoriametrics: str = ""
    python: str = ""
    tls: Tls | None = None
    insecure: bool = False
    allowed_hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_listen(self.listen, self.tls, insecure=self.insecure)
        if self.seed and self.source:
            raise UsageError("--seed fills our own git remote; with --source the fleet lies elsewhere")
        if self.seed and not self.seed.is_dir():
            raise UsageError(f"--seed {self.seed}: no such folder")
        away = self.nomad_address and not is_loopback(urlsplit(self.nomad_address).hostname or "")
        if self.scheduler == "nomad" and away and not self.advertise_url:
            raise UsageError(
                f"the nodes behind {self.nomad_address} must reach this service to fetch bundles: "
                "say how with --advertise-url http://HOST:PORT"
            )


def parse_options(
    *,
    data: Path,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    allowed_host: tuple[str, ...],
    **others: object,
) -> UpOptions:
    """Return the options from what the command line gave. Raises UsageError."""
    return UpOptions(
        # Absolute: children with other work folders (uv, git, launchers) are told of paths in it.
        data=data.absolute(),
        listen=parse_listen(listen),
        tls=tls_files(tls_cert, tls_key),
        allowed_hosts=frozenset(host.lower() for host in allowed_host),
        **others,  # type: ignore[arg-type]  # click has checked each against its option's type
    )
