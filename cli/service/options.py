"""What `herdsman up` was asked for, checked once."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cli.service.keeping import parse_keep
from schemas.errors import UsageError
from telemetry.embedded.retention import Retention
from web.access.hosts import is_loopback
from web.access.listen import Listen, Tls, check_listen, parse_listen, tls_files

FLEET_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
FLEET_ID = re.compile(FLEET_NAME.pattern + "-[a-z2-7]{6}")
SHORTEST_POLL = 0.2
SHORTEST_SECRETS_INTERVAL = 1.0
OF_ONE_SOURCE = (
    *("source", "branch", "tag", "semver", "commit", "subfolder", "accept_moved_tags", "webhook_secret_file"),
    *("source_token_file", "source_ca_file", "source_known_hosts", "source_key_file"),
    *("forge", "status_token_file", "github_app", "github_app_installation", "github_app_key_file"),
)
"""What belongs to the one source, and is said in the file of several."""
LEAST_BUILD_MEMORY = 64


@dataclass(frozen=True, slots=True)
class UpOptions:
    """The options of `herdsman up`, parsed."""

    data: Path
    listen: Listen
    fleet: str = "fleet"
    adopt_fleet: str = ""
    source: str = ""
    sources: Path | None = None
    webhook_secret_file: Path | None = None
    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""
    accept_moved_tags: bool = False
    subfolder: str = ""
    environment: tuple[str, ...] = ()
    source_token_file: Path | None = None
    source_ca_file: Path | None = None
    source_known_hosts: Path | None = None
    source_key_file: Path | None = None
    forge: str = ""
    status_token_file: Path | None = None
    github_app: str = ""
    github_app_installation: int = 0
    github_app_key_file: Path | None = None
    trust_policy: Path | None = None
    poll_interval: float = 30.0
    seed: Path | None = None
    scheduler: str = "local"
    nomad_address: str = ""
    nomad_driver: str = "raw_exec"
    advertise_url: str = ""
    victoriametrics: str = ""
    keep: tuple[str, ...] = ()
    state_store: str = ""
    age_identity_files: tuple[Path, ...] = ()
    secrets_interval: float = 60.0
    python: str = ""
    build_timeout: float = 900.0
    build_memory: int = 4096
    """MiB."""
    build_jobs: int = 1
    tls: Tls | None = None
    notify_file: Path | None = None
    explain_url: str = ""
    explain_model: str = ""
    explain_key_file: Path | None = None
    insecure: bool = False
    allowed_hosts: frozenset[str] = frozenset()
    sign_in_link: bool = True

    @property
    def retention(self) -> Retention:
        """How long the embedded stores keep what they hold."""
        return parse_keep(self.keep)

    def __post_init__(self) -> None:
        check_listen(self.listen, self.tls, insecure=self.insecure)
        if not FLEET_NAME.fullmatch(self.fleet):
            raise UsageError(
                f'--fleet "{self.fleet}" is no name: use lower-case letters, digits and "-", at most 40'
            )
        if self.adopt_fleet and not FLEET_ID.fullmatch(self.adopt_fleet):
            raise UsageError(
                f'--adopt-fleet "{self.adopt_fleet}" is no id of a fleet, such as desk-7gk2qa: it stands in '
                "the meta herdsman.fleet of its jobs"
            )
        if self.poll_interval < SHORTEST_POLL:
            raise UsageError(f"--poll-interval {self.poll_interval:g}: it takes at least {SHORTEST_POLL:g} s")
        if self.secrets_interval < SHORTEST_SECRETS_INTERVAL:
            raise UsageError(
                f"--secrets-interval {self.secrets_interval:g}: it takes at least "
                f"{SHORTEST_SECRETS_INTERVAL:g} s"
            )
        for option, url in (
            ("--victoriametrics", self.victoriametrics),
            ("--nomad-address", self.nomad_address),
            ("--explain-url", self.explain_url),
        ):
            if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
                raise UsageError(f'{option} "{url}" is no address: give http://HOST:PORT')
        parse_keep(self.keep)
        if (self.explain_model or self.explain_key_file) and not self.explain_url:
            raise UsageError("--explain-model and --explain-key-file belong to --explain-url URL")
        if self.build_timeout <= 0 or self.build_memory < LEAST_BUILD_MEMORY or self.build_jobs < 1:
            raise UsageError(
                "a build needs time, memory and a process: --build-timeout more than 0, --build-jobs 1 or "
                f"more, --build-memory {LEAST_BUILD_MEMORY} or more"
            )
        if self.data.exists() and not self.data.is_dir():
            raise UsageError(f"--data {self.data} is a file, not a folder")
        if self.seed and (self.source or self.sources):
            raise UsageError("--seed fills our own git remote; with --source the fleet lies elsewhere")
        if self.sources and any(getattr(self, name) for name in OF_ONE_SOURCE):
            raise UsageError(
                "--sources names everything in its file: leave out --source and what belongs to it"
            )
        if self.webhook_secret_file and not self.source:
            raise UsageError(
                "--webhook-secret-file is for a --source; a push to our own remote needs no webhook"
            )
        app = (self.github_app, self.github_app_installation, self.github_app_key_file)
        if any(app) and not all(app):
            raise UsageError(
                "a GitHub App is --github-app, --github-app-installation and --github-app-key-file together"
            )
        if not self.source and not self.sources and (self.status_token_file or self.github_app):
            raise UsageError("commit statuses and GitHub Apps are for a --source on a forge")
        if not self.source and (self.tag or self.semver or self.commit):
            raise UsageError(
                "--tag, --semver and --commit follow a --source; our own remote deploys a branch"
            )
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
    forge: str | None = None,
    allowed_host: tuple[str, ...],
    **others: object,
) -> UpOptions:
    """Return the options from what the command line gave. Raises UsageError."""
    return UpOptions(
        # Absolute: children with other work folders (uv, git, launchers) are told of paths in it.
        data=data.absolute(),
        listen=parse_listen(listen),
        tls=tls_files(tls_cert, tls_key),
        forge=forge or "",
        allowed_hosts=frozenset(host.lower() for host in allowed_host),
        **others,  # type: ignore[arg-type]  # click has checked each against its option's type
    )
