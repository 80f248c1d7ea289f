"""What Nomad's answers say: job stubs, placements, nodes and evaluations, parsed once.

Pure: dicts of Nomad's API come in here and only values go out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

META_FLEET = "herdsman.fleet"
META_BOT = "herdsman.bot"
META_SPEC = "herdsman.spec"
META_REVISION = "herdsman.revision"
META_COMPONENT = "herdsman.component"
"""Which part of herdsman a job is that runs no bot."""
META_TYPE = "herdsman.type"
META_SCHEDULE = "herdsman.schedule"
META_TIMEZONE = "herdsman.timezone"
META_NEEDS = "herdsman.needs"
"""What a bot's node must offer, in words."""
META_FAIL_OVER = "herdsman.fail-over"
"""Seconds of its node's silence after which a bot is placed on another."""
META_STOPPED = "herdsman.stopped"
"""The reason that a stopped job of ours was stopped for."""
META_RULE = "herdsman.rule"
"""The key of the rule that a stopped job of ours was stopped by."""
META_SCOPES = "herdsman.scopes"
"""What rules a bot is under: a JSON list, in base64 since Nomad interpolates what users write."""

TASK = "bot"
"""The name of the one task (and task group) of every job of ours."""

_CHILD = "/periodic-"
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
_ANNOUNCEMENTS = frozenset({"Received", "Task Setup", "Downloading Artifacts", "Restarting"})
_REPORTED_END = frozenset({"complete", "failed"})


def parent_of(job_id: str) -> str:
    """Return the id of the job that a run belongs to, which for other jobs is their own."""
    return job_id.split(_CHILD, 1)[0]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as a listing shows it. `active` counts allocations that Nomad holds for alive."""

    id: str
    parent: str
    modify_index: int
    stopped: bool
    status: str
    periodic: bool
    meta: Mapping[str, str]
    active: int
    queued: int
    namespace: str = "default"
    count: int = 1
    """How many copies it asks for; a listing does not tell, which counts as the one that each bot has."""
    kind: str = ""
    submitted_at: float | None = None

    @property
    def token(self) -> str:
        """The compare-and-set token: it changes with the job, never with how the job fares."""
        return f"{self.modify_index}{'s' if self.stopped else ''}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable's items, and the index to write it by compare-and-set (0: there is none)."""

    items: Mapping[str, str]
    index: int
    locked: bool = False
    """Whether somebody holds its lock."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One allocation. Times are Unix seconds."""

    id: str
    job: str
    node: str
    node_name: str
    client_status: str
    desired_status: str
    task_state: str
    started_at: float | None
    created_at: float
    created_index: int
    modify_index: int
    event: str = ""
    """Type of the task's last event, such as "Failed Artifact Download"."""
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether its *node* reported that it is over; "lost" is only the servers' belief."""
        return self.client_status in _REPORTED_END

    @property
    def unreachable(self) -> bool:
        """Whether the servers do not know how it fares."""
        return self.client_status in {"unknown", "lost"}


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node; `status` is Nomad's (ready, down, disconnected, initializing)."""

    id: str
    name: str
    status: str
    modify_index: int


@dataclass(frozen=True, slots=True)
class Blockage:
    """Why an evaluation placed nothing: our reason word and a text; reason "" means that it did place."""

    job: str
    reason: str
    message: str
    modify_index: int


def job_record(stub: Mapping[str, Any]) -> JobRecord:
    """Parse an item of `GET /v1/jobs?meta=true`."""
    groups = ((stub.get("JobSummary") or {}).get("Summary") or {}).values()
    return JobRecord(
        id=stub["ID"],
        parent=stub.get("ParentID") or "",
        modify_index=stub["JobModifyIndex"],
        stopped=bool(stub.get("Stop")),
        status=stub.get("Status") or "",
        periodic=bool(stub.get("Periodic")),
        meta=stub.get("Meta") or {},
        active=sum(group.get(key, 0) for group in groups for key in ("Starting", "Running", "Unknown")),
        queued=sum(group.get("Queued", 0) for group in groups),
        namespace=stub.get("Namespace") or "default",
        count=sum(_counts_of(stub)) if stub.get("TaskGroups") else 1,
        kind=stub.get("Type") or "",
        submitted_at=stub["SubmitTime"] / 1e9 if stub.get("SubmitTime") else None,
    )


def _counts_of(job: Mapping[str, Any]) -> Iterator[int]:
    """Yield the count of each task group; Nomad takes one that is not there for 1."""
    return (1 if group.get("Count") is None else group["Count"] for group in job["TaskGroups"])


