"""What an earlier life of the controller left in the database, taken up again."""

from dataclasses import replace

from sqlalchemy import Connection

from controller.database.adoptions import load_adoptions
from controller.database.audit import restored_from
from controller.database.deployments import proven_specs
from controller.database.fleets import ensure_fleet
from controller.database.inventory import load_inventory
from controller.database.programs import load_programs
from controller.database.revisions import known_revisions, newest_revisions
from controller.database.rollbacks import load_overlays, load_trials
from controller.database.rules import load_rules
from controller.database.statuses import load_statuses
from controller.database.suspensions import load_suspensions
from controller.fleet import Fleet
from controller.process import ProcessState
from controller.records import RevisionRecord


def restore(connection: Connection, fleet: Fleet, name: str, now: float) -> dict[str, RevisionRecord]:
    """Fill `fleet` from the database and return each source's newest revision, by the source's name."""
    fleet.since = now
    fleet.id = ensure_fleet(connection, name, now)
    fleet.inventory.update(load_inventory(connection))
    fleet.suspensions.update(load_suspensions(connection))
    fleet.adoptions.update(load_adoptions(connection))
    fleet.overlays = fleet.asked_overlays = load_overlays(connection)
    fleet.trials.update(load_trials(connection))
    fleet.proven.update(proven_specs(connection))
    fleet.rules = load_rules(connection)
    fleet.programs.update(load_programs(connection))
    fleet.revisions.update(known_revisions(connection))
    fleet.restored = restored_from(connection)
    for bot, (status, process) in load_statuses(connection).items():
        if status is not None:
            fleet.statuses[bot] = status
            if status.drift is not None:
                fleet.drifts[bot] = status.drift
        fleet.processes[bot] = _before(process, now)
    return newest_revisions(connection)


def _before(process: ProcessState, now: float) -> ProcessState:
    """Return what is known of a process, alive since no moment to come: the clock may have been set back."""
    since = process.alive_since
    return process if since is None or since <= now else replace(process, alive_since=now)
