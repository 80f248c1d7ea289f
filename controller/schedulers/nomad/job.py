"""A bot as a Nomad job: pure rendering from a `Launch` to the JSON of Nomad's API.

Nomad interpolates `${...}` in most values, so whatever a user wrote travels inside the launcher's order,
which is base64. The launcher owns restarts, time-outs and the lease; Nomad restarts only the launcher.
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from controller.launcher.archive import LAUNCHER
from controller.launcher.order import (
    ORDER_VARIABLE,
    Content,
    LaunchOrder,
    LeaseOrder,
    NodePaths,
    Output,
)
from controller.schedulers.nomad.reading import (
    META_BOT,
    META_FAIL_OVER,
    META_FLEET,
    META_NEEDS,
    META_REVISION,
    META_SCHEDULE,
    META_SCOPES,
    META_SPEC,
    META_TIMEZONE,
    META_TYPE,
    TASK,
)
from controller.schedulers.nomad.settings import HOST_VOLUME, NomadSettings
from controller.schedulers.protocol import HandedSecrets, Launch
from controller.scopes import scopes_of
from gitops.bundle import Bundle
from gitops.platforms import OLDEST, OLDEST_NODE
from schemas.bot import BotSpec, BotType, Resources
from schemas.errors import SchedulerRefused

ORDER_LIMIT = 100 * 1024
"""Bytes of the encoded order; an environment variable cannot be longer than 128 KiB."""

NODE_PYTHON = "herdsman_python"
"""Node metadata: the path of an interpreter; with a version, such as `herdsman_python_3_11`, of that one."""
NODE_NODEJS = "herdsman_node"
"""Node metadata: the path of the Node.js that runs bots there; with a major version, of that one."""
NODE_GLIBC = "herdsman_glibc"
"""Node metadata: the version of the node's C library, which built programs need to be new enough."""
INTERPRETER_VARIABLE = "HERDSMAN_INTERPRETER"
NODE_STATE = "herdsman_state_root"
NODE_CACHE = "herdsman_cache_root"

SECRETS_FILE = "herdsman-secrets"
EXEC_MOUNT = "/herdsman"
"""Where tasks of the driver `exec` see the host volume."""

_SECOND = 1_000_000_000
_BOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NOT_IN_PATHS = re.compile(r"[^A-Za-z0-9_-]")


def job_id(fleet: str, bot: str) -> str:
    """Return the id of a bot's job. Raises SchedulerRefused for a name that no job can have."""
    if not _BOT_NAME.fullmatch(bot):
        raise SchedulerRefused(
            f'"{bot}" cannot be part of a Nomad job id: use letters, digits, ".", "_" and "-"'
        )
    return f"{fleet}.{bot}"


def lease_path(fleet: str, bot: str) -> str:
    """Return the path of the variable whose lock is a bot's lease."""
    return f"herdsman/leases/{_path_part(fleet)}/{_path_part(bot)}"


def leases_of(fleet: str) -> str:
    """Return how the paths of the leases of all fleets begin whose id begins so."""
    return f"herdsman/leases/{_path_part(fleet)}"


def state_path(fleet: str, bot: str) -> str:
    """Return the path of the variable that remembers the node of a bot's state folder."""
    return f"herdsman/state/{_path_part(fleet)}/{_path_part(bot)}"


def secrets_path(fleet: str, bot: str) -> str:
    """Return the path of the variable that holds a bot's secrets, in boxes whose keys are in its job."""
    return f"herdsman/secrets/{_path_part(fleet)}/{_path_part(bot)}"


def box_item(identity: str) -> str:
    """Return the item of that variable which holds a box."""
    return f"box_{identity}"


def rules_path(fleet: str) -> str:
    """Return the path of the variable with the fleet's rules; bots may read it, and never write it."""
    return f"herdsman/rules/{_path_part(fleet)}"


def _path_part(name: str) -> str:
    """Write a name in the characters of a variable's path, two names never alike."""
    return _NOT_IN_PATHS.sub(lambda match: f"~{ord(match[0]):02x}", name)


