"""An upgrade on one machine: bots end with the old herdsman and start again with the new one, as they were.

On Nomad nobody restarts: here with many bots, in test_hosting.py where herdsman is hosted there itself.
"""

import sqlite3
import tempfile
from pathlib import Path

import pytest

from tests.e2e.fleet import bot_text, new_fleet
from tests.e2e.installation import NEWER
from tests.e2e.lives import assert_never_two, by_bot, read_lives, wait_lives
from tests.e2e.service import Service
from tests.e2e.upgrading import upgrade_many
from tests.engines.nomad import nomad_agent

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MANY = 20


def test_an_upgrade_goes_on_with_what_the_older_left(
    tmp_path: Path, installed: Path, newer_installed: Path
) -> None:
    """Each bot starts once, on the same revision, with its state; history, tokens and series stay."""
    record = tmp_path / "lives"
    service = Service(tmp_path / "home", command=str(installed)).start()
    try:
        fleet = new_fleet(tmp_path / "fleet", service)
        fleet.write("bots/one.yaml", bot_text("one", record))
        fleet.commit("one bot")
        fleet.push()
        before = service.wait_health("one", "Healthy")
        wait_lives(record, "one")
        runs = service.get("/api/v1/bots/one/runs")
        (state,) = (service.data / "local" / "state").glob("*/one")
        (state / "positions.json").write_text("{}")
        token = service.token
        assert service.stop() == 0

        service.command = str(newer_installed)
        service.start()
        assert service.get("/api/v1/fleet")["version"] == NEWER
        after = service.wait_back("one")
        assert len(wait_lives(record, "one", 2)) == 2
        for key in ("applied_revision", "program", "version", "sync"):
            assert after[key] == before[key]
        assert service.token == token
        assert {run["id"] for run in runs} <= {run["id"] for run in service.get("/api/v1/bots/one/runs")}
        assert (state / "positions.json").exists()
        points = service.get("/api/v1/bots/one/series", metric="bot_counter", start="-10m", step="raw")
        first = by_bot(read_lives(record))["one"][0]
        assert min(point[0] for one in points["series"] for point in one["points"]) <= first.last
        assert fleet.push().strip().endswith("Everything up-to-date")
    finally:
        service.stop()
    first, second = by_bot(read_lives(record))["one"]
    assert first.ended
    assert second.ended
    assert_never_two(record)


@pytest.mark.nomad
@pytest.mark.timeout(900)
def test_an_upgrade_on_nomad_restarts_nobody_of_many(installed: Path, newer_installed: Path) -> None:
    """No job, allocation or process of any bot is another than before (`python -m bench upgrade`: of 100)."""
    with tempfile.TemporaryDirectory(prefix="herdsman-upgrade-") as folder, nomad_agent() as nomad:
        root = Path(folder)
        root.chmod(0o755)
        touched = upgrade_many(root, nomad, installed, newer_installed, MANY)
    assert (touched.bots, touched.changed) == (MANY, ())


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """`up` on the data of a newer herdsman ends with words, and leaves the database as it is."""
    service = Service(tmp_path / "home")
    service.data.mkdir(parents=True)
    path = service.data / "herdsman.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    before = path.read_bytes()
    done = service.run("up", "--data", str(service.data), "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 2
    assert (
        "was written by a newer herdsman (its version 9999 is unknown here): start that herdsman"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before
