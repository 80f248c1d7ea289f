"""A push, from git to running bots on this machine: taken, refused, updated, removed."""

import base64
import socket
from pathlib import Path

import psutil
import pytest

from tests.e2e.fleet import Fleet, add_program, bot_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.processes import alive, named
from tests.e2e.service import PATIENCE, Service, wait_for

pytestmark = pytest.mark.e2e


def counted(service: Service, bot: str) -> float:
    """Return the newest value of the bot's counter, or 0."""
    series = service.get(f"/api/v1/bots/{bot}/series", metric="bot_counter")["series"]
    return max((points[-1][1] for points in (entry["points"] for entry in series) if points), default=0.0)


def test_a_pushed_bot_runs_and_its_metrics_arrive(service: Service, fleet: Fleet, record: Path) -> None:
    """A push prints each changed bot, and what the bot prints is soon in the API."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    revision = fleet.commit("first")
    printed = fleet.push()
    assert "one" in printed
    assert "running" in printed
    assert revision[:7] in printed
    bot = service.wait_health("one", "Healthy")
    assert bot["applied_revision"] == revision
    assert bot["sync"] == "Synced"
    first = wait_for(lambda: counted(service, "one"), "the first metric")
    wait_for(lambda: counted(service, "one") > first, "the counter to move")
    logs = service.get("/api/v1/bots/one/logs", text="starts")["events"]
    assert [event["message"] for event in logs] == ["one starts with nothing"]
    assert service.status()["one"]["health"] == "Healthy"


def test_an_update_ends_the_old_copy_before_the_new_one(service: Service, fleet: Fleet, record: Path) -> None:
    """Parameters and program versions change in place; the two copies never overlap."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.commit("first")
    fleet.push()
    service.wait_health("one", "Healthy")
    fleet.write("bots/one.yaml", bot_text("one", record, text="changed"))
    fleet.commit("other text")
    assert "nothing -> changed" in fleet.push()
    wait_lives(record, "one", 2)
    add_program(fleet, version="1.1.0")
    fleet.write("bots/one.yaml", bot_text("one", record, version="1.1.0", text="changed"))
    last = fleet.commit("new program")
    printed = fleet.push()
    assert "1.0.0 -> 1.1.0" in printed
    assert service.wait_health("one", "Healthy")["applied_revision"] == last
    lives = wait_lives(record, "one", 3)
    assert len(lives) == 3
    assert all(life.ended for life in lives[:2])
    assert_never_two(record)


def test_a_removed_bot_is_stopped_and_others_are_left_alone(
    service: Service, fleet: Fleet, record: Path
) -> None:
    """Removing a manifest ends that bot alone."""
    for name in ("one", "two", "three"):
        fleet.write(f"bots/{name}.yaml", bot_text(name, record))
    fleet.commit("three")
    fleet.push()
    for name in ("one", "two", "three"):
        service.wait_health(name, "Healthy")
        wait_lives(record, name)
    fleet.remove("bots/two.yaml")
    fleet.commit("without two")
    fleet.push()
    wait_for(lambda: "two" not in service.bots(), "two to be gone")
    lives = by_bot(read_lives(record))
    assert lives["two"][-1].ended
    assert [len(lives[name]) for name in ("one", "three")] == [1, 1]
    assert set(service.bots()) == {"one", "three"}


def test_a_disabled_bot_stops_and_returns(service: Service, fleet: Fleet, record: Path) -> None:
    """enabled: false is desired state, and so is taking it back."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.commit("first")
    fleet.push()
    service.wait_health("one", "Healthy")
    wait_lives(record, "one")
    fleet.write("bots/one.yaml", bot_text("one", record, enabled="false"))
    fleet.commit("off")
    fleet.push()
    service.wait_health("one", "Suspended")
    wait_for(lambda: read_lives(record)[-1].ended, "the bot to end")
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.commit("on")
    fleet.push()
    service.wait_health("one", "Healthy")
    assert_never_two(record)


def test_a_misspelled_key_is_refused_with_a_suggestion(service: Service, fleet: Fleet, record: Path) -> None:
    """The push is refused with file, line and the nearest key; what ran goes on."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.commit("first")
    fleet.push()
    started = service.wait_health("one", "Healthy")["started_at"]
    fleet.write("bots/one.yaml", bot_text("one", record, volatilty=0.05))
    fleet.commit("typo")
    printed = fleet.push_refused()
    assert 'bots/one.yaml:5:1  unknown parameter "volatilty" of program counter 1.0.0' in printed
    assert 'did you mean "volatility"?' in printed
    assert "refused: 1 error" in printed
    fleet.write("bots/one.yaml", "name: one\ntype: [realtime/counter\n")
    fleet.commit("broken")
    printed = fleet.push_refused()
    assert "bots/one.yaml:" in printed
    assert service.bots()["one"]["started_at"] == started
    assert len(wait_lives(record, "one")) == 1


