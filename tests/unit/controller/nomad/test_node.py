"""What a node publishes, and the agent's own job."""

import json

from controller.schedulers.nomad.agent_job import render_agent
from controller.schedulers.nomad.node import metadata
from controller.schedulers.nomad.settings import NomadSettings


def test_interpreters_are_published_by_minor_version():
    """The newest is also the one for bots that need no version."""
    published = metadata({"3.9": "/a", "3.11": "/b", "3.12": "/c"}, "/state", "/cache")
    assert published == {
        "herdsman_python_3_9": "/a",
        "herdsman_python_3_11": "/b",
        "herdsman_python_3_12": "/c",
        "herdsman_python": "/c",
        "herdsman_node": None,
        "herdsman_glibc": None,
        "herdsman_state_root": "/state",
        "herdsman_cache_root": "/cache",
    }


def test_nodejs_is_published_by_major_version():
    """The oldest that bots may use is the one for them; nothing there takes back what was published."""
    published = metadata({}, nodes={22: "/b", 20: "/a"})
    assert published["herdsman_node_20"] == "/a"
    assert published["herdsman_node_22"] == "/b"
    assert published["herdsman_node"] == "/a"


def test_the_c_library_is_published():
    """Compiled bots are placed where it is new enough; another C library publishes none."""
    assert metadata({}, glibc="2.36")["herdsman_glibc"] == "2.36"
    assert metadata({})["herdsman_glibc"] is None


def test_agent_runs_on_every_node_and_its_job_holds_no_token():
    """A system job; the token comes from a Nomad variable on the node."""
    job = render_agent(NomadSettings("demo-abc234", token="s3cret"), "https://herdsman:8000")
    assert job["Type"] == "system"
    assert job["NodePool"] == "all"
    assert "s3cret" not in json.dumps(job)
    (template,) = job["TaskGroups"][0]["Tasks"][0]["Templates"]
    assert 'nomadVar "nomad/jobs/demo-abc234-agent"' in template["EmbeddedTmpl"]


def test_agents_job_is_no_bot():
    """It has the fleet's mark and no bot's."""
    assert "herdsman.bot" not in render_agent(NomadSettings("demo-abc234"), "http://h:1")["Meta"]
