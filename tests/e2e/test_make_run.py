"""A newcomer's first minute: a fresh clone, an empty home, `make run`."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from cli.known_service import SERVICE_FILE
from controller.schedulers.local.leftovers import BOT_MARK, LAUNCHER_MARK, find
from tests.e2e.browser import open_browser, shoot
from tests.e2e.service import CHECKOUT, PATIENCE, Service, wait_for
from tests.engines.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]


COMPILED = ("grid-sol", "breakout-avax")
"""The demo bots in Rust and C++, built at the first start."""


def test_make_run_in_a_fresh_clone_shows_a_living_fleet(tmp_path: Path) -> None:
    """It installs itself, answers, the demo bots are as they should be; Ctrl-C leaves no process."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(clone)], check=True)
    port = free_port()
    person = Service(tmp_path / "home", port=port)
    person.home.mkdir()
    environment = person.environment()
    for name in ("HERDSMAN_DATA", "UV_CACHE_DIR", "VIRTUAL_ENV", "PYTHONPATH"):
        environment.pop(name, None)
    log = tmp_path / "make.log"
    with log.open("wb") as output:
        make = subprocess.Popen(
            ["make", "run", f"LISTEN=127.0.0.1:{port}"],
            cwd=clone,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        link = wait_for(lambda: sign_in_link(log, make), "make run to answer", 900, 0.5)
        data = clone / ".data" / "demo"
        token = (data / "admin-token").read_text().strip()
        assert (data / "admin-token").stat().st_mode & 0o777 == 0o600

        def health() -> dict[str, str]:
            answer = httpx.get(
                f"http://127.0.0.1:{port}/api/v1/bots",
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
            return {bot["name"]: f"{bot['health']} {bot['reason']}" for bot in answer.json()}

        def all_well() -> bool:
            found = health()
            lively = (
                "sma-btc",
                "sma-eth",
                "mm-eth",
                "noisy-xrp",
                "rebalance",
                "basis-btc",
                "leaky-sol",
                "loud-ada",
                *COMPILED,
            )
            return all(found.get(name, "").startswith("Healthy") for name in lively) and (
                found["flaky-doge"] == "Degraded CrashLoop"
            )

        with open_browser() as page:
            page.goto(link)  # at once: it is good for ten minutes
            wait_for(all_well, "the demo fleet to be as it should be", 600, 0.5)
            page.get_by_test_id("bot-row-sma-btc").wait_for()
            shoot(page, "demo-fleet")
            page.get_by_test_id("bot-row-sma-btc").click()
            page.get_by_test_id("chart-bot_equity").wait_for()
            shoot(page, "demo-bot")
        fleet = json.loads((data / SERVICE_FILE).read_text())["fleet"]
        assert launchers_and_bots(fleet)
    finally:
        family = psutil.Process(make.pid).children(recursive=True)
        os.killpg(make.pid, signal.SIGINT)
        make.wait(timeout=PATIENCE)
    assert launchers_and_bots(fleet) == []  # at once: a second `make run` must find none alive
    wait_for(lambda: not any(is_alive(one) for one in family), "builds and git to be gone as well")


def launchers_and_bots(fleet: str) -> list[int]:
    """Return the processes of a fleet's bots, by the mark that they hand on to whatever they start."""
    return [*find(LAUNCHER_MARK, f"{fleet}/"), *find(BOT_MARK, f"{fleet}/")]


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process still runs; one that nobody has waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def sign_in_link(log: Path, make: "subprocess.Popen[bytes]") -> str:
    """Return the link that `up` printed, "" before it did."""
    text = log.read_text()
    assert make.poll() is None, text
    found = re.search(r"http://\S+/sign-in\?code=\S+", text)
    return found[0] if found else ""