def test_an_older_error_does_not_stop_an_unrelated_fix(
    service: Service, tmp_path: Path, record: Path
) -> None:
    """An error that is already in the fleet only warns when something else is pushed."""
    from tests.e2e.fleet import new_fleet

    fleet = new_fleet(tmp_path / "fleet", service)
    fleet.write("bots/good.yaml", bot_text("good", record))
    fleet.commit("good")
    fleet.push()
    good = service.wait_health("good", "Healthy")
    # The error gets into the repository behind the gate's back, as an older herdsman might have let it in.
    fleet.write("bots/bad.yaml", bot_text("bad", record, volatilty=1))
    fleet.commit("bad")
    fleet.push_refused()
    bare = service.data / "git" / "fleet.git"
    fleet.git("--git-dir", str(bare), "fetch", "-q", str(fleet.folder), "+main:main")
    fleet.write("bots/good.yaml", bot_text("good", record, text="fixed"))
    fleet.commit("an unrelated fix")
    printed = fleet.push()
    assert "volatilty" in printed
    assert service.wait_health("good", "Healthy")["applied_revision"] != good["applied_revision"]
    assert_never_two(record)


def test_a_bot_that_crashes_after_3_s_is_never_healthy(service: Service, fleet: Fleet, record: Path) -> None:
    """A bot that crashes after a while never shows Healthy, and ends up Degraded with its reason."""
    text = bot_text("crasher", record, crash_after=3).replace("healthy_after: 2s", "healthy_after: 10s")
    fleet.write("bots/crasher.yaml", text)
    fleet.commit("a bot that crashes")
    fleet.push()
    seen: set[str] = set()

    def degraded() -> bool:
        bot = service.bots()["crasher"]
        seen.add(bot["health"])
        return bool(bot["health"] == "Degraded" and bot["reason"] == "CrashLoop")

    wait_for(degraded, "the crashing bot to be Degraded", 90, 0.2)
    assert "Healthy" not in seen
    bot = service.bots()["crasher"]
    assert "RuntimeError: the feed is gone" in bot["message"]
    assert bot["restarts"] >= 4
    assert_never_two(record)


def test_nothing_survives_ctrl_c(service: Service, fleet: Fleet, record: Path) -> None:
    """An orderly stop lets each bot say goodbye and leaves no process."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.commit("first")
    fleet.push()
    service.wait_health("one", "Healthy")
    assert service.process is not None
    wait_lives(record, "one")
    family = psutil.Process(service.process.pid).children(recursive=True)
    assert family
    assert service.stop() == 0
    wait_for(lambda: not alive(family), "all processes to end")
    assert read_lives(record)[-1].ended


def test_no_bot_survives_kill_9_and_all_is_back_after_a_restart(
    service: Service, fleet: Fleet, record: Path
) -> None:
    """Without herdsman no local bot lives; its next start brings the fleet back as it was."""
    fleet.write("bots/one.yaml", bot_text("one", record))
    fleet.write("bots/off.yaml", bot_text("off", record, enabled="false"))
    revision = fleet.commit("first")
    fleet.push()
    service.wait_health("one", "Healthy")
    before = service.get("/api/v1/revisions")
    assert service.process is not None
    family = psutil.Process(service.process.pid).children(recursive=True)
    service.kill()
    wait_for(lambda: not alive(family), "all processes to end")
    service.start()
    bot = service.wait_back("one")
    assert bot["applied_revision"] == revision
    assert service.bots()["off"]["health"] == "Suspended"
    assert service.get("/api/v1/revisions")[0]["id"] == before[0]["id"]
    assert_never_two(record)


def test_a_push_cut_off_by_the_death_of_herdsman_leaves_nothing(service: Service, fleet: Fleet) -> None:
    """Where herdsman dies in the middle of a push's body, its git children end; no branch moved."""
    assert service.process is not None
    herdsman = psutil.Process(service.process.pid)
    with begin_push(service) as connection:
        connection.sendall(b"00b0" + b"0" * 40)
        children = wait_for(lambda: git_children(herdsman), "git to take the push")
        service.kill()
    gone, left = psutil.wait_procs(children, timeout=PATIENCE)
    for one in left:
        one.kill()
    assert gone
    assert not left
    service.start()
    assert fleet.git("ls-remote", "herdsman").stdout == ""


def begin_push(service: Service) -> socket.socket:
    """Send the head of a push and the first bytes of a body that is to be a million bytes long."""
    basic = base64.b64encode(f"herdsman:{service.token}".encode()).decode()
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
    connection.sendall(
        f"POST /git/fleet.git/git-receive-pack HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        f"Authorization: Basic {basic}\r\nContent-Type: application/x-git-receive-pack-request\r\n"
        f"Content-Length: 1000000\r\n\r\n".encode()
    )
    return connection


def git_children(herdsman: psutil.Process) -> list[psutil.Process]:
    """Return the git processes below the service."""
    return [one for one in herdsman.children(recursive=True) if "git" in named(one)]
