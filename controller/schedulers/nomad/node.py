"""What `herdsman agent` tells Nomad about its node, as dynamic node metadata, and how it is read again."""

from collections.abc import Mapping
from typing import Any

import httpx

from controller.schedulers.nomad.job import (
    NODE_CACHE,
    NODE_GLIBC,
    NODE_NODEJS,
    NODE_PYTHON,
    NODE_STATE,
    node_key,
    python_key,
)
from controller.schedulers.protocol import NodeReport
from schemas.errors import SchedulerRefused, SchedulerUnavailable

STATE_ROOT = "/var/lib/herdsman/state"
CACHE_ROOT = "/var/lib/herdsman/cache"
_PUBLISHED = {"python": f"{NODE_PYTHON}_", "node": f"{NODE_NODEJS}_"}
"""What people call a runtime, and the metadata that names each version of it."""


def metadata(
    interpreters: Mapping[str, str],
    state_root: str = STATE_ROOT,
    cache_root: str = CACHE_ROOT,
    nodes: Mapping[int, str] | None = None,
    glibc: str = "",
) -> dict[str, str | None]:
    """Return the node metadata for interpreters: minor version ("3.11") to path on the node.

    The newest of them is also published as the one for bots that need no particular version. `nodes` are
    the same of Node.js by major version, whose oldest is the one for bots; None takes back what was
    published. `glibc` is the version of the node's C library, "" for another.
    """
    published: dict[str, str | None] = {python_key(minor): path for minor, path in interpreters.items()}
    published |= {node_key(major): path for major, path in (nodes or {}).items()}
    published[node_key(None)] = nodes[min(nodes)] if nodes else None
    if interpreters:
        newest = max(interpreters, key=lambda version: tuple(int(part) for part in version.split(".")))
        published[python_key("")] = interpreters[newest]
    return published | {NODE_STATE: state_root, NODE_CACHE: cache_root, NODE_GLIBC: glibc or None}


async def publish_interpreters(
    address: str,
    interpreters: Mapping[str, str],
    *,
    nodes: Mapping[int, str] | None = None,
    glibc: str = "",
    token: str = "",
    state_root: str = STATE_ROOT,
    cache_root: str = CACHE_ROOT,
    ca_file: str = "",
    socket: str = "",
) -> None:
    """Publish what the node behind `address` offers; Nomad keeps it until it is published again.

    `socket` is the path of a task's own socket to Nomad, used instead of the address's network where given.
    Raises SchedulerUnavailable and SchedulerRefused.
    """
    transport = httpx.AsyncHTTPTransport(uds=socket or None, verify=ca_file or True)
    headers = {"X-Nomad-Token": token} if token else {}
    body = {"Meta": metadata(interpreters, state_root, cache_root, nodes, glibc)}
    try:
        async with httpx.AsyncClient(transport=transport, headers=headers, timeout=10.0) as client:
            answer = await client.post(f"{address.rstrip('/')}/v1/client/metadata", json=body)
    except httpx.HTTPError as error:
        raise SchedulerUnavailable(f"Nomad's agent at {address} does not answer: {error}") from None
    if answer.status_code == 403:
        raise SchedulerRefused(
            "Nomad does not let the agent publish node metadata: its token needs node:write"
        )
    if not answer.is_success:
        raise SchedulerUnavailable(f"Nomad's agent at {address}: {answer.status_code} {answer.text.strip()}")


def node_report(node: Mapping[str, Any]) -> NodeReport:
    """Return a whole node as people see it: its runtimes are what the agent there published."""
    meta = node.get("Meta") or {}
    runtimes = [
        f"{word} {key.removeprefix(prefix).replace('_', '.')}"
        for word, prefix in _PUBLISHED.items()
        for key in sorted(meta)
        if key.startswith(prefix)
    ]
    ready = node.get("SchedulingEligibility", "eligible") == "eligible"
    status = node.get("Status") or "unknown"
    state = status if ready or status != "ready" else "takes no new bots"
    return NodeReport(node.get("Name") or node["ID"][:8], state, tuple(runtimes))
