"""What the local scheduler keeps on disk, and what it makes of it later."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from controller.schedulers.local import LocalScheduler
from controller.schedulers.local.registry import BundleFile, Job, Registry
from controller.schedulers.protocol import Phase
from schemas.errors import SchedulerRefused
from tests.contract.scheduler_harness import Fleet, LocalHarness, local_harness

JOB = Job("alpha", "fleet-x", "one", "r", "t1", "alpha-1", {"a": {"b": 1}}, (BundleFile("d", "/b"),))


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every field comes back, and a later version takes the place of the earlier."""
    registry = Registry(tmp_path)
    registry.save(JOB)
    later = replace(JOB, token="t2", stopped="enough", last_slot=5.5)
    registry.save(later)
    assert registry.load("fleet-x") == [later]
    assert registry.load("another") == []
    registry.forget("alpha")
    assert registry.load("fleet-x") == []
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    """A broken or foreign file neither stops the others from being read nor is it changed."""
    registry = Registry(tmp_path)
    registry.save(JOB)
    for name, text in {"broken": "{", "list": "[]", "other": '{"bundles": [], "name": "x"}'}.items():
        (tmp_path / f"{name}.json").write_text(text)
    assert registry.load("fleet-x") == [JOB]
    assert (tmp_path / "broken.json").read_text() == "{"


def test_orders_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A bot's parameters are nobody else's to read."""
    Registry(tmp_path).save(JOB)
    assert os.stat(tmp_path / "alpha.json").st_mode & 0o077 == 0  # noqa: PTH116


async def test_slots_that_came_while_herdsman_was_away_are_reported(tmp_path: Path) -> None:
    """Each is a run that was missed, with its own identity, at its own time."""
    minute = int(time.time() / 60 + 30) % 60
    """Half an hour from now: a slot of less than a minute ago would be run, not reported."""
    async with local_harness(tmp_path) as harness:
        launch = await Fleet(harness).launch("alpha", schedule=f"{minute} * * * *")
        await harness.scheduler.apply(launch, None)
    applied = time.time()
    later = LocalHarness(tmp_path, harness.fleet)
    later.scheduler = LocalScheduler(
        later.root, later.fleet, cache=later.cache, clock=lambda: time.time() + 3 * 3600
    )
    fleet = Fleet(later)
    await later.scheduler.open()
    try:
        missed = await fleet.report("alpha", "skipped", 3, reason="missed")
        assert len({report.run for report in missed}) == 3
        assert all(report.started_at and report.started_at % 3600 == minute * 60 for report in missed)
        assert all(applied < (report.started_at or 0) < applied + 3 * 3600 for report in missed)
        bot = await fleet.phase("alpha", Phase.IDLE)
        assert bot.next_run is not None
        assert bot.next_run > applied + 3 * 3600
    finally:
        await later.scheduler.close()


async def test_a_bundle_that_cannot_be_unpacked_is_refused(tmp_path: Path) -> None:
    """The apply says what is wrong, and no job is left behind."""
    async with local_harness(tmp_path) as harness:
        launch = await Fleet(harness).launch("alpha")
        launch.code.path.write_bytes(b"garbage")
        with pytest.raises(SchedulerRefused, match="damaged"):
            await harness.scheduler.apply(launch, None)
        assert await harness.scheduler.observe_bot("alpha") is None


async def test_the_cache_keeps_what_jobs_need(tmp_path: Path) -> None:
    """Content of bots that are gone is deleted at the next start; a cache that was lost is filled again."""
    async with local_harness(tmp_path) as harness:
        await Fleet(harness).start("alpha")
        (content,) = harness.cache.iterdir()
    (harness.cache / "old").mkdir()
    async with LocalLife(tmp_path, harness.fleet):
        assert list(harness.cache.iterdir()) == [content]
    for file in content.iterdir():
        file.unlink()
    content.rmdir()
    async with LocalLife(tmp_path, harness.fleet) as fleet:
        assert (await fleet.phase("alpha", Phase.RUNNING)).reason == ""
        assert (content / "main.py").exists()


class LocalLife:
    """One more life of the local scheduler over a folder."""

    def __init__(self, folder: Path, fleet: str) -> None:
        self.harness = LocalHarness(folder, fleet)

    async def __aenter__(self) -> Fleet:
        await self.harness.scheduler.open()
        return Fleet(self.harness)

    async def __aexit__(self, *_: object) -> None:
        await self.harness.scheduler.close()
