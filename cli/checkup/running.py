"""What the running service says of itself, and what Nomad knows of its nodes."""

import os
from collections.abc import Iterator
from typing import Any

from cli.checkup.finding import Finding, State
from cli.connection import trust
from cli.known_service import Service

_PATIENCE = 5.0


def service_findings(service: Service) -> Iterator[Finding]:
    """Ask the service whether it answers and whether each of its parts works."""
    import httpx

    subject = "service"
    try:
        headers = {"Authorization": f"Bearer {service.token}"}
        with httpx.Client(timeout=_PATIENCE, trust_env=False, verify=trust(service)) as client:
            answer = client.get(f"{service.url}/readyz", headers=headers)
        checks: dict[str, str] = answer.json()["checks"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        advice = "start it with `herdsman up`, or name another with --url"
        reason = str(error) or type(error).__name__
        yield Finding(subject, State.MISSING, f"{service.url} does not answer: {reason}", advice)
        return
    yield Finding(subject, State.OK, service.url)
    for part, state in checks.items():
        if state == "ok":
            yield Finding(f"service {part}", State.OK, "ready")
        else:
            yield Finding(f"service {part}", State.MISSING, state, "what the service logs says more")


def nomad_findings(address: str) -> Iterator[Finding]:
    """Ask Nomad for its leader, and each node for the runtimes that its agent published."""
    import httpx

    headers = {"X-Nomad-Token": os.environ.get("NOMAD_TOKEN", "")}
    verify: Any = os.environ.get("NOMAD_CACERT") or True
    try:
        with httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE, verify=verify) as nomad:
            leader = nomad.get("/v1/status/leader").raise_for_status().json()
            nodes = nomad.get("/v1/nodes").raise_for_status().json()
            yield Finding(
                "nomad", State.OK if leader else State.MISSING, f"{address}, leader {leader or 'none'}"
            )
            for node in nodes:
                yield node_finding(nomad.get(f"/v1/node/{node['ID']}").raise_for_status().json())
    except (httpx.HTTPError, OSError, ValueError) as error:
        advice = "give its address with --nomad-address or NOMAD_ADDR, its token in NOMAD_TOKEN"
        yield Finding("nomad", State.MISSING, f"{address}: {error or type(error).__name__}", advice)


def node_finding(node: dict[str, Any]) -> Finding:
    """Tell which runtimes a node published; without any, no bot is placed there."""
    from controller.schedulers.nomad.job import NODE_GLIBC, NODE_NODEJS, NODE_PYTHON

    subject = f"node {node.get('Name') or node['ID'][:8]}"
    if node.get("Status") != "ready":
        return Finding(subject, State.WARNING, f"{node.get('Status')}", "Nomad places nothing there")
    meta = node.get("Meta") or {}
    found = {
        "python": published(meta, f"{NODE_PYTHON}_"),
        "node": published(meta, f"{NODE_NODEJS}_"),
        "glibc": meta.get(NODE_GLIBC) or "",
    }
    if found["python"]:
        return Finding(
            subject, State.OK, "; ".join(f"{name} {versions}" for name, versions in found.items() if versions)
        )
    advice = "run the agent on it: `herdsman agent --print-job` prints a job for all nodes"
    return Finding(subject, State.MISSING, "published no runtime", advice)


def published(meta: dict[str, str], prefix: str) -> str:
    """Return the versions of what a node published under a prefix of its metadata."""
    versions = sorted(key.removeprefix(prefix).replace("_", ".") for key in meta if key.startswith(prefix))
    return ", ".join(versions)
