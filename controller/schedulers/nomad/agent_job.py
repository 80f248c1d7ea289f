"""The `system` job that runs `herdsman agent` on every node: pure rendering.

The agent reads other allocations' folders, so it runs as root with `raw_exec`. Its token is a Nomad variable
of the job's own path (`nomad/jobs/<job id>`), rendered into its environment on the node and never in the job.
"""

from typing import Any

from controller.schedulers.nomad.settings import NomadSettings

TASK = "agent"
TOKEN_ITEM = "token"  # noqa: S105
"""The item of the Nomad variable that holds the agent's ingest token."""

_SECOND = 1_000_000_000


def agent_job_id(fleet: str) -> str:
    """Return the id of the job; no bot's job id can equal it, since those have a dot."""
    return f"{fleet}-agent"


def variable_path(fleet: str) -> str:
    """Return the path of the Nomad variable that must hold the agent's token in its item `token`."""
    return f"nomad/jobs/{agent_job_id(fleet)}"


def render_agent(
    settings: NomadSettings,
    url: str,
    *,
    command: str = "herdsman",
    arguments: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the job. `url` is herdsman's web service as nodes reach it, `command` is found on the nodes.

    `arguments` are further options of `herdsman agent`; `environment` is added to the task's (no secrets).
    """
    identity = agent_job_id(settings.fleet)
    region = {"Region": settings.region} if settings.region else {}
    return {
        **region,
        "ID": identity,
        "Name": identity,
        "Namespace": settings.namespace,
        "Type": "system",
        "Priority": 90,
        "Datacenters": list(settings.datacenters),
        "NodePool": "all",
        "Meta": {"herdsman.fleet": settings.fleet, "herdsman.component": "agent"},
        "Constraints": [{"LTarget": "${attr.kernel.name}", "Operand": "=", "RTarget": "linux"}],
        "TaskGroups": [
            {
                "Name": TASK,
                "Count": 1,
                "RestartPolicy": {
                    "Attempts": 20,
                    "Interval": 60 * _SECOND,
                    "Delay": 2 * _SECOND,
                    "Mode": "delay",
                },
                "EphemeralDisk": {"SizeMB": 200},
                "Tasks": [_task(settings, url, command, arguments, environment or {})],
            }
        ],
    }


def _task(
    settings: NomadSettings,
    url: str,
    command: str,
    arguments: tuple[str, ...],
    environment: dict[str, str],
) -> dict[str, Any]:
    token = f'{{{{ with nomadVar "{variable_path(settings.fleet)}" }}}}{{{{ .{TOKEN_ITEM} }}}}{{{{ end }}}}'
    return {
        "Name": TASK,
        "Driver": "raw_exec",
        "Config": {
            "command": command,
            "args": ["agent", "--alloc-root", "${NOMAD_ALLOC_DIR}/../..", *arguments],
        },
        "Env": {
            "HERDSMAN_URL": url,
            "HERDSMAN_TOKEN_FILE": "${NOMAD_SECRETS_DIR}/token",
            "NOMAD_ADDR": f"{settings.address.split('://', 1)[0]}://${{attr.unique.advertise.address}}",
            **environment,
        },
        "Identity": {"Name": "default", "Env": True},
        "Templates": [
            {
                "EmbeddedTmpl": token,
                "DestPath": "secrets/token",
                "Perms": "0400",
                "ChangeMode": "restart",
            }
        ],
        "KillSignal": "SIGTERM",
        "KillTimeout": 15 * _SECOND,
        "Resources": {"CPU": 100, "MemoryMB": 128},
        "LogConfig": {"MaxFiles": 3, "MaxFileSizeMB": 5},
    }