def render(
    launch: Launch,
    settings: NomadSettings,
    launcher: Bundle,
    url_of: Callable[[Bundle], str],
    now: float,
) -> dict[str, Any]:
    """Return the whole job. `now` is Unix time, from which a schedule's clock changes are listed.

    Raises SchedulerRefused where the bot's configuration is too large, its name cannot be, or its environment
    asks for another namespace or region than the one that this service runs bots in.
    """
    spec = launch.spec
    _check_place(spec.environment, "namespace", spec.namespace, settings.namespace)
    _check_place(spec.environment, "region", spec.region, settings.region)
    scheduled = spec.type is BotType.SCHEDULED
    identity = job_id(settings.fleet, spec.name)
    job: dict[str, Any] = {
        "ID": identity,
        "Name": identity,
        "Namespace": settings.namespace,
        "Type": "batch" if scheduled else "service",
        "Priority": min(max(spec.priority, 1), 100),
        "Datacenters": list(settings.datacenters),
        "NodePool": spec.node_pool or settings.node_pool,
        "Meta": _meta(launch, settings.fleet) | {META_NEEDS: needs(launch, settings)},
        "Constraints": _constraints(launch, settings),
        "TaskGroups": [_group(launch, settings, launcher, url_of, now)],
    }
    if settings.region:
        job["Region"] = settings.region
    if scheduled:
        job["Periodic"] = _periodic(spec)
    return job


def _check_place(environment: str, kind: str, wanted: str, here: str) -> None:
    """Refuse a bot whose environment belongs elsewhere: a service looks after one place on a cluster."""
    if wanted not in ("", here):
        raise SchedulerRefused(
            f"the environment {environment} belongs into the Nomad {kind} {wanted}, and this service runs "
            f"bots in {here or 'that of the agent it asks'}: run one of its own for it, with --environment "
            f"{environment} and NOMAD_{kind.upper()}={wanted}"
        )


def _meta(launch: Launch, fleet: str) -> dict[str, str]:
    spec = launch.spec
    meta = {
        META_FLEET: fleet,
        META_BOT: spec.name,
        META_SPEC: spec.digest,
        META_REVISION: launch.revision,
        META_TYPE: spec.type.value,
        META_SCOPES: base64.b64encode(json.dumps(sorted(scopes_of(spec))).encode()).decode(),
    }
    if spec.type is BotType.SCHEDULED:
        meta |= {META_SCHEDULE: spec.schedule, META_TIMEZONE: spec.timezone}
    else:  # a run is not begun a second time while its node may come back and tell how it went
        meta[META_FAIL_OVER] = f"{spec.lease.fail_over_after:g}"
    return meta


def _periodic(spec: BotSpec) -> dict[str, Any]:
    return {
        "Enabled": True,
        "SpecType": "cron",
        "Specs": [spec.schedule],
        "TimeZone": spec.timezone,
        "ProhibitOverlap": True,
    }


def python_key(python: str) -> str:
    """Return the node metadata that names the interpreter of a minor version ("" for any)."""
    return f"{NODE_PYTHON}_{python.replace('.', '_')}" if python else NODE_PYTHON


def node_key(major: int | None) -> str:
    """Return the node metadata that names the Node.js of a major version (None for any that bots may use)."""
    return NODE_NODEJS if major is None else f"{NODE_NODEJS}_{major}"


def _runs_on_node(launch: Launch) -> bool:
    return launch.spec.program.runtime.startswith("nodejs")


def _launchers_python(launch: Launch) -> str:
    """Return the metadata of the Python of the launcher: the bot's own where it is a Python bot, else any."""
    return python_key(launch.python if launch.spec.program.runtime.startswith("python") else "")


def _constraints(launch: Launch, settings: NomadSettings) -> list[dict[str, str]]:
    wanted = [("${attr.kernel.name}", "=", "linux"), (f"${{meta.{_launchers_python(launch)}}}", "is_set", "")]
    if _runs_on_node(launch):
        wanted.append((f"${{meta.{NODE_NODEJS}}}", "is_set", ""))
    if launch.spec.program.compiled and settings.glibc:
        wanted.append((f"${{meta.{NODE_GLIBC}}}", "version", f">= {settings.glibc}"))
    if settings.driver == "raw_exec":
        wanted += [(f"${{meta.{key}}}", "is_set", "") for key in (NODE_STATE, NODE_CACHE)]
    if launch.dependencies is not None and settings.architecture:
        wanted.append(("${attr.cpu.arch}", "=", settings.architecture))
    return [{"LTarget": left, "Operand": operand, "RTarget": right} for left, operand, right in wanted]


