"""Where the local scheduler keeps what: everything under one folder, and the cache beside it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folders:
    """The layout under `root` (`<data>/local`); `cache` holds unpacked bundles by digest."""

    root: Path
    cache: Path
    fleet: str

    @property
    def lock(self) -> Path:
        """Held by the one herdsman that uses this folder."""
        return self.root / "lock"

    @property
    def jobs(self) -> Path:
        """One JSON file for each bot: what it is asked to be."""
        return self.root / "jobs"

    @property
    def rules(self) -> Path:
        """The fleet's suspensions of scopes and its kill switches, as one JSON document."""
        return self.root / "rules.json"

    @property
    def allocations(self) -> Path:
        """One folder for each placement, in Nomad's layout: `<id>/alloc/logs/<task>.<stream>.<n>`."""
        return self.root / "allocations"

    def allocation(self, identity: str) -> Path:
        """Return one placement's folder."""
        return self.allocations / identity

    def state(self, bot: str) -> Path:
        """Return a bot's state folder, which outlives everything."""
        return self.root / "state" / self.fleet / bot

    def lease(self, bot: str) -> Path:
        """Return the file whose lock is a bot's lease."""
        return self.root / "leases" / f"{self.fleet}.{bot}"

    @property
    def secrets(self) -> Path:
        """One file for each bot that has some: its secrets, in boxes that only the fleet's key opens."""
        return self.root / "secrets"

    def make(self) -> None:
        """Create what is missing; state, orders and leases are for their owner alone."""
        own = (self.root / "leases", self.root / "state", self.secrets)
        for folder in (self.root, self.jobs, self.allocations, *own):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.cache.mkdir(parents=True, exist_ok=True)
