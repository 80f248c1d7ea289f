"""One bot's observed state from its job, its placements and their nodes: pure."""

import base64
import json
from collections.abc import Mapping, Sequence

from controller.schedulers.nomad.reading import (
    META_BOT,
    META_FAIL_OVER,
    META_FLEET,
    META_NEEDS,
    META_REVISION,
    META_RULE,
    META_SCHEDULE,
    META_SCOPES,
    META_SPEC,
    META_STOPPED,
    META_TIMEZONE,
    Blockage,
    JobRecord,
    NodeRecord,
    Placement,
)
from controller.schedulers.protocol import ObservedBot, Phase
from schemas.errors import SchedulerUnavailable
from schemas.quantities import format_duration

_FAILURES = {
    "Failed Artifact Download": "artifact",
    "Driver Failure": "driver",
    "Setup Failure": "setup",
    "Failed Validation": "setup",
    "Not Restarting": "failed",
    "Terminated": "launcher_died",
}


def is_ours(job: JobRecord, fleet: str) -> bool:
    """Whether a job carries this fleet's mark and is a bot (not one run of a scheduled one)."""
    return not job.parent and job.meta.get(META_FLEET) == fleet and bool(job.meta.get(META_BOT))


def lost_its_mark(job: JobRecord, prefix: str) -> bool:
    """Whether a job has the id of a bot of ours (`prefix` and a name) and no fleet's mark at all."""
    return not job.parent and job.id.startswith(prefix) and META_FLEET not in job.meta


def observed(
    job: JobRecord,
    placements: Sequence[Placement],
    nodes: Mapping[str, NodeRecord],
    blocked: Blockage | None,
    next_run: float | None,
    silent_for: float = 0.0,
    name: str = "",
) -> ObservedBot:
    """Return the bot of a job; `placements` is the newest first and includes its runs'.

    `name` is the bot's where the job does not say so itself. `silent_for`: how many seconds ago its placement
    was first seen to be on a silent node.
    """
    live = [item for item in placements if may_live(item, nodes)]
    current = next(iter(live), None) or next(iter(placements), None)
    phase, reason, message = _phase(job, live, nodes, blocked)
    return ObservedBot(
        name=job.meta.get(META_BOT) or name,
        fleet=job.meta.get(META_FLEET, ""),
        spec=job.meta.get(META_SPEC, ""),
        revision=job.meta.get(META_REVISION, ""),
        token=job.token,
        phase=phase,
        allocation=current.id if current else "",
        node=current.node_name if current else "",
        started_at=live[0].started_at if live else None,
        copies=len(live),
        reason=reason,
        message=message,
        scheduled=job.periodic,
        next_run=next_run if not job.stopped else None,
        suspended=_suspension(job),
        replaceable=phase is Phase.LOST and may_fail_over(job, silent_for),
        scopes=_scopes(job),
        count=job.count,
    )


def schedule_of(job: JobRecord) -> tuple[str, str]:
    """Return a scheduled bot's cron expression and time zone, as its job carries them."""
    return job.meta.get(META_SCHEDULE, ""), job.meta.get(META_TIMEZONE) or "UTC"


def may_live(item: Placement, nodes: Mapping[str, NodeRecord]) -> bool:
    """Whether an allocation is not known to be over: its node has not said so, and still exists."""
    return not item.ended and (not item.node or item.node in nodes)


def on_silent_node(item: Placement, nodes: Mapping[str, NodeRecord]) -> bool:
    """Whether an allocation's node cannot be asked now; the bot may well run there."""
    node = nodes.get(item.node)
    return item.unreachable or (node is not None and node.status != "ready")


def out_of_reach(
    live: Sequence[Placement], nodes: Mapping[str, NodeRecord], *, all_of_them: bool = False
) -> Placement | None:
    """Return the placement on a silent node that keeps a bot from being changed, if there is one.

    `live` is the newest first, and only the newest counts: once a newer copy has its node, an older one on a
    silent node has lost its lease or keeps the newer waiting. For a bot to be stopped, all count.
    """
    return next((item for item in (live if all_of_them else live[:1]) if on_silent_node(item, nodes)), None)