def needs(launch: Launch, settings: NomadSettings) -> str:
    """Return in words what the constraints of a bot ask of a node."""
    runtime = launch.spec.program.runtime
    wanted = [f"Node.js {OLDEST_NODE} or newer"] if _runs_on_node(launch) else []
    if launch.spec.program.compiled and settings.glibc:
        wanted.append(f"glibc {settings.glibc} or newer")
    own = launch.python if runtime.startswith("python") else ""
    wanted.append(f"Python {own}" if own else f"Python {OLDEST[0]}.{OLDEST[1]} or newer")
    if launch.dependencies is not None and settings.architecture:
        wanted.append(f"{settings.architecture} processors")
    return ", ".join(wanted)


def _group(
    launch: Launch, settings: NomadSettings, launcher: Bundle, url_of: Callable[[Bundle], str], now: float
) -> dict[str, Any]:
    scheduled = launch.spec.type is BotType.SCHEDULED
    group: dict[str, Any] = {
        "Name": TASK,
        "Count": 1,
        "Disconnect": {"LostAfter": 3600 * _SECOND, "Replace": False, "Reconcile": "keep_original"},
        "RestartPolicy": _run_restarts() if scheduled else _launcher_restarts(),
        "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
        "EphemeralDisk": {"SizeMB": 2 * settings.log_files * settings.log_file_mb + 100},
        "Tasks": [_task(launch, settings, launcher, url_of, now)],
    }
    if settings.driver == "exec":
        group["Volumes"] = {HOST_VOLUME: {"Name": HOST_VOLUME, "Type": "host", "Source": HOST_VOLUME}}
    return group


def _launcher_restarts() -> dict[str, Any]:
    """Restart a launcher that died, or could not start, for ever: Nomad never gives a bot up."""
    return {"Attempts": 20, "Interval": 60 * _SECOND, "Delay": 2 * _SECOND, "Mode": "delay"}


def _run_restarts() -> dict[str, Any]:
    """Restart nothing: Nomad cannot tell a run that traded and failed from one that could not be prepared."""
    return {"Attempts": 0, "Interval": 60 * _SECOND, "Delay": 5 * _SECOND, "Mode": "fail"}


def _task(
    launch: Launch, settings: NomadSettings, launcher: Bundle, url_of: Callable[[Bundle], str], now: float
) -> dict[str, Any]:
    spec = launch.spec
    task: dict[str, Any] = {
        "Name": TASK,
        "Driver": settings.driver,
        "User": settings.user,
        "Config": {
            "command": f"${{meta.{_launchers_python(launch)}}}",
            "args": ["-I", "-S", f"${{NOMAD_TASK_DIR}}/launcher/{LAUNCHER}"],
        },
        "Env": _environment(launch, settings, url_of, now),
        "Identity": {"Name": "default", "Env": True},
        "Artifacts": [
            _artifact(launcher, url_of(launcher), "local/launcher"),
            _artifact(launch.code, url_of(launch.code), "local/code"),
        ],
        "KillSignal": "SIGTERM",
        "KillTimeout": int((spec.kill_timeout + settings.stop_margin) * _SECOND),
        "Resources": resources(spec.resources, settings),
        "LogConfig": {"MaxFiles": settings.log_files, "MaxFileSizeMB": settings.log_file_mb},
    }
    if launch.secrets is not None:
        task["Templates"] = [_secrets_template(settings.fleet, spec.name, launch.secrets)]
    if settings.driver == "exec":
        task["VolumeMounts"] = [{"Volume": HOST_VOLUME, "Destination": EXEC_MOUNT, "ReadOnly": False}]
    return task


def _secrets_template(fleet: str, bot: str, secrets: HandedSecrets) -> dict[str, Any]:
    """Return what writes the bot's box into its secrets folder, which is memory; never is anything restarted.

    Anybody on the node may read the file, whose user is not Nomad's: its key is the launcher's alone.
    """
    variable, item = secrets_path(fleet, bot), box_item(secrets.identity)
    return {
        "EmbeddedTmpl": f'{{{{ with nomadVar "{variable}" }}}}{{{{ .{item} }}}}{{{{ end }}}}',
        "DestPath": f"secrets/{SECRETS_FILE}",
        "Perms": "0444",
        "ChangeMode": "noop",
    }


