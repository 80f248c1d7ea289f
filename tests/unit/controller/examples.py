"""Small examples of the controller's values, for tests to vary."""

import json
from collections.abc import Iterable

from controller.records import InventoryEntry
from controller.schedulers.protocol import ObservedBot, Phase
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec, BotType, Mode, ProgramVersion
from schemas.labels import AllocationLabels
from schemas.reports import LauncherReport, Outcome, ReportKind

FLEET = "desk-abc123"
NOW = 1_800_000_000.0


def program(version: str = "1.0.0", *, kind: BotType = BotType.REALTIME, **fields: str) -> ProgramVersion:
    values = {"name": "sma", "tree": f"tree-{version}", "path": "programs/sma"} | fields
    return ProgramVersion(
        version=version,
        type=kind,
        runtime="python3.11",
        entrypoint="main.py",
        query_entrypoint="",
        **values,
    )


def spec(name: str = "sma-btc", *, version: str = "1.0.0", digest: str = "", **fields: object) -> BotSpec:
    """Return a spec whose digest follows from its version and parameters."""
    parameters = fields.pop("parameters", {"fast": 10})
    kind = fields.pop("kind", BotType.REALTIME)
    config = json.dumps({"name": name, "type": f"{kind}/sma", "version": version, **parameters})
    values: dict[str, object] = {
        "name": name,
        "program": program(version, kind=kind),
        "mode": Mode.DRY,
        "enabled": True,
        "config_json": config,
        "path": f"bots/{name}.yaml",
        "digest": digest or f"{version}-{json.dumps(parameters, sort_keys=True)}",
        "schedule": "0 * * * *" if kind is BotType.SCHEDULED else "",
    }
    return BotSpec(**(values | fields))  # type: ignore[arg-type]


def revision(number: int = 1) -> Revision:
    return Revision(f"{number:040x}", "Ada <ada@example.org>", f"change {number}", NOW, "main")


def desired(specs: Iterable[BotSpec], number: int = 1, **fields: object) -> DesiredState:
    return DesiredState(revision(number), bots={one.name: one for one in specs}, **fields)  # type: ignore[arg-type]


def entry(one: BotSpec, **fields: object) -> InventoryEntry:
    values: dict[str, object] = {"revision": revision().id, "spec": one, "token": "1", "scheduler": "fake"}
    return InventoryEntry(one.name, one.path, **(values | fields))  # type: ignore[arg-type]


def seen(one: BotSpec, phase: Phase = Phase.RUNNING, **fields: object) -> ObservedBot:
    values: dict[str, object] = {
        "fleet": FLEET,
        "spec": one.digest,
        "revision": revision().id,
        "token": "1",
        "allocation": f"{one.name}-a1",
        "node": "node-1",
        "started_at": NOW,
    }
    return ObservedBot(name=one.name, phase=phase, **(values | fields))  # type: ignore[arg-type]


def labels(one: BotSpec, allocation: str = "", **fields: str) -> AllocationLabels:
    values = {"spec": one.digest, "node": "node-1", "revision": revision().id} | fields
    return AllocationLabels(
        fleet=FLEET,
        bot=one.name,
        program="sma",
        version="1.0.0",
        type="realtime",
        mode="dry",
        allocation=allocation or f"{one.name}-a1",
        **values,
    )


def started(attempt: int = 1, t: float = NOW, allocation: str = "sma-btc-a1") -> LauncherReport:
    return LauncherReport(t, ReportKind.STARTED, run=f"{allocation}-{attempt}", attempt=attempt, started_at=t)


def exited(
    attempt: int = 1,
    t: float = NOW,
    allocation: str = "sma-btc-a1",
    outcome: Outcome = Outcome.CRASHED,
    message: str = "ValueError: no",
    **fields: object,
) -> LauncherReport:
    values: dict[str, object] = {"exit_code": 1 if outcome is Outcome.CRASHED else 0, "ended_at": t}
    return LauncherReport(
        t,
        ReportKind.EXITED,
        run=f"{allocation}-{attempt}",
        attempt=attempt,
        outcome=outcome,
        message=message,
        **(values | fields),  # type: ignore[arg-type]
    )
