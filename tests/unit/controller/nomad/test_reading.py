"""Parsing Nomad's answers."""

import pytest

from controller.schedulers.nomad.api import translate
from controller.schedulers.nomad.events import parse
from controller.schedulers.nomad.reading import blockage, changed_names, parent_of, placement
from schemas.errors import Conflict, NotFound, SchedulerRefused, SchedulerUnavailable


def evaluation(**metric):
    return {"JobID": "f.a", "ModifyIndex": 5, "FailedTGAllocs": {"bot": metric}}


def test_missing_interpreter_is_no_runtime():
    """A constraint on the published Python is named for what it means."""
    found = blockage(evaluation(ConstraintFiltered={"${meta.herdsman_python_3_14} is_set ": 2}))
    assert found.reason == "no_runtime"
    assert "herdsman agent" in found.message


def test_missing_nodejs_is_no_runtime():
    """A Node bot's constraint is named for what it means, also beside the launcher's Python."""
    found = blockage(evaluation(ConstraintFiltered={"${meta.herdsman_node} is_set ": 2}))
    assert found.reason == "no_runtime"
    assert "Node.js 20" in found.message


def test_an_older_c_library_is_no_runtime():
    """What a compiled bot waits for is said with its version."""
    found = blockage(evaluation(ConstraintFiltered={"${meta.herdsman_glibc} version >= 2.36": 1}))
    assert found.reason == "no_runtime"
    assert "it needs glibc >= 2.36" in found.message


def test_full_cluster_is_no_capacity():
    """What is exhausted is counted per node."""
    found = blockage(evaluation(DimensionExhausted={"memory": 3}))
    assert (found.reason, found.message) == ("no_capacity", "no node has room: memory (3 nodes)")


def test_empty_cluster_is_no_node():
    """No node was even looked at."""
    assert blockage(evaluation(NodesEvaluated=0)).reason == "no_node"


def test_evaluation_that_placed_has_no_reason():
    """Nothing failed."""
    assert blockage({"JobID": "f.a", "ModifyIndex": 5, "FailedTGAllocs": None}).reason == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00.123456789Z", 1767225600.123456),
        ("2026-01-01T01:00:00+01:00", 1767225600.0),
        ("2026-01-01T00:00:00Z", 1767225600.0),
        ("0001-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_start_is_read_from_gos_times(text, seconds):
    """Nanoseconds, zones and the zero time."""
    stub = {
        "ID": "a",
        "JobID": "f.a",
        "CreateIndex": 1,
        "ModifyIndex": 2,
        "TaskStates": {"bot": {"StartedAt": text}},
    }
    assert placement(stub).started_at == seconds


def test_failure_is_told_while_nomad_tries_again():
    """The announcement of the next try does not hide why the last one failed."""
    events = [
        {"Type": "Received"},
        {"Type": "Failed Artifact Download", "DisplayMessage": "connection refused"},
        {"Type": "Restarting", "DisplayMessage": "in 2s"},
    ]
    stub = {
        "ID": "a",
        "JobID": "f.a",
        "CreateIndex": 1,
        "ModifyIndex": 2,
        "TaskStates": {"bot": {"Events": events}},
    }
    assert (placement(stub).event, placement(stub).message) == (
        "Failed Artifact Download",
        "connection refused",
    )


def test_a_task_that_was_killed_for_memory_is_told_so():
    """Nomad's flag goes before its own words."""
    killed = {"Type": "Terminated", "DisplayMessage": "Exit Code: 137", "Details": {"oom_killed": "true"}}
    stub = {"ID": "a", "JobID": "f.a", "CreateIndex": 1, "ModifyIndex": 2}
    told = placement({**stub, "TaskStates": {"bot": {"Events": [killed]}}})
    assert (told.event, told.message) == ("Terminated", "killed by the kernel for memory: Exit Code: 137")


def test_run_of_a_scheduled_bot_belongs_to_its_parent():
    """Nomad names a run after its job."""
    assert parent_of("f.a/periodic-1700000000") == "f.a"
    assert parent_of("f.a") == "f.a"


def test_heartbeats_hold_no_events():
    """Empty objects and blank lines are signs of life only."""
    assert parse("{}") == parse("") == []


def test_error_in_the_stream_is_raised():
    """Nomad reports a failed subscription inside the stream."""
    with pytest.raises(ValueError, match="closed"):
        parse('{"Error": {"Code": 500, "Message": "subscription closed by server"}}')


def test_event_is_parsed_with_its_object():
    """Topic, index and the object are enough to fold it."""
    (event,) = parse(
        '{"Index": 9, "Events": [{"Topic": "Job", "Key": "f.a", "Payload": {"Job": {"ID": "f.a"}}}]}'
    )
    assert (event.topic, event.key, event.index, event.payload) == ("Job", "f.a", 9, {"ID": "f.a"})


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (500, "Enforcing job modify index 5: job exists with conflicting job modify index: 7", Conflict),
        (404, "job not found", NotFound),
        (403, "Permission denied", SchedulerRefused),
        (409, "held", Conflict),
        (400, "bad", SchedulerRefused),
        (500, "1 error occurred:\n* Missing job ID", SchedulerRefused),
        (500, "No cluster leader", SchedulerUnavailable),
        (429, "too many", SchedulerUnavailable),
    ],
)
def test_foreign_errors_become_ours(status, text, kind):
    """Each answer of Nomad's is terminal, transient or a conflict."""
    assert isinstance(translate(status, text, "http://nomad:4646"), kind)


def test_what_a_plan_would_change_is_named_without_a_value_that_may_be_secret():
    """Numbers are shown with ours beside them; of anything else only its name."""
    env = {"Type": "Edited", "Name": "Env[KEY]", "Old": "s3cret", "New": "other"}
    cpu = {"Type": "Edited", "Name": "CPU", "Old": "900", "New": "100"}
    same = {"Type": "None", "Name": "Driver", "Old": "raw_exec", "New": "raw_exec"}
    task = {
        "Type": "Edited",
        "Name": "bot",
        "Fields": [env, same],
        "Objects": [{"Type": "Edited", "Name": "Resources", "Fields": [cpu]}],
    }
    count = {"Type": "Edited", "Name": "Count", "Old": "2", "New": "1"}
    groups = [{"Type": "Edited", "Name": "bot", "Fields": [count], "Tasks": [task]}]
    meta = {"Type": "Deleted", "Name": "Meta[stranger]", "Old": "1", "New": ""}
    diff = {"Type": "Edited", "Fields": [meta], "TaskGroups": groups}
    assert changed_names(diff) == (
        "Meta[stranger]",
        "Count 2 (ours: 1)",
        "Env[KEY]",
        "Resources.CPU 900 (ours: 100)",
    )
    assert changed_names({"Type": "None"}) == ()
    assert changed_names({"Type": "Edited"}) == ("a part that Nomad does not name",)