def placement(stub: Mapping[str, Any]) -> Placement:
    """Parse an allocation, from a listing (with task states) or from an event."""
    state = (stub.get("TaskStates") or {}).get(TASK) or {}
    event, message = _last_event(state.get("Events") or ())
    return Placement(
        id=stub["ID"],
        job=stub["JobID"],
        node=stub.get("NodeID") or "",
        node_name=stub.get("NodeName") or "",
        client_status=stub.get("ClientStatus") or "pending",
        desired_status=stub.get("DesiredStatus") or "run",
        task_state=state.get("State") or "pending",
        started_at=_moment(state.get("StartedAt")),
        created_at=stub.get("CreateTime", 0) / 1e9,
        created_index=stub["CreateIndex"],
        modify_index=stub["ModifyIndex"],
        event=event,
        message=message,
    )


def node_record(stub: Mapping[str, Any]) -> NodeRecord:
    """Parse a node, from a listing or from an event."""
    return NodeRecord(stub["ID"], stub.get("Name") or "", stub.get("Status") or "", stub["ModifyIndex"])


def changed_names(diff: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what a plan of Nomad's would change of a job, such as `Priority 70 (ours: 50)` or `Meta[owner]`.

    Only plain numbers are shown: anything else may hold what nobody is to see.
    """
    if diff.get("Type") == "None":
        return ()
    return tuple(_changes(diff)) or ("a part that Nomad does not name",)


def _changes(diff: Mapping[str, Any]) -> Iterator[str]:
    for field in diff.get("Fields") or ():
        if field.get("Type") != "None":
            yield _change(field)
    for key in ("Objects", "TaskGroups", "Tasks"):
        for part in diff.get(key) or ():
            if part.get("Type") != "None":
                about = f"{part['Name']}." if key == "Objects" else ""
                yield from (f"{about}{name}" for name in _changes(part))


def _change(field: Mapping[str, Any]) -> str:
    name, theirs, ours = field["Name"], field.get("Old") or "", field.get("New") or ""
    return f"{name} {theirs} (ours: {ours})" if theirs.isdigit() and ours.isdigit() else name


def blockage(evaluation: Mapping[str, Any]) -> Blockage:
    """Say in words why an evaluation could not place a bot."""
    failed = evaluation.get("FailedTGAllocs") or {}
    metric = failed.get(TASK) or next(iter(failed.values()), None)
    reason, message = _why(metric) if metric else ("", "")
    return Blockage(evaluation["JobID"], reason, message, evaluation["ModifyIndex"])


def _why(metric: Mapping[str, Any]) -> tuple[str, str]:
    filtered = metric.get("ConstraintFiltered") or {}
    exhausted = metric.get("DimensionExhausted") or {}
    if any("cpu.arch" in text for text in filtered) and not exhausted:
        return "no_runtime", f"no node has the processor that it was built for: {_counts(filtered)}"
    if any("herdsman_node" in text for text in filtered) and not exhausted:
        return "no_runtime", (
            "no node offers the Node.js 20 or newer that this bot needs: install it on a node and run "
            "`herdsman agent` there"
        )
    if any("herdsman_glibc" in text for text in filtered) and not exhausted:
        needed = next(text for text in filtered if "herdsman_glibc" in text).rpartition(" version ")[2]
        return "no_runtime", (
            f"no node can run what was built for it: it needs glibc {needed or 'of its own'}; run `herdsman "
            "agent` on a node that has it, or herdsman itself on a machine as old as the nodes"
        )
    if any("herdsman_python" in text for text in filtered) and not exhausted:
        return "no_runtime", (
            "no node offers the Python that this bot needs: run `herdsman agent` on a node that has it"
        )
    if exhausted:
        return "no_capacity", f"no node has room: {_counts(exhausted)}"
    if filtered:
        return "no_node", f"no node fits: {_counts(filtered)}"
    return "no_node", "no node of the cluster can take this bot (none is ready, or none is in its node pool)"


def _counts(of: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count} node{'s' if count > 1 else ''})" for name, count in sorted(of.items()))


def _last_event(events: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return type and text of the last event that tells something, rather than announces the next try."""
    telling = [event for event in events if event.get("Type") not in _ANNOUNCEMENTS]
    last: Mapping[str, Any] = next(iter([*telling[-1:], *events[-1:]]), {})
    message = last.get("DisplayMessage") or last.get("Message") or ""
    starved = (last.get("Details") or {}).get("oom_killed") == "true"
    return last.get("Type") or "", f"killed by the kernel for memory: {message}" if starved else message


def _moment(text: str | None) -> float | None:
    """Parse Go's RFC 3339, whose fractions have up to nine digits and whose zero time is the year 1."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(_NANOSECONDS.sub(r"\1", text)).timestamp()
