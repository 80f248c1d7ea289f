"""A bot's phase, read from its job, its placements and their nodes."""

import pytest

from controller.schedulers.nomad.observing import is_ours, lost_sight_of, observed
from controller.schedulers.nomad.reading import Blockage, JobRecord, NodeRecord, Placement
from controller.schedulers.protocol import Phase

READY = {"n1": NodeRecord("n1", "one", "ready", 1), "n2": NodeRecord("n2", "two", "ready", 1)}
META = {
    "herdsman.fleet": "demo-abc234",
    "herdsman.bot": "maker",
    "herdsman.spec": "d1",
    "herdsman.revision": "c0ffee",
}


def job(**fields) -> JobRecord:
    known = {
        "id": "demo-abc234.maker",
        "parent": "",
        "modify_index": 7,
        "stopped": False,
        "status": "running",
        "periodic": False,
        "meta": META,
        "active": 0,
        "queued": 0,
    }
    return JobRecord(**{**known, **fields})


def placed(client="running", task="running", node="n1", index=1, desired="run", event="Started") -> Placement:
    return Placement(
        id=f"a{index}",
        job="demo-abc234.maker",
        node=node,
        node_name=f"node-{node}",
        client_status=client,
        desired_status=desired,
        task_state=task,
        started_at=100.0,
        created_at=99.0,
        created_index=index,
        modify_index=index,
        event=event,
        message="words of Nomad",
    )


def phase(record: JobRecord, *placements: Placement, nodes=READY, blocked=None) -> tuple[Phase, str]:
    bot = observed(record, placements, nodes, blocked, None)
    return bot.phase, bot.reason


def test_running_launcher_is_running():
    """Task and allocation run on a ready node."""
    bot = observed(job(), [placed()], READY, None, None)
    assert (bot.phase, bot.allocation, bot.node, bot.copies) == (Phase.RUNNING, "a1", "node-n1", 1)
    assert bot.started_at == 100.0
    assert (bot.spec, bot.revision, bot.token) == ("d1", "c0ffee", "7")


def test_token_follows_the_job_and_not_its_fate():
    """A placement that comes or goes changes no token; stopping does."""
    assert (
        observed(job(), [], READY, None, None).token
        == observed(job(status="dead"), [placed()], READY, None, None).token
    )
    assert observed(job(stopped=True), [], READY, None, None).token == "7s"


def test_unplaced_bot_says_why():
    """An evaluation that found no node gives its reason."""
    blocked = Blockage("demo-abc234.maker", "no_runtime", "no node offers", 3)
    assert phase(job(), blocked=blocked) == (Phase.PENDING, "no_runtime")
    assert phase(job()) == (Phase.PENDING, "placing")


def test_missing_runtime_is_told_as_all_that_is_needed():
    """What an old evaluation lacked may be there since; another reason keeps its own words."""
    needy = job(meta=META | {"herdsman.needs": "Node.js 20 or newer, Python 3.11 or newer"})
    old = Blockage("demo-abc234.maker", "no_runtime", "no node offers the Python that this bot needs", 3)
    message = observed(needy, [], READY, old, None).message
    assert message.startswith("no node offers all that it needs: Node.js 20 or newer, Python 3.11 or newer")
    assert "herdsman agent" in message
    full = Blockage("demo-abc234.maker", "no_capacity", "no node has room", 3)
    assert observed(needy, [], READY, full, None).message == "no node has room"


def test_artifact_failure_is_the_reason_of_waiting():
    """Nomad's words of the last event become the message."""
    bot = observed(job(), [placed("pending", "pending", event="Failed Artifact Download")], READY, None, None)
    assert (bot.phase, bot.reason) == (Phase.PENDING, "artifact")
    assert "words of Nomad" in bot.message


def test_update_waits_for_the_old_copy():
    """While the old copy ends, the new one is pending and both are counted."""
    bot = observed(
        job(), [placed("pending", "pending", index=2, event=""), placed(desired="stop")], READY, None, None
    )
    assert (bot.phase, bot.reason, bot.copies) == (Phase.PENDING, "replacing", 2)


