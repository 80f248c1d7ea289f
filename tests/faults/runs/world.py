"""What a run plays with: herdsman as a real process, a fleet pushed with the real git, bots with records."""

import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from tests.e2e.fleet import README, Fleet, write_program
from tests.e2e.service import CHECKOUT, Service, wait_for
from tests.engines.launching import RECORDING_BOT
from tests.engines.nomad import NomadAgent
from tests.faults.runs.dying import install
from tests.faults.runs.forking import ForkedService, Nursery
from tests.faults.runs.proxy import Proxy
from tests.faults.runs.records import Record

SCHEMA = """\
{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["record", "spec"],
  "properties": {
    "record": {"type": "string"},
    "spec": {"type": "string"},
    "grace": {"type": "number"}
  }
}
"""
LEASE = "{ttl: 2m, terminate_after: 1m, kill_after: 90s}"
"""Long enough for Nomad to be started again on a busy machine."""
PATIENCE = 240.0
"""Seconds within which all is well again once all is mended; a busy machine is slow."""


@dataclass
class World:
    """One run's fleet: what git asks for, and how many lives each bot may have had at most."""

    home: Path
    service: Service
    """What people and git talk to: all of herdsman in one process, or its web."""
    fleet: Fleet
    wanted: dict[str, str] = field(default_factory=dict)
    """What every bot's spec is to be, by name."""
    allowed: "Counter[str]" = field(default_factory=Counter)
    """How often something happened to a bot that lets a new process begin."""
    leaving: set[str] = field(default_factory=set)
    """Those that were removed in a push which may not have arrived: until it has, they may begin anew."""
    pushed: list[str] = field(default_factory=list)
    """The revisions that were taken."""
    made: int = 0
    nomad: Proxy | None = None
    """What stands between herdsman and Nomad, where bots run there and outlive herdsman."""
    engine: NomadAgent | None = None
    controller: Service | None = None
    """Where herdsman runs as several processes."""

    @property
    def acting(self) -> Service:
        """The process that starts and stops bots."""
        return self.controller or self.service

    @property
    def parts(self) -> list[Service]:
        """Every process of herdsman, in the order in which they start."""
        return [self.controller, self.service] if self.controller else [self.service]

    def record(self, bot: str) -> Record:
        return Record(bot, self.home.parent / "records" / bot)

    def ever(self) -> list[str]:
        """Return every bot that was ever pushed."""
        return sorted(path.name for path in (self.home.parent / "records").iterdir())

    # What git is asked for

    def add(self) -> str:
        self.made += 1
        name = f"bot-{self.made}"
        self.write(name, "v1")
        return name

    def write(self, name: str, spec: str, **block: str) -> None:
        """Ask for a bot with this spec."""
        record = self.home.parent / "records" / name
        record.mkdir(parents=True, exist_ok=True)
        block |= {"lease": LEASE} if self.nomad else {}
        own = "".join(f", {key}: {value}" for key, value in block.items())
        self.fleet.write(
            f"bots/{name}.yaml",
            f"""\
            name: {name}
            type: realtime/recorder
            version: 1.0.0
            record: {record}
            spec: {spec}
            grace: 0.2
            herdsman: {{healthy_after: 500ms, kill_timeout: 10s{own}}}
            """,
        )
        self.wanted[name] = spec
        self.allowed[name] += 1

    def change(self, name: str) -> None:
        self.write(name, f"v{int(self.wanted[name][1:]) + 1}")

    def remove(self, name: str) -> None:
        self.fleet.remove(f"bots/{name}.yaml")
        del self.wanted[name]
        self.leaving.add(name)

    def rename(self, name: str) -> None:
        """Give a bot another name, and its state with it."""
        self.remove(name)
        self.made += 1
        self.write(f"bot-{self.made}", "v1", renamed_from=name)

    def commit(self, text: str) -> str:
        return self.fleet.commit(text)

    def pick(self, share: float) -> str:
        """Return the bot that a number from 0 to 1 stands for."""
        names = sorted(self.wanted)
        return names[int(share * len(names)) % len(names)]

    # What happens to herdsman

    def start(self) -> None:
        """Start herdsman, again where it ends itself meanwhile: all local bots begin anew."""
        for _ in range(3):
            if self.nomad is None:
                self.allowed.update({*self.wanted, *self.leaving})
            for part in self.parts:
                if _ended(part):
                    part.begin()
            try:
                wait_for(
                    lambda: all(part.is_ready() for part in self.parts), "herdsman to be ready", PATIENCE
                )
            except AssertionError:
                if not any(part.process is not None and part.process.poll() == -9 for part in self.parts):
                    raise
            else:
                return
        raise AssertionError("herdsman was killed three times as it started")

    def stop(self) -> None:
        """End herdsman in good order."""
        for part in reversed(self.parts):
            assert part.stop() == 0, f"herdsman {part.process_kind} ended badly: {part.log}"

    def end(self) -> None:
        """Kill whatever of herdsman runs."""
        for part in self.parts:
            part.end()

    def dead(self) -> bool:
        """Say whether herdsman, or a part of it, ended itself."""
        return any(_ended(part) for part in self.parts)

    def push(self, *options: str) -> bool:
        """Push what is committed, and say whether that was taken."""
        done = self.fleet.git("push", *options, "herdsman", "main", check=False)
        return done.returncode == 0

    def settle(self) -> None:
        """Mend everything: herdsman runs, git has been pushed, and wait until all is as it should be."""
        done = self._push_at_last()
        assert done.returncode == 0, done.stderr
        self.pushed.append(self.fleet.git("rev-parse", "HEAD").stdout.strip())
        try:
            wait_for(self.is_well, "everything to be as git asks for", PATIENCE, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.trouble()}") from None
        self.leaving.clear()

    def _push_at_last(self) -> "subprocess.CompletedProcess[str]":
        """Push where herdsman may end itself in the middle of it, once."""
        for _ in range(3):
            if self.dead():
                self.start()
            done = self.fleet.git("push", "--force", "-o", "confirm-prune", "herdsman", "main", check=False)
            if done.returncode == 0:
                break
            with suppress(
                subprocess.TimeoutExpired
            ):  # a process that was killed is seen as dead a moment later
                self.acting.process.wait(timeout=2)
        return done

    def is_well(self) -> bool:
        if self.dead():
            self.start()
        return not self.trouble()

    def trouble(self) -> str:
        """Return what is not as git asks for, "" where all is."""
        try:
            bots = self.service.bots()
        except httpx.HTTPError as error:  # it is being killed, or the machine is very busy
            return f"herdsman does not answer: {type(error).__name__}: {error}"
        for name, spec in self.wanted.items():
            shown = bots.get(name)
            if shown is None or (shown["health"], shown["sync"]) != ("Healthy", "Synced"):
                return f"{name} is shown as {shown}"
            alive = list(self.record(name).alive().values())
            if alive != [spec]:
                return f"{name} runs as {alive}, not as {spec}"
        for name in self.ever():
            if name not in self.wanted and (name in bots or self.record(name).alive()):
                return f"{name} is not gone: {bots.get(name)}, {self.record(name).alive()}"
        return ""


