"""Folding events into what is known of placements."""

from controller.schedulers.nomad.events import NomadEvent
from controller.schedulers.nomad.knowledge import Knowledge
from controller.schedulers.nomad.reading import Placement, job_record

PREFIX = "demo-abc234."


def allocation(identity: str, index: int, status="running", job="demo-abc234.maker", node="n1") -> NomadEvent:
    payload = {
        "ID": identity,
        "JobID": job,
        "NodeID": node,
        "NodeName": "one",
        "ClientStatus": status,
        "CreateIndex": int(identity[1:]),
        "ModifyIndex": index,
        "TaskStates": {"bot": {"State": "running"}},
    }
    return NomadEvent("Allocation", "AllocationUpdated", identity, index, payload)


def node(status: str, index: int) -> NomadEvent:
    payload = {"ID": "n1", "Name": "one", "Status": status, "ModifyIndex": index}
    return NomadEvent("Node", "NodeEvent", "n1", index, payload)


def test_other_peoples_jobs_move_nothing():
    """Events of the rest of the cluster are not kept."""
    known = Knowledge(PREFIX)
    assert known.fold(allocation("a1", 5, job="web")) == ()
    assert known.placements == {}


def test_newer_knowledge_is_never_replaced_by_older():
    """A listing may be newer than an event that arrives after it."""
    known = Knowledge(PREFIX)
    known.fold(allocation("a1", 9, status="complete"))
    known.fold(allocation("a1", 5))
    (held,) = known.of("demo-abc234.maker")
    assert held.client_status == "complete"


def test_only_the_newest_ended_allocation_is_kept():
    """A bot that is updated for years takes no more room than another."""
    known = Knowledge(PREFIX)
    for index in range(1, 50):
        known.fold(allocation(f"a{index}", index, status="complete"))
    known.fold(allocation("a60", 60))
    assert [item.id for item in known.of("demo-abc234.maker")] == ["a60", "a49"]


def test_runs_are_kept_under_their_bot():
    """An allocation of a periodic child moves the scheduled bot."""
    known = Knowledge(PREFIX)
    moved = known.fold(allocation("a1", 5, job="demo-abc234.maker/periodic-1700000000"))
    assert moved == (("demo-abc234.maker", "a1"),)


def test_node_that_goes_down_moves_its_bots():
    """Bots on it are looked at again; a mere update of the node moves nobody."""
    known = Knowledge(PREFIX)
    known.fold(node("ready", 1))
    known.fold(allocation("a1", 5))
    assert known.fold(node("ready", 6)) == ()
    assert known.fold(node("down", 7)) == (("demo-abc234.maker", "a1"),)


def test_blockage_is_kept_until_an_evaluation_places():
    """The reason of waiting comes and goes with evaluations."""
    known = Knowledge(PREFIX)
    failed = {"bot": {"DimensionExhausted": {"memory": 1}}}
    evaluation = {
        "JobID": "demo-abc234.maker",
        "Status": "blocked",
        "ModifyIndex": 3,
        "FailedTGAllocs": failed,
    }
    assert known.fold(NomadEvent("Evaluation", "", "e1", 3, evaluation)) == (("demo-abc234.maker", ""),)
    assert known.blockages["demo-abc234.maker"].reason == "no_capacity"
    placed = {**evaluation, "Status": "complete", "FailedTGAllocs": None}
    known.fold(NomadEvent("Evaluation", "", "e1", 4, placed))
    assert known.blockages == {}


def test_gone_jobs_are_forgotten_but_not_what_may_run():
    """A purged job's ended allocations go, a living one stays known."""
    known = Knowledge(PREFIX)
    known.fold(allocation("a1", 5, status="complete"))
    known.fold(allocation("a2", 6, job="demo-abc234.taker"))
    known.forget(iter([]))
    assert set(known.placements) == {"demo-abc234.taker"}


def test_events_older_than_the_listing_bring_nothing_back():
    """Nomad replays its buffer to a new reader."""
    known = Knowledge(PREFIX)
    listed = Placement("a9", "demo-abc234.maker", "n1", "one", "running", "run", "running", None, 0.0, 9, 9)
    known.fill([listed], [], [])
    known.fold(allocation("a1", 5))
    assert [item.id for item in known.of("demo-abc234.maker")] == ["a9"]


def job(index: int, kind="JobRegistered", **more) -> NomadEvent:
    payload = {
        "ID": "demo-abc234.maker",
        "JobModifyIndex": index,
        "Meta": {"herdsman.spec": f"s{index}"},
        **more,
    }
    return NomadEvent("Job", kind, "demo-abc234.maker", index, payload)


def test_a_job_is_known_from_its_events():
    """What an event says of a job is kept, and nothing older replaces it."""
    known = Knowledge(PREFIX)
    known.fold(job(7, Stop=True))
    known.fold(job(5))
    assert known.jobs["demo-abc234.maker"].token == "7s"
    known.fold(job(9))
    assert known.jobs["demo-abc234.maker"].meta == {"herdsman.spec": "s9"}


def test_a_deregistered_job_is_not_known_any_more():
    """Whether it was stopped or purged can only be asked."""
    known = Knowledge(PREFIX)
    known.fold(job(7))
    assert known.fold(job(8, "JobDeregistered")) == (("demo-abc234.maker", ""),)
    assert known.jobs == {}


def test_runs_are_no_jobs_of_their_own():
    """A run of a scheduled bot carries its parent's mark; it is not the bot."""
    known = Knowledge(PREFIX)
    known.fold(job(7, ID="demo-abc234.maker/periodic-17", ParentID="demo-abc234.maker"))
    assert known.jobs == {}


def test_a_job_that_no_listing_has_is_asked_for_again():
    """What a listing lacks is not believed from events."""
    known = Knowledge(PREFIX)
    known.fold(job(7))
    known.forget(["demo-abc234.other"])
    assert known.jobs == {}


def test_a_listing_corrects_what_a_late_answer_made_known():
    """A job that was stopped before our own change was answered is not taken for running for ever."""
    known = Knowledge(PREFIX)
    ours = job_record({"ID": "demo-abc234.maker", "JobModifyIndex": 7})
    known.take(ours)
    known.check([ours])
    assert known.jobs
    known.check([job_record({"ID": "demo-abc234.maker", "JobModifyIndex": 9, "Stop": True})])
    assert not known.jobs