def test_stopped_needs_the_nodes_own_word():
    """A stopped job is stopping until its node reports the end of its last allocation."""
    assert phase(job(stopped=True), placed(desired="stop"))[0] is Phase.STOPPING
    assert phase(job(stopped=True), placed("complete", "dead"))[0] is Phase.STOPPED
    assert phase(job(stopped=True, active=1))[0] is Phase.STOPPING


def test_silent_node_is_lost_and_never_stopped():
    """Down, disconnected or unknown: the bot may still run there, whatever the servers believe."""
    down = {"n1": NodeRecord("n1", "one", "down", 2)}
    assert phase(job(), placed(), nodes=down) == (Phase.LOST, "node_down")
    assert phase(job(stopped=True), placed("lost", "running"), nodes=down)[0] is Phase.LOST
    assert phase(job(), placed("unknown", "running"))[0] is Phase.LOST


WAITS = META | {"herdsman.fail-over": "60"}


@pytest.mark.parametrize(
    ("record", "silent_for", "replaceable"),
    [
        (job(meta=WAITS), 59.0, False),
        (job(meta=WAITS), 60.0, True),
        (job(meta=WAITS, stopped=True), 900.0, False),
        (job(), 9000.0, False),
    ],
)
def test_bot_may_be_placed_elsewhere_once_its_node_was_silent_for_long(record, silent_for, replaceable):
    """As long as its job says; never a stopped one, nor one whose job says nothing."""
    nodes = READY | {"n1": NodeRecord("n1", "one", "down", 2)}
    bot = observed(record, [placed("unknown", "running")], nodes, None, None, silent_for)
    assert (bot.phase, bot.replaceable) == (Phase.LOST, replaceable)


def test_only_a_placement_that_the_servers_gave_up_is_lost_sight_of():
    """Not one whose node has just gone, is back, or was overtaken by a newer one."""
    down = READY | {"n1": NodeRecord("n1", "one", "down", 2)}
    lost = placed("unknown", "running")
    assert lost_sight_of([lost], down) == lost
    assert lost_sight_of([placed()], down) is None
    assert lost_sight_of([lost], READY) is None
    assert lost_sight_of([placed(node="n2", index=2), lost], down) is None


def test_newer_copy_on_a_living_node_counts():
    """After a failover the bot runs, though Nomad keeps the old copy as unknown for an hour."""
    old = placed("unknown", "running", node="n1", index=1)
    bot = observed(job(), [placed(node="n2", index=2), old], READY, None, None)
    assert (bot.phase, bot.node, bot.copies) == (Phase.RUNNING, "node-n2", 2)
    assert "node-n1" in bot.message
    assert phase(job(stopped=True), placed("complete", "dead", node="n2", index=2), old)[0] is Phase.LOST


def test_node_that_is_gone_from_the_cluster_holds_nothing_back():
    """An allocation of a node that Nomad forgot counts as ended."""
    assert phase(job(stopped=True), placed("lost", "running", node="gone"))[0] is Phase.STOPPED


def test_scheduled_bot_between_runs_is_idle():
    """Without a living run it waits for its slot."""
    bot = observed(job(periodic=True), [placed("complete", "dead")], READY, None, 500.0)
    assert (bot.phase, bot.next_run, bot.scheduled) == (Phase.IDLE, 500.0, True)
    assert phase(job(periodic=True), placed()) == (Phase.RUNNING, "")


def test_reason_of_a_stop_is_read_back():
    """Why it was stopped is with the scheduler, also when our database is gone."""
    record = job(stopped=True, meta={**META, "herdsman.stopped": "suspended by ann"})
    assert observed(record, [], READY, None, None).suspended == {"reason": "suspended by ann"}


def test_only_jobs_with_the_fleets_mark_are_ours():
    """Another fleet's, an unmarked one, the agent's and a run of a scheduled bot are not bots of ours."""
    assert is_ours(job(), "demo-abc234")
    assert not is_ours(job(), "demo-zzz999")
    assert not is_ours(job(meta={}), "demo-abc234")
    assert not is_ours(job(meta={"herdsman.fleet": "demo-abc234"}), "demo-abc234")
    assert not is_ours(job(parent="demo-abc234.maker"), "demo-abc234")
