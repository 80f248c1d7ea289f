"""The controller's settings, in one place; durations in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How often, how many at once, how patiently. The prune cap is the fleet's own (`FleetSettings`)."""

    python: str = ""
    """The interpreter's minor version that dependency layers are built for, such as "3.11"."""
    environments: tuple[str, ...] = ()
    """The environments whose bots this service runs; none where it runs all. Sources leave the others out."""
    poll_interval: float = 30.0
    """Between two looks at the source, where nothing announces a push."""
    poll_jitter: float = 0.2
    """Share of `poll_interval` by which each wait varies, so that many fleets do not ask at once."""
    secrets_interval: float = 60.0
    """Between two looks at secrets outside git whose change restarts their bots."""
    resync_interval: float = 60.0
    """Between two complete observations of the scheduler: the safety net under its events."""
    concurrency: int = 8
    """Bots that are being changed at the scheduler at once."""
    build_concurrency: int = 4
    """Programs whose bundles are being built at once."""
    backoff_first: float = 1.0
    """Wait after a bot's first failed apply; doubles with each further one."""
    backoff_refused: float = 30.0
    """The same after an error that trying again hardly helps (a refused job, a failed build)."""
    runtime_poll: float = 10.0
    """Between two looks for the interpreter or compiler that a bot waits for."""
    backoff_cap: float = 300.0
    """The longest wait between two tries of a bot."""
    backoff_jitter: float = 0.1
    """Share by which each of those waits varies."""
    drift_window: float = 600.0
    """Corrections of one bot's drift within this time wait longer and longer: nobody is fought for ever."""
    report_grace: float = 10.0
    """A change counts as running this long after its placement runs, where its node reports nothing."""
    report_timeout: float = 30.0
    """Health is Unknown this long after a placement runs without any launcher report."""
    stop_poll: float = 5.0
    """Between two looks at a bot that is stopping, where no event arrives."""
    removal_patience: float = 60.0
    """How long new bots wait for a revision's removals to end before they start all the same."""
    logs_patience: float = 30.0
    """How long a removed bot's job is kept for its last log lines to be acknowledged."""
    status_interval: float = 0.25
    """The statuses that changed within this time are written to the database together."""
    runs_kept: int = 500
    """Finished runs kept for each bot."""
    attempts_kept: int = 5
    """Applies kept for each bot."""
    deployments_kept: int = 20
    """Specs kept for each bot that were applied to it, which it can be rolled back to."""
    revisions_kept: int = 500
    """Revisions kept with their changes and errors (their ids are kept for ever)."""
