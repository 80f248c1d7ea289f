"""Asking a bot on Nomad: inside its running allocation, or in a short job of its own for a scheduled bot.

Either way the launcher's query program runs as the bot's user, under the bot's limits and on its node, and no
port of the node is opened to anybody.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from controller.launcher.archive import LAUNCHER, QUERY
from controller.launcher.query_answer import NO_QUERIES, encoded, failure
from controller.schedulers.answers import answer_of
from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.exec import execute
from controller.schedulers.nomad.job import state_path
from controller.schedulers.nomad.reading import META_FLEET, META_REVISION, TASK, NodeRecord, Placement
from controller.schedulers.nomad.settings import NomadSettings
from controller.schedulers.protocol import Question
from schemas.errors import HerdsmanError, QueryFailed, QueryRefused, QueryTimedOut, SchedulerUnavailable
from schemas.state import IN_STORE

META_COMPONENT = "herdsman.component"
META_ASKED = "herdsman.query"
"""The bot that a query job asks; it is no bot itself and lacks the mark of one."""

_SECOND = 1_000_000_000
_ANSWER = "query-answer.json"
_PLACING = 60.0
"""Seconds that a query job may take to be placed and to fetch what it needs, beyond the query's own."""
_EVERY = 0.1
_OLDER = failure(
    NO_QUERIES, "an older herdsman started it: it answers queries from its next change on, or once refreshed"
)
_PROGRAM = f'"$NOMAD_TASK_DIR/launcher/{QUERY}"'
_SCRIPT = f"[ -f {_PROGRAM} ] && exec \"$HERDSMAN_PYTHON\" -I -S {_PROGRAM}; echo '{encoded(_OLDER)}'"
"""Starts the query program with the launcher's own interpreter; one of an older herdsman has none."""


async def ask_running(
    settings: NomadSettings, name: str, placement: Placement | None, question: Question
) -> str:
    """Ask a realtime bot in its allocation and return its answer as JSON text."""
    refusal = QueryRefused(f"{name} does not run now, so that nobody can answer; look at its status")
    if placement is None:
        raise refusal
    command = ["/bin/sh", "-c", _SCRIPT]
    given = json.dumps(_question(question)).encode() + b"\n"
    try:
        async with asyncio.timeout(question.seconds + settings.timeout):
            code, output, errors = await execute(settings, placement.id, TASK, command, given)
    except TimeoutError:
        raise QueryTimedOut(f"{name}: the query took longer than {question.seconds:g} s") from None
    except SchedulerUnavailable:
        if placement.task_state == "running":  # as Nomad's servers know it, which may be a moment ago
            raise
        raise refusal from None
    if code != 0:
        trace = (errors or output)[-2000:].decode("utf-8", "replace")
        raise QueryFailed(f"{name}: the query could not be carried out on its node", trace)
    return answer_of(name, output)


def _question(question: Question) -> dict[str, Any]:
    return {"path": question.path, "params": dict(question.params), "seconds": question.seconds}


async def ask_scheduled(
    settings: NomadSettings, api: NomadApi, job: Mapping[str, Any], name: str, question: Question
) -> str:
    """Ask a scheduled bot by a short job on the node that has its state; return its answer as JSON text."""
    home = (await api.variable(state_path(settings.fleet, name))).items.get("node", "")
    if home == IN_STORE:
        raise QueryRefused(
            f"the state of {name} was changed by its operator: its next run takes it, then ask"
        )
    check_home(name, home, await api.nodes())
    asking = render_query(job, settings, name, question, home)
    await api.register(asking, 0)
    try:
        return answer_of(name, await _answer(api, asking["ID"], name, question))
    finally:
        await asyncio.shield(_forget(api, asking["ID"]))


def check_home(name: str, home: str, nodes: Sequence[NodeRecord]) -> None:
    """Raise SchedulerUnavailable where the node that has a bot's state (`home`, "" for none) is away."""
    found = next((node for node in nodes if node.id == home), None)
    if home and (found is None or found.status != "ready"):
        where = f"{found.name} is {found.status}" if found else f"{home[:8]} is not in the cluster any more"
        raise SchedulerUnavailable(
            f"{name} cannot be asked now: its state is on a node that does not answer ({where})"
        )


def render_query(
    job: Mapping[str, Any], settings: NomadSettings, name: str, question: Question, node: str
) -> dict[str, Any]:
    """Return the job that asks a bot, made of the bot's own: its content, limits, driver and user. Pure.

    `node` is the one that has the bot's state, "" where it has none yet.
    """
    identity = f"{settings.fleet}-query.{name}.{uuid.uuid4().hex[:12]}"
    group = json.loads(json.dumps(job["TaskGroups"][0]))
    group["RestartPolicy"] = {"Attempts": 0, "Interval": 60 * _SECOND, "Delay": _SECOND, "Mode": "fail"}
    group["EphemeralDisk"] = {"SizeMB": 50}
    task = group["Tasks"][0]
    task["KillTimeout"] = _SECOND
    task["LogConfig"] = {"MaxFiles": 1, "MaxFileSizeMB": 1}
    task["Config"]["args"] = [
        str(argument).replace(LAUNCHER, QUERY) for argument in task["Config"].get("args") or ()
    ]
    text = json.dumps(_question(question)).encode()
    task["Env"] |= {
        "HERDSMAN_QUERY": base64.b64encode(text).decode(),
        "HERDSMAN_QUERY_ANSWER": f"${{NOMAD_ALLOC_DIR}}/{_ANSWER}",
    }
    constraints = list(job.get("Constraints") or ())
    if node:
        constraints.append({"LTarget": "${node.unique.id}", "Operand": "=", "RTarget": node})
    meta = {META_FLEET: settings.fleet, META_COMPONENT: "query", META_ASKED: name}
    revision = (job.get("Meta") or {}).get(META_REVISION)
    return {
        **{key: job[key] for key in ("Namespace", "Priority", "Datacenters", "NodePool")},
        **({"Region": job["Region"]} if job.get("Region") else {}),
        "ID": identity,
        "Name": identity,
        "Type": "batch",
        "Meta": meta | ({META_REVISION: revision} if revision else {}),
        "Constraints": constraints,
        "TaskGroups": [group],
    }


async def _answer(api: NomadApi, identity: str, name: str, question: Question) -> bytes:
    until = time.monotonic() + question.seconds + _PLACING
    while time.monotonic() < until:
        for placement in await api.job_placements(identity):
            if placement.ended:
                return await _read(api, placement, name)
        await asyncio.sleep(_EVERY)
    raise QueryTimedOut(
        f"{name}: Nomad did not run the query within {question.seconds + _PLACING:g} s: no node may have "
        "room, or the one that has the bot's state does not answer"
    )


async def _read(api: NomadApi, placement: Placement, name: str) -> bytes:
    try:
        return await api.file(placement.id, f"alloc/{_ANSWER}")
    except HerdsmanError as error:
        why = f"{placement.event}: {placement.message}".strip(": ")
        raise QueryFailed(f"{name}: the query could not be run on its node ({why})") from error


async def _forget(api: NomadApi, identity: str) -> None:
    try:
        await api.deregister(identity, purge=True)
    except HerdsmanError:  # Nomad's own collection forgets it later
        return