def _ended(part: Service) -> bool:
    return part.process is None or part.process.poll() is not None


def new_world(
    home: Path,
    bots: int,
    nursery: Nursery,
    nomad: Proxy | None = None,
    engine: NomadAgent | None = None,
    database: str = "",
) -> World:
    """Start herdsman with an empty home, and push a first fleet; with a `database` as several processes."""
    home.mkdir(parents=True, exist_ok=True)
    (home.parent / "records").mkdir()
    controller, service = _processes(home, nursery, nomad, database)
    folder = home.parent / "fleet"
    folder.mkdir()
    world = World(home, service, Fleet(folder, service), nomad=nomad, engine=engine, controller=controller)
    try:
        world.start()
        _first_fleet(world, bots)
    except BaseException:
        world.end()
        raise
    return world


def _processes(
    home: Path, nursery: Nursery, nomad: Proxy | None, database: str
) -> tuple[Service | None, Service]:
    """Return the controller, where it is a process of its own, and what is talked to."""
    polled = ("--poll-interval", "5")
    made = partial(ForkedService, command=install(home, CHECKOUT), patience=PATIENCE, nursery=nursery)
    options = (*polled, "--nomad-address", nomad.url) if nomad else polled
    if not database:
        options += ("--scheduler", "nomad") if nomad else ()
        return None, made(home, options)
    file = home / "database-url"
    file.write_text(f"{database}\n")
    file.chmod(0o600)
    shared = ("--database-file", str(file))
    web = made(home / "web", shared, process_kind="web")
    options += (*shared, "--fleet", "desk", "--advertise-url", web.url, "--web-url", web.url)
    return made(home / "controller", options, process_kind="controller"), web


def _first_fleet(world: World, bots: int) -> None:
    fleet, folder = world.fleet, world.fleet.folder
    fleet.git("init", "-q", "-b", "main")
    world.service.run("init", str(folder), "--connect-only")
    write_program(fleet, "recorder", (RECORDING_BOT, SCHEMA, README))
    for _ in range(bots):
        world.add()
    world.commit("the fleet")


def plant_stranger(data: Path) -> tuple["subprocess.Popen[bytes]", Path, str]:
    """Put a process and a job of another fleet where ours are; return them with the job's text."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(3600)"],
        env={"HERDSMAN_LAUNCHER": "other-xyz789/bot-1/a1", "HERDSMAN_BOT": "other-xyz789/bot-1/a1"},
        start_new_session=True,
    )
    job = data / "local" / "jobs" / "stranger.json"
    job.parent.mkdir(parents=True, exist_ok=True)
    text = '{"name": "stranger", "fleet": "other-xyz789"}'
    job.write_text(text)
    return process, job, text
