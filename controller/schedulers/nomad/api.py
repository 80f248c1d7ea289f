"""The calls that herdsman makes to Nomad, over python-nomad: values in and out, errors of ours only.

python-nomad neither quotes ids nor checks certificates, and its objects print their token: all of that ends
here. It blocks, so every call runs in a thread; connections are kept and shared.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import nomad
import requests
from nomad.api.exceptions import BaseNomadException
from requests.adapters import HTTPAdapter

from controller.schedulers.nomad.reading import (
    Blockage,
    JobRecord,
    NodeRecord,
    Placement,
    Variable,
    blockage,
    changed_names,
    job_record,
    node_record,
    placement,
)
from controller.schedulers.nomad.settings import NomadSettings
from schemas.errors import Conflict, NotFound, SchedulerRefused, SchedulerUnavailable

Answer = TypeVar("Answer")

_CONFLICT = "Enforcing job modify index"
_REFUSALS = (
    "validation",
    "error occurred",
    "errors occurred",
    "invalid",
    "must be",
    "cannot update",
    "can't",
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID = re.compile(r"[^\x00-\x20\x7f]{1,255}")


class KindChanged(SchedulerRefused):
    """Nomad never turns a service job into a batch job, or back."""


class NomadApi:
    """One connection pool to one Nomad address. Methods raise the scheduler errors of schemas.errors."""

    def __init__(self, settings: NomadSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.connections, thread_name_prefix="nomad")
        self._session = _session(settings.connections)
        self._client = nomad.Nomad(
            address=settings.address.rstrip("/"),
            token=settings.token or None,
            namespace=settings.namespace,
            region=settings.region or None,
            timeout=settings.timeout,
            verify=settings.ca_file or True,
            cert=settings.certificate or (),
            session=self._session,
        )

    def close(self) -> None:
        """Close the connections; calls that still run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._session.close()

    async def jobs(self, prefix: str, *, ended_runs: bool = False) -> list[JobRecord]:
        """List jobs by the beginning of their id, with their meta; ended runs of periodic jobs on request."""
        query = None if ended_runs else 'ParentID == "" or Status != "dead"'
        stubs = await self._call(
            lambda: self._client.jobs.get_jobs(
                prefix=prefix, filter_=query, meta=True, namespace=self._settings.namespace
            )
        )
        return [job_record(stub) for stub in stubs]

    async def job(self, job_id: str) -> dict[str, Any] | None:
        """Return a whole job as Nomad has it, or None."""
        quoted = _quoted(job_id)
        try:
            job: dict[str, Any] = await self._call(
                lambda: self._client.job.get_job(quoted, namespace=self._settings.namespace)
            )
        except NotFound:
            return None
        return job

    async def register(self, job: Mapping[str, Any], index: int) -> int:
        """Register a job if its modify index is `index` (0: if it does not exist); return the new index."""
        body = {"Job": job, "EnforceIndex": True, "JobModifyIndex": index}
        answer = await self._call(lambda: self._client.jobs.register_job(body))
        return int(answer["JobModifyIndex"])

    async def differences(self, job: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what registering a job would change of it, by name; nothing is changed by that."""
        quoted = _quoted(str(job["ID"]))
        answer = await self._call(lambda: self._client.job.plan_job(quoted, {"Job": job}, diff=True))
        return changed_names(answer.get("Diff") or {})

    async def deregister(self, job_id: str, *, purge: bool = False) -> None:
        """Stop a job, or stop and forget it; nothing where there is none."""
        quoted = _quoted(job_id)
        try:
            await self._call(
                lambda: self._client.job.deregister_job(
                    quoted, purge=purge, namespace=self._settings.namespace
                )
            )
        except NotFound:
            return

    async def job_placements(self, job_id: str) -> list[Placement]:
        """List the allocations of one job (not those of its periodic runs)."""
        quoted = _quoted(job_id)
        try:
            stubs = await self._call(
                lambda: self._client.job.get_allocations(
                    quoted, all_=True, namespace=self._settings.namespace
                )
            )
        except NotFound:
            return []
        return [placement(stub) for stub in stubs]

    async def placements(self, prefix: str) -> list[Placement]:
        """List the allocations of all jobs whose id begins with `prefix`."""
        query = f"JobID matches {_regular(prefix)}"
        stubs = await self._call(
            lambda: self._client.allocations.get_allocations(
                filter_=query, task_states=True, namespace=self._settings.namespace
            )
        )
        return [placement(stub) for stub in stubs]

    async def allocation(self, allocation: str) -> dict[str, Any] | None:
        """Return one allocation whole, with the job that it was made of; None where there is none."""
        if not _UUID.fullmatch(allocation):
            return None
        try:
            found: dict[str, Any] = await self._call(
                lambda: self._client.allocation.get_allocation(allocation)
            )
        except NotFound:
            return None
        return found

    async def nodes(self) -> list[NodeRecord]:
        """List the cluster's nodes."""
        stubs = await self._call(lambda: self._client.nodes.get_nodes())
        return [node_record(stub) for stub in stubs]

    async def node(self, node_id: str) -> dict[str, Any]:
        """Return one node whole, with its metadata."""
        found: dict[str, Any] = await self._call(lambda: self._client.node.get_node(_quoted(node_id)))
        return found

    async def blockages(self, prefix: str) -> list[Blockage]:
        """List why evaluations of jobs whose id begins with `prefix` wait for a node."""
        query = f'Status == "blocked" and JobID matches {_regular(prefix)}'
        params = {"filter": query, "namespace": self._settings.namespace}
        stubs = await self._call(lambda: self._client.evaluations.request(method="get", params=params).json())
        return [blockage(stub) for stub in stubs]

    async def restart(self, allocation: str, task: str) -> None:
        """Stop a running task as at a planned stop, and start it again in the same allocation."""
        quoted = _quoted(allocation)
        params = {"namespace": self._settings.namespace}
        await self._call(
            lambda: self._client.client.allocation.request(
                quoted, "restart", method="put", json={"TaskName": task}, params=params
            )
        )

    async def move(self, allocation: str) -> None:
        """Have an allocation ended, once its node can be told, and another placed in its stead."""
        quoted = _quoted(allocation)
        params = {"namespace": self._settings.namespace}
        await self._call(lambda: self._client.allocation.request(quoted, "stop", method="put", params=params))

    async def collect(self, allocation: str) -> None:
        """Ask the node to delete an ended allocation's folder."""
        quoted = _quoted(allocation)
        await self._call(lambda: self._client.client.gc_allocation.garbage_collect(quoted))

    async def file(self, allocation: str, path: str) -> bytes:
        """Return a file of an allocation's folder, such as `alloc/name`. Raises NotFound."""
        quoted = _quoted(allocation)
        text: Any = await self._call(
            lambda: self._client.client.cat.request(quoted, params={"path": path}, method="get").content
        )
        return bytes(text)

    async def delete_variable(self, path: str) -> None:
        """Delete a variable; a locked one is a Conflict, none is fine."""
        quoted = quote(path, safe="/")
        try:
            await self._call(
                lambda: self._client.variable.delete_variable(quoted, namespace=self._settings.namespace)
            )
        except NotFound:
            return

    async def variable(self, path: str) -> Variable:
        """Return a variable, an empty one where there is none."""
        quoted = quote(path, safe="/")
        try:
            found = await self._call(
                lambda: self._client.variable.get_variable(quoted, namespace=self._settings.namespace)
            )
        except NotFound:
            return Variable({}, 0)
        return Variable(found.get("Items") or {}, int(found["ModifyIndex"]), bool(found.get("Lock")))

    async def variable_paths(self, prefix: str) -> list[str]:
        """List the paths of variables that begin so."""
        listed = await self._call(
            lambda: self._client.variables.get_variables(prefix, namespace=self._settings.namespace)
        )
        return [str(one["Path"]) for one in listed]

    async def write_variable(self, path: str, items: Mapping[str, str], index: int) -> Variable:
        """Write a variable if it is as it was read (`index`; 0: if there is none), else raise Conflict."""
        answer = await self._put_variable(path, {"cas": str(index)}, {"Items": dict(items)})
        return Variable(dict(items), int(answer["ModifyIndex"]))

    async def lock(self, path: str, items: Mapping[str, str], seconds: int) -> str:
        """Take the lock of a variable and return its id; Conflict where somebody has it."""
        body = {"Items": dict(items), "Lock": {"TTL": f"{seconds}s", "LockDelay": "1s"}}
        answer = await self._put_variable(path, {"lock-acquire": ""}, body)
        return str(answer["Lock"]["ID"])

    async def unlock(self, path: str, lock: str) -> None:
        """Free a lock."""
        await self._put_variable(path, {"lock-release": ""}, {"Lock": {"ID": lock}})

    async def _put_variable(self, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        quoted = quote(path, safe="/")
        params = {**query, "namespace": self._settings.namespace}
        answer: dict[str, Any] = await self._call(
            lambda: self._client.variable.request(
                quoted, params=params, json={"Path": path, **body}, method="put"
            ).json()
        )
        return answer

    async def _call(self, function: Callable[[], Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._translated, function)

    def _translated(self, function: Callable[[], Answer]) -> Answer:
        try:
            return function()
        except BaseNomadException as error:
            self._raise(error)
        except (requests.RequestException, ValueError) as error:
            raise SchedulerUnavailable(self._unreachable(_words(error))) from None

    def _raise(self, error: BaseNomadException) -> NoReturn:
        answer = error.nomad_resp
        if not isinstance(answer, requests.Response):
            raise SchedulerUnavailable(self._unreachable(_words(answer))) from None
        text = answer.text.strip()[:2000]
        raise translate(answer.status_code, text, self._settings.address) from None

    def _unreachable(self, why: str) -> str:
        return (
            f"Nomad at {self._settings.address} does not answer ({why}); bots that run go on, "
            "and herdsman tries again"
        )


def translate(status: int, text: str, address: str) -> Exception:
    """Return the error of ours for an answer of Nomad's: its status code and its text."""
    if _CONFLICT in text:
        return Conflict(f"the job changed in Nomad since it was read ({text.split(': ', 1)[-1]})")
    if "Task not running" in text:
        return Conflict("the bot is not running at this moment, so there is nothing to restart")
    if status == 404:
        return NotFound(f"Nomad has no such thing: {text}")
    if status == 403:
        return SchedulerRefused(
            f"Nomad at {address} does not permit this ({text}): give herdsman a token with the capabilities "
            "of docs/nomad.md"
        )
    if status == 409:
        return Conflict(f"Nomad: {text}")
    if "cannot update job from type" in text:
        return KindChanged(f"Nomad refuses the job: {text}")
    if status in {400, 413} or any(mark in text for mark in _REFUSALS):
        return SchedulerRefused(f"Nomad refuses the job: {text}")
    return SchedulerUnavailable(f"Nomad at {address} cannot do this now ({status}: {text})")


def _session(connections: int) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, pool_block=True)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _quoted(identity: str) -> str:
    if not _ID.fullmatch(identity):
        raise SchedulerRefused(f"{identity!r} cannot be an id in Nomad")
    return quote(identity, safe="")


def _regular(prefix: str) -> str:
    """Return a filter's literal for "begins with `prefix`"; a backquoted literal has no escapes."""
    return f"`^{re.escape(prefix)}`"


def _words(error: object) -> str:
    """Return the innermost reason of a requests error: its outer layers only repeat addresses."""
    while isinstance(error, BaseException) and error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(reason or error).rsplit(": ", 1)[-1] or type(error).__name__
