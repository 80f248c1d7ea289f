"""What every controller process has, also while it only stands by: database, git's door, bundles, access."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from cli.service.folder import read_secret
from cli.service.options import UpOptions
from cli.service.parts import find_fleet, make_access
from cli.service.process_options import ControllerOptions
from controller.database import Database, DatabaseUnavailable
from controller.database.keys import shared_key
from controller.database.leadership import find_leader
from controller.remote.bell import Bell
from controller.remote.leadership import Lead, Leadership
from gitops.shelf import FolderShelf
from telemetry.names import Health
from web.access.gate import Access
from web.access.listen import Listen
from web.controller_app import ControllerServices
from web.leader import LeadersBuilds, LeadersCode, LeadersGit, LeadersPlans, LeadersWebhooks


@dataclass(slots=True)
class Role:
    """Whether this controller leads now, and who does where it is another one."""

    lead: Lead | None = None
    other: str = "nobody leads yet"

    @property
    def leads(self) -> bool:
        """Say whether this process leads."""
        return self.lead is not None and self.lead.lasts

    def word(self) -> str:
        """Return the role as `/readyz` has it."""
        return "leader" if self.leads else "standby"


@dataclass(frozen=True, slots=True)
class Standby:
    """A controller process without what only a leader has."""

    options: ControllerOptions
    fleet: str
    url: str
    """Where people and nodes reach this process."""
    bundle_key: bytes
    secrets_key: bytes = field(repr=False)
    database: Database
    bell: Bell
    leadership: Leadership
    role: Role
    git: LeadersGit
    webhooks: LeadersWebhooks
    plans: LeadersPlans
    builds: LeadersBuilds
    codes: LeadersCode
    access: Access
    services: ControllerServices


async def stand_by(options: ControllerOptions, listening: Listen) -> Standby:
    """Open everything that can be opened before this controller leads."""
    up = options.up
    url = options.own_url or listening.url(tls=up.tls is not None)
    database = await Database.open(options.database)
    fleet = await find_fleet(up, database)
    bundle_key = await database.run(lambda connection: shared_key(connection, "bundles"))
    # One process that becomes several keeps its key, so that no bot is restarted for another digest.
    former = read_secret(up.data / "secrets-key") if (up.data / "secrets-key").exists() else b""
    secrets_key = await database.run(lambda connection: shared_key(connection, "secrets", former))
    role, health = Role(), Health()
    health.gauge("herdsman_leading").read = lambda: float(role.leads)
    health.gauge("herdsman_leadership_epoch").read = lambda: float(role.lead.epoch if role.lead else 0)
    git, webhooks = LeadersGit(lambda: role.other), LeadersWebhooks(lambda: role.other)
    plans, builds = LeadersPlans(lambda: role.other), LeadersBuilds(lambda: role.other)
    codes = LeadersCode(lambda: role.other)
    access = await make_access(_with_own_name(up, url), listening, database)
    services = ControllerServices(
        access=access,
        bundles=FolderShelf(up.data / "bundles"),
        bundle_key=bundle_key,
        registry=health.registry,
        checks=lambda: checks(database),
        role=role.word,
        webhooks=webhooks,
        plans=plans,
        builds=builds,
        codes=codes,
        git=git,
        tls=up.tls is not None,
    )
    leadership = Leadership(options.database, options.called, url)
    bell = Bell(options.database)
    return Standby(
        options,
        fleet,
        url,
        bundle_key,
        secrets_key,
        database,
        bell,
        leadership,
        role,
        git,
        webhooks,
        plans,
        builds,
        codes,
        access,
        services,
    )


def _with_own_name(up: UpOptions, url: str) -> UpOptions:
    return replace(up, allowed_hosts=up.allowed_hosts | {urlsplit(url).hostname or ""})


async def checks(database: Database) -> Mapping[str, str]:
    """Return whether the database answers: a stand-by needs nothing else."""
    try:
        await database.run(lambda _: None)
    except DatabaseUnavailable as error:
        return {"database": str(error)}
    return {"database": "ok"}


async def look_around(standby: Standby) -> None:
    """Learn which tokens are in force, and who leads: both may have changed in another process."""
    await standby.access.tokens.load()
    leader = await standby.database.run(find_leader)
    standby.role.other = (
        f"{leader.holder} leads since {time.time() - leader.since:.0f} s, at {leader.address}"
        if leader
        else "nobody leads at this moment"
    )