def check_reachable(bot: str, placements: Sequence[Placement], nodes: Mapping[str, NodeRecord]) -> None:
    """Raise SchedulerUnavailable where a bot may run on a silent node, so that it cannot be changed."""
    silent = out_of_reach([item for item in placements if may_live(item, nodes)], nodes)
    if silent is not None:
        raise SchedulerUnavailable(
            f"node {silent.node_name} of {bot} does not answer Nomad, and the bot may run there: "
            "nothing is changed until the node is back or has been declared gone"
        )


def may_fail_over(job: JobRecord, silent_for: float) -> bool:
    """Whether a bot's node has been silent for so long that a copy may be placed elsewhere, to wait there.

    What keeps the two from meeting is the lease alone: the wait only saves a bot from moving for a moment's
    silence. A job of an older herdsman does not say how long; its bot waits for its node.
    """
    after = job.meta.get(META_FAIL_OVER, "")
    return not job.stopped and bool(after) and silent_for >= float(after)


def lost_sight_of(placements: Sequence[Placement], nodes: Mapping[str, NodeRecord]) -> Placement | None:
    """Return a bot's newest placement if the servers themselves gave up on hearing of it."""
    silent = out_of_reach([item for item in placements if may_live(item, nodes)], nodes)
    if silent is None or not silent.unreachable:
        return None
    node = nodes.get(silent.node)
    return silent if node is None or node.status != "ready" else None


def _phase(
    job: JobRecord,
    live: Sequence[Placement],
    nodes: Mapping[str, NodeRecord],
    blocked: Blockage | None,
) -> tuple[Phase, str, str]:
    silent = out_of_reach(live, nodes, all_of_them=job.stopped)
    if silent is not None:
        return (
            Phase.LOST,
            "node_down",
            (f"node {silent.node_name} does not answer Nomad: the bot may still run there{_next(job)}"),
        )
    if job.stopped:
        return (Phase.STOPPING, "", "") if live or job.active else (Phase.STOPPED, "", "")
    if live:
        return _placed(live)
    if blocked is not None:
        return Phase.PENDING, blocked.reason, _waits_for(job, blocked)
    if job.periodic:
        return Phase.IDLE, "", ""
    return Phase.PENDING, "placing", "Nomad is looking for a node"


def _next(job: JobRecord) -> str:
    """Return what will be done for a bot on a silent node."""
    after = job.meta.get(META_FAIL_OVER, "")
    if job.stopped or not after:
        return ""
    return f"; after {format_duration(float(after))} it is placed on another, where it waits for its lease"


def _waits_for(job: JobRecord, blocked: Blockage) -> str:
    """Return why a bot is not placed; a missing runtime as all that its node must offer.

    Nomad tells what was missing at its last complete evaluation, which is old news where a node has offered
    a part of it since.
    """
    needs = job.meta.get(META_NEEDS, "")
    if blocked.reason != "no_runtime" or not needs:
        return blocked.message
    return f"no node offers all that it needs: {needs}; `herdsman agent` on a node tells what is there"


def _placed(live: Sequence[Placement]) -> tuple[Phase, str, str]:
    newest, older = live[0], live[1:]
    if newest.client_status == "running" and newest.task_state == "running":
        silent = next((item for item in older if item.unreachable), None)
        words = f"an older copy was on node {silent.node_name}, which does not answer" if silent else ""
        return Phase.RUNNING, "", words
    if newest.desired_status != "run":
        return Phase.PENDING, "replacing", "the old copy is ending"
    reason = _FAILURES.get(newest.event, "")
    if reason:
        return Phase.PENDING, reason, f"on node {newest.node_name}: {newest.message or newest.event}"
    if older:
        return Phase.PENDING, "replacing", "the new copy waits for the end of the old one"
    return Phase.PENDING, "starting", newest.message


def _suspension(job: JobRecord) -> Mapping[str, str] | None:
    reason = job.meta.get(META_STOPPED)
    if not job.stopped or not reason:
        return None
    rule = job.meta.get(META_RULE)
    return {"reason": reason} | ({"rule": rule} if rule else {})


def _scopes(job: JobRecord) -> frozenset[str]:
    try:
        return frozenset(json.loads(base64.b64decode(job.meta.get(META_SCOPES, ""), validate=True)))
    except (ValueError, TypeError):  # an older herdsman rendered it
        return frozenset()
