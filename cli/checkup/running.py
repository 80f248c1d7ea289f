"""What the running service says of itself, and what Nomad knows of its nodes."""

import os
import time
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from cli.checkup.finding import Finding, State
from cli.connection import Client, reason_of, trust
from cli.known_service import Service
from cli.output import ago, printable, sized
from schemas.errors import HerdsmanError
from web.alert_documents import AlertsAnswer
from web.documents.system import SystemDocument

_PATIENCE = 5.0
MOST_SKEW = 2.0
"""Seconds that two clocks may be apart."""
ACLS_OFF = "acls-disabled"
"""The token that Nomad answers with to everybody where access control is off."""
GUARDS_NOTHING = "limit-guards-nothing"
"""The rule that fires where a limit guards nothing."""
PART_STATES = {"ok": State.OK, "warning": State.WARNING, "failing": State.MISSING}


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
        reason = reason_of(error)
        yield Finding(subject, State.MISSING, f"{service.url} does not answer: {reason}", advice)
        return
    yield Finding(subject, State.OK, service.url)
    for part, state in checks.items():
        if state == "ok":
            yield Finding(f"service {part}", State.OK, "ready")
        else:
            yield Finding(f"service {part}", State.MISSING, state, "what the service logs says more")
    yield from system_findings(service, set(checks))


def system_findings(service: Service, told: Set[str]) -> Iterator[Finding]:
    """Tell of the service's parts that its readiness does not speak of, of its agents, limits, and clock."""
    client = Client(service, patience=_PATIENCE)
    try:
        found = client.get("/api/v1/system", SystemDocument)
    except HerdsmanError as error:
        yield Finding(
            "service parts", State.WARNING, str(error).partition("\n")[0], "use a token that may read"
        )
        return
    yield skew("clock", found.time - time.time(), "this machine's and the service's")
    for part in found.parts:
        if part.name not in (*told, "storage") and (part.state != "ok" or part.name == "agents"):
            state = PART_STATES.get(part.state, State.WARNING)
            yield Finding(f"service {part.name}", state, part.message, part.next)
    yield from agent_findings(found)
    yield from storage_findings(found)
    try:
        idle = client.get("/api/v1/alerts", AlertsAnswer, rule=GUARDS_NOTHING)
    except HerdsmanError as error:
        advice = "what the service logs says more; limits that guard nothing are not told of"
        yield Finding("service alerts", State.WARNING, str(error).partition("\n")[0], advice)
    else:
        yield from limit_findings(idle)


def limit_findings(found: AlertsAnswer) -> Iterator[Finding]:
    """Tell of risk limits that nothing could ever break: whoever wrote them relies on them."""
    for one in found.alerts:
        advice = f"docs/alerts.md says what to do: `herdsman alerts show {one.bot} {one.rule}`"
        yield Finding(f"limits of {one.bot}", State.WARNING, printable(one.text), advice)


def storage_findings(found: SystemDocument) -> Iterator[Finding]:
    """Tell what herdsman keeps: how much it is, how fast it grows, and when there is no more room."""
    part = next((part for part in found.parts if part.name == "storage"), None)
    if part is None:
        return
    facts = {fact.name: fact.value for fact in part.facts}
    free = f"{part.message}; {sized(float(facts.get('disk free') or 0.0))} free"
    disk = _grows(free, facts.get("disk grows a day"), facts.get("disk full"))
    yield Finding("service storage", PART_STATES.get(part.state, State.WARNING), disk, part.next)
    for row in part.table.rows if part.table else []:
        what, size, per_day, full, kept = row
        said = _grows(sized(float(size or 0.0)), per_day, full)
        yield Finding(f"storage {what}", State.OK, f"{said}; kept {kept}" if kept else said)


def _grows(said: str, per_day: float | str | None, full: float | str | None) -> str:
    if isinstance(per_day, float):
        said += f", {'grows' if per_day >= 0 else 'shrinks'} {sized(abs(per_day))} a day"
    if isinstance(full, float):
        said += f", full on {datetime.fromtimestamp(full, UTC):%Y-%m-%d}"
    return said


