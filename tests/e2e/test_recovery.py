"""What can be lost on one machine, and the way back: drilled by the commands of docs/operating.md."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet, bot_text
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PATIENCE = 120.0


def push_until(over: threading.Event, fleet: Fleet, record: Path, pushed: list[str]) -> None:
    """Change the bot and push, again and again, until told to end."""
    while not over.is_set():
        number = len(pushed)
        fleet.write("bots/one.yaml", bot_text("one", record, text=f"change-{number}", stop_takes=0))
        pushed.append(fleet.commit(f"change {number}"))
        fleet.push()


def test_a_backup_made_under_pushes_is_whole_in_an_empty_home(
    service: Service, fleet: Fleet, record: Path, tmp_path: Path
) -> None:
    """Elsewhere the bot goes on from a revision of that moment; the clone then brings what came later."""
    file, pushed, over = tmp_path / "backup.tar.gz", list[str](), threading.Event()
    with ThreadPoolExecutor(1) as hand:
        pushing = hand.submit(push_until, over, fleet, record, pushed)
        try:
            wait_for(lambda: len(pushed) > 1 or pushing.done(), "the first pushes", PATIENCE)
            service.run("backup", str(file))
            there = len(pushed)
            wait_for(lambda: len(pushed) > there + 1 or pushing.done(), "pushes after it", PATIENCE)
        finally:
            over.set()
        pushing.result()
    assert service.stop() == 0
    lived = len(read_lives(record))

    other = Service(tmp_path / "other")
    other.home.mkdir()
    told = other.run("restore", str(file), "--data", str(other.data), "--reason", "machine lost").stdout
    assert str(other.data) in told
    other.start()
    try:
        applied = other.wait_back("one")["applied_revision"]
        wait_lives(record, "one", lived + 1)
        assert applied in pushed[: there + 1]
        assert len(read_lives(record)) == lived + 1
        other.run("init", str(fleet.folder), "--connect-only")
        Fleet(fleet.folder, other).push()
        wait_for(
            lambda: other.bots()["one"]["applied_revision"] == pushed[-1], "what came later", PATIENCE, 0.2
        )
        assert ("restore", "machine lost") in [
            (one["action"], one["why"]) for one in other.get("/api/v1/audit")
        ]
    finally:
        other.stop()
    assert_never_two(record)


def test_a_damaged_and_a_lost_database_have_a_way_back(
    service: Service, fleet: Fleet, record: Path, tmp_path: Path
) -> None:
    """A damaged one is refused, and the words are followed; without one, herdsman observes until told."""
    file = tmp_path / "backup.tar.gz"
    fleet.write("bots/one.yaml", bot_text("one", record))
    revision = fleet.commit("one bot")
    fleet.push()
    service.wait_health("one", "Healthy", PATIENCE)
    service.run("backup", str(file))
    assert service.stop() == 0
    with (service.data / "herdsman.db").open("r+b") as database:
        database.seek(4096)
        database.write(b"\xff" * 65536)
    refused = service.run("up", "--data", str(service.data), "--listen", "127.0.0.1:0", check=False)
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "is damaged" in refused.stderr
    assert "move it away and restore a backup" in refused.stderr
    service.data.rename(tmp_path / "damaged")
    service.run("restore", str(file), "--data", str(service.data), "--reason", "damaged")
    service.start()
    # The backup has no job: lost before that was made anew, there would be nothing to tell of the loss.
    assert service.wait_back("one")["applied_revision"] == revision
    wait_lives(record, "one", 2)

    assert service.stop() == 0
    lived = by_bot(read_lives(record))["one"]
    for part in service.data.glob("herdsman.db*"):
        part.unlink()
    service.start()
    wait_for(lambda: "recover" in " ".join(service.get("/api/v1/fleet")["problems"]), "the loss to be told")
    assert "herdsman recover" in service.run("status", check=False).stdout
    recovered = service.run("recover", "--reason", "database lost", "--yes").stdout
    assert "took over 1 bot: one" in recovered
    wait_for(lambda: service.get("/api/v1/fleet")["problems"] == [], "nothing to be amiss any more")
    service.wait_back("one")
    assert len(wait_lives(record, "one", len(lived) + 1)) == len(lived) + 1
    assert_never_two(record)