def _artifact(bundle: Bundle, url: str, folder: str) -> dict[str, Any]:
    options = {"checksum": f"sha256:{bundle.digest}", "archive": "tar.gz"}
    return {"GetterSource": url, "GetterOptions": options, "GetterMode": "dir", "RelativeDest": f"{folder}/"}


def _environment(
    launch: Launch, settings: NomadSettings, url_of: Callable[[Bundle], str], now: float
) -> dict[str, str]:
    order = _order(launch, settings, url_of, now).encoded()
    if len(order) > ORDER_LIMIT:
        raise SchedulerRefused(
            f"the configuration of {launch.spec.name} is too large for Nomad: {len(order) // 1024} KiB as it "
            f"travels, {ORDER_LIMIT // 1024} KiB is the limit; move large data into the program's folder"
        )
    inside = settings.driver == "exec"
    interpreter = {INTERPRETER_VARIABLE: f"${{meta.{NODE_NODEJS}}}"} if _runs_on_node(launch) else {}
    return {
        **interpreter,
        "HERDSMAN_PYTHON": f"${{meta.{_launchers_python(launch)}}}",
        ORDER_VARIABLE: order,
        "HERDSMAN_NODE": "${node.unique.id}",
        "HERDSMAN_STATE_ROOT": f"{EXEC_MOUNT}/state" if inside else f"${{meta.{NODE_STATE}}}",
        "HERDSMAN_CACHE_ROOT": f"{EXEC_MOUNT}/cache" if inside else f"${{meta.{NODE_CACHE}}}",
    }


def _order(
    launch: Launch, settings: NomadSettings, url_of: Callable[[Bundle], str], now: float
) -> LaunchOrder:
    spec, fleet = launch.spec, settings.fleet
    dependencies = launch.dependencies
    return LaunchOrder(
        launch=launch,
        fleet=fleet,
        paths=NodePaths(
            allocation="$NOMAD_ALLOC_DIR",
            work="$NOMAD_TASK_DIR/herdsman",
            cache="$HERDSMAN_CACHE_ROOT",
            state=f"$HERDSMAN_STATE_ROOT/{fleet}/{spec.name}",
        ),
        lease=LeaseOrder(
            "nomad",
            {
                "path": lease_path(fleet, spec.name),
                "state_path": state_path(fleet, spec.name),
                "rules_path": rules_path(fleet),
                "former_state_path": state_path(fleet, spec.renamed_from) if spec.renamed_from else "",
                "namespace": settings.namespace,
            },
        ),
        code=Content(launch.code.digest, path="$NOMAD_TASK_DIR/code"),
        dependencies=Content.fetched(dependencies, url_of(dependencies)) if dependencies else None,
        output=Output(pump=False, size=settings.log_file_mb * 1024 * 1024, files=settings.log_files),
        allocation="$NOMAD_ALLOC_ID",
        node="$HERDSMAN_NODE",
        task=TASK,
        interpreter=f"${INTERPRETER_VARIABLE}" if _runs_on_node(launch) else "",
        handed={"path": f"$NOMAD_SECRETS_DIR/{SECRETS_FILE}", "key": launch.secrets.key}
        if launch.secrets
        else {},
        conceal="$NOMAD_SECRETS_DIR",
        now=now,
    )


def resources(of: Resources, settings: NomadSettings) -> dict[str, int]:
    """Return what a bot reserves: MHz from its millicores, MB from its bytes (rounded up).

    Without oversubscription the memory limit itself is reserved, since Nomad then holds a bot to what it
    reserved.
    """
    cpu = of.cpu_request if of.cpu_request is not None else of.cpu_limit
    limit, request = _megabytes(of.memory_limit), _megabytes(of.memory_request)
    rendered = {
        "CPU": max(cpu * settings.mhz_per_core // 1000, 1) if cpu else settings.default_cpu_mhz,
        "MemoryMB": limit or request or settings.default_memory_mb,
    }
    if settings.memory_oversubscription and request and limit > request:
        rendered |= {"MemoryMB": request, "MemoryMaxMB": limit}
    return rendered


def _megabytes(size: int | None) -> int:
    return max(-(-size // (1024 * 1024)), 10) if size else 0