def agent_findings(found: SystemDocument) -> Iterator[Finding]:
    """Tell when each node's agent was heard last, and which herdsman it is where it says so."""
    table = next((part.table for part in found.parts if part.name == "agents"), None)
    for row in table.rows if table else []:
        agent = dict(zip(table.columns, row, strict=True)) if table else {}
        release, heard = (
            agent.get("herdsman"),
            f"heard {ago(found.time - float(agent['last heard'] or 0.0))} ago",
        )
        other = f" (the service is {found.version})" if release not in (None, found.version) else ""
        said = f"herdsman {release}{other}, {heard}" if release else heard
        yield Finding(f"agent {agent['agent']}", State.OK, said)


def skew(subject: str, seconds: float, whose: str) -> Finding:
    """Tell how far two clocks are apart: schedules, leases and charts go by them."""
    found = f"{whose} differ by {abs(seconds):.1f} s"
    if abs(seconds) < MOST_SKEW:
        return Finding(subject, State.OK, found)
    return Finding(subject, State.WARNING, found, "keep both by NTP: `timedatectl set-ntp true`")


def nomad_findings(address: str) -> Iterator[Finding]:
    """Ask Nomad for its leader, and each node for the runtimes that its agent published."""
    import httpx

    headers = {"X-Nomad-Token": os.environ.get("NOMAD_TOKEN", "")}
    verify: Any = os.environ.get("NOMAD_CACERT") or True
    try:
        with httpx.Client(base_url=address, headers=headers, timeout=_PATIENCE, verify=verify) as nomad:
            leader = nomad.get("/v1/status/leader").raise_for_status().json()
            answer = nomad.get("/v1/nodes").raise_for_status()
            nodes = answer.json()
            yield Finding(
                "nomad", State.OK if leader else State.MISSING, f"{address}, leader {leader or 'none'}"
            )
            if "Date" in answer.headers:
                theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
                # The header knows whole seconds alone.
                yield skew("nomad clock", theirs + 0.5 - time.time(), "this machine's and Nomad's")
            yield from access_findings(nomad)
            for node in nodes:
                whole = nomad.get(f"/v1/node/{node['ID']}").raise_for_status().json()
                yield node_finding(whole)
                yield from driver_findings(whole)
    except (httpx.HTTPError, OSError, ValueError) as error:
        advice = "give its address with --nomad-address or NOMAD_ADDR, its token in NOMAD_TOKEN"
        yield Finding("nomad", State.MISSING, f"{address}: {error or type(error).__name__}", advice)


def access_findings(nomad: Any) -> Iterator[Finding]:
    """Look whether our token may do what herdsman does, where access control is on."""
    own = nomad.get("/v1/acl/token/self")
    if own.status_code != HTTPStatus.OK or own.json().get("AccessorID") == ACLS_OFF:
        return  # access control is off, or the token is refused, which the calls before have told
    answer = nomad.get("/v1/vars", params={"prefix": "herdsman/"})
    if answer.status_code == HTTPStatus.FORBIDDEN:
        advice = "give it the policy deploy/nomad/policies/controller.hcl"
        yield Finding(
            "nomad leases", State.MISSING, "this token may not read the variables of leases", advice
        )
        return
    advice = (
        "launchers take leases by the policy deploy/nomad/policies/bots.hcl: without it bots wait for ever"
    )
    yield Finding("nomad leases", State.OPTIONAL, "access control is on", advice)


def driver_findings(node: dict[str, Any]) -> Iterator[Finding]:
    """Look which task drivers of ours a node has: bots run by one of them."""
    if node.get("Status") != "ready":
        return
    drivers = {name: (node.get("Drivers") or {}).get(name) or {} for name in ("raw_exec", "exec")}
    sound = [name for name, one in drivers.items() if one.get("Detected") and one.get("Healthy")]
    subject = f"node {node.get('Name') or node['ID'][:8]} drivers"
    if "raw_exec" in sound:
        yield Finding(subject, State.OK, ", ".join(sound))
        return
    advice = (
        'enable it in the client\'s configuration: plugin "raw_exec" { config { enabled = true } }; '
        "`herdsman up --nomad-driver exec` runs bots by exec, the agent needs raw_exec"
    )
    said = drivers["raw_exec"].get("HealthDescription") or "raw_exec is not enabled"
    yield Finding(subject, State.WARNING if sound else State.MISSING, said, advice)


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
