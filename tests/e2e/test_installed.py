"""The wheel on its own: installed outside of the checkout, it is the whole product."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.fleet import bot_text, new_fleet
from tests.e2e.service import CHECKOUT, Service

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture
def elsewhere(tmp_path: Path, installed: Path) -> Iterator[Service]:
    """Run the installed herdsman in an empty home."""
    service = Service(tmp_path / "home", command=str(installed)).start()
    try:
        yield service
    finally:
        service.stop()


def test_the_wheel_has_what_is_not_python(wheel: Path) -> None:
    """The dashboard, the schemas, the templates and the migrations travel in it, and no test does."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "web/static/index.html",
        "schemas/json/bot.schema.json",
        "cli/templates/python3.11/realtime/main.py",
        "controller/launcher/shim.mjs",
        "controller/database/migrations/versions/r0001_first_tables.py",
    ):
        assert wanted in names
    assert [name for name in names if name.startswith(("tests/", "docs/", "bench/"))] == []


def test_an_installed_herdsman_runs_a_pushed_bot(elsewhere: Service, tmp_path: Path) -> None:
    """`up`, `init`, a push, `status` and the dashboard work from the wheel alone, with documented series."""
    fleet = new_fleet(tmp_path / "fleet", elsewhere)
    fleet.write("bots/one.yaml", bot_text("one", tmp_path / "lives"))
    fleet.commit("one bot")
    assert "running" in fleet.push()
    elsewhere.wait_health("one", "Healthy")
    assert elsewhere.status()["one"]["health"] == "Healthy"
    assert undocumented(elsewhere) == []
    assert "<!doctype html>" in httpx.get(elsewhere.url, timeout=60, follow_redirects=True).text.lower()


def undocumented(service: Service) -> list[str]:
    """Return the series that a running service tells of and docs/series.md does not name."""
    headers = {"Authorization": f"Bearer {service.token}"}
    told = httpx.get(f"{service.url}/metrics", headers=headers, timeout=60).text
    names = set(re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE))
    names |= set(service.get("/api/v1/bots/one")["metrics"]) - {"bot_counter"}
    assert len(names) > 10
    listed = (CHECKOUT / "docs" / "series.md").read_text()
    return sorted(name for name in names if f"| `{name}` |" not in listed)
