"""One suite over every scheduler: what a bot may rely on, wherever it runs."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.records import Rules, Suspension
from controller.schedulers.protocol import Phase, Placed
from gitops.bundles import BundleStore
from schemas.bot import RestartPolicy
from schemas.errors import Conflict
from schemas.reports import Outcome
from tests.contract.nomad_harness import nomad_harness
from tests.contract.scheduler_harness import Fleet, alive, bundle, local_harness, until
from tests.e2e.lives import assert_never_two
from tests.unit.gitops.compiled import cpp_files
from tests.unit.gitops.fleets import Clone
from tests.unit.gitops.test_bundles import program as committed

QUICK = RestartPolicy(first_delay=0.2, max_delay=0.8)


@pytest.fixture(params=["local", pytest.param("nomad", marks=pytest.mark.nomad)])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """The fleet of one test on each scheduler; no two copies of a bot may ever have lived at once."""
    opened = (
        nomad_harness(tmp_path, request.getfixturevalue("nomad"))
        if request.param == "nomad"
        else local_harness(tmp_path)
    )
    async with opened as harness:
        fleet = Fleet(harness)
        yield fleet
        assert_never_two(fleet.record)


async def test_nodes_are_told_with_what_they_offer(fleet: Fleet) -> None:
    """Each machine that takes bots is told by name, with the interpreters that bots find there."""
    python = f"python {sys.version_info.major}.{sys.version_info.minor}"

    async def told() -> bool:
        (node,) = await fleet.harness.scheduler.nodes()
        return bool(node.name) and node.state == "ready" and python in node.runtimes

    await until(told)


async def test_a_bot_is_started_and_observed(fleet: Fleet) -> None:
    """An applied bot runs, and is observed with its mark, spec, revision and token."""
    token = await fleet.start("alpha")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    assert (bot.fleet, bot.spec, bot.revision, bot.token) == (fleet.harness.fleet, "one", "0" * 40, token)
    assert bot.copies == 1
    assert not bot.scheduled
    await until(lambda: _agreed(fleet, "alpha"))
    assert await fleet.scheduler.observe_bot("nobody") is None


async def _agreed(fleet: Fleet, name: str) -> bool:
    """Whether the listing and the look at one bot say the same."""
    return (await fleet.scheduler.observe()).bots[name] == await fleet.scheduler.observe_bot(name)


async def test_an_update_ends_the_old_copy_before_the_new_one_starts(fleet: Fleet) -> None:
    """The old copy says goodbye, and only then the new one says hello."""
    token = await fleet.start("alpha")
    await fleet.marked("alpha", "alive")
    newer = await fleet.scheduler.apply(await fleet.launch("alpha", digest="two"), token)
    first, second = await fleet.lived("alpha", 2)
    words = [what for pid, what in fleet.marks("alpha") if pid == first]
    assert (words[-1], newer != token, first != second) == ("end", True, True)
    assert (await fleet.phase("alpha", Phase.RUNNING)).spec == "two"


async def test_a_job_is_outdated_where_an_apply_would_change_it(fleet: Fleet) -> None:
    """The launch that was applied is what runs; asking changes nothing, not even for another launch."""
    launch = await fleet.launch("alpha")
    token = await fleet.scheduler.apply(launch, None)
    await fleet.marked("alpha", "alive")
    assert not await fleet.scheduler.outdated(launch)
    assert await fleet.scheduler.outdated(replace(launch, spec=replace(launch.spec, kill_timeout=7.0)))
    assert (await fleet.seen("alpha")).token == token
    assert len(await fleet.marked("alpha", "start")) == 1


async def test_a_stop_gives_the_bot_its_time(fleet: Fleet) -> None:
    """SIGTERM lets the bot put its things in order; then it is seen as stopped, and not started again."""
    token = await fleet.start("alpha")
    await fleet.marked("alpha", "alive")
    await fleet.scheduler.stop("alpha", token, "a holiday")
    bot = await fleet.phase("alpha", Phase.STOPPED)
    assert (bot.copies, bot.token != token) == (0, True)
    assert fleet.marks("alpha")[-1][1] == "end"
    assert (await fleet.report("alpha", "exited"))[0].outcome is Outcome.STOPPED
    await fleet.scheduler.stop("alpha", bot.token, "once more")
    assert (await fleet.seen("alpha")).phase is Phase.STOPPED


async def test_a_bot_that_does_not_listen_is_killed(fleet: Fleet) -> None:
    """After its kill_timeout a bot that ignores SIGTERM gets SIGKILL."""
    token = await fleet.start("alpha", "stubborn", kill_timeout=0.5)
    (pid, *_) = await fleet.marked("alpha", "alive")
    await fleet.scheduler.stop("alpha", token, "enough")
    await fleet.phase("alpha", Phase.STOPPED)
    assert not alive(pid)
    assert (await fleet.report("alpha", "exited"))[0].outcome is Outcome.KILLED


async def test_a_crashing_bot_is_started_again_ever_later(fleet: Fleet) -> None:
    """Each crash is reported with its last words and the growing delay before the next start."""
    await fleet.start("alpha", "crash", restart=QUICK)
    crashes = await fleet.report("alpha", "exited", 4)
    assert [crash.restart_in for crash in crashes[:4]] == [0.2, 0.4, 0.8, 0.8]
    assert {(crash.outcome, crash.exit_code) for crash in crashes} == {(Outcome.CRASHED, 1)}
    assert all(re.fullmatch(r"ValueError: a wrong turn \(main\.py:\d+\)", crash.message) for crash in crashes)
    starts = await fleet.report("alpha", "started", 4)
    assert [start.attempt for start in starts[:4]] == [1, 2, 3, 4]


async def test_a_kill_switch_works_by_itself(fleet: Fleet) -> None:
    """Bots of its scope end as at a stop with no job touched, do not come back while it is on, then do."""
    await fleet.start("alpha", account="x")
    await fleet.start("beta")
    await fleet.marked("alpha", "alive")
    assert (await fleet.scheduler.rules() or Rules()).rules == ()
    switch = Suspension("", "ops", "a leak", 0.0, scope="account=x", kill=True)
    tokens = {name: (await fleet.seen(name)).token for name in ("alpha", "beta")}
    await fleet.scheduler.keep_rules(Rules(7, (switch,)))
    await fleet.marked("alpha", "end")
    assert (await fleet.report("alpha", "exited"))[0].outcome is Outcome.STOPPED
    assert await fleet.scheduler.rules() == Rules(7, (switch,))
    newer = await fleet.launch("alpha", digest="two", account="x")
    await fleet.scheduler.apply(newer, tokens["alpha"])
    lived = len(await fleet.marked("beta", "alive"))
    await fleet.marked("beta", "alive", lived + 20)
    assert len(await fleet.marked("alpha", "start")) == 1
    assert (await fleet.seen("beta")).token == tokens["beta"]
    await fleet.scheduler.keep_rules(Rules(8))
    await fleet.lived("alpha", 2)
    assert len(await fleet.marked("beta", "start")) == 1


async def test_a_stop_by_a_rule_is_told_by_its_job(fleet: Fleet) -> None:
    """Which rule stopped a bot is read back from wherever its job is kept, and what rules it is under."""
    token = await fleet.start("alpha", account="x", labels={"team": "${core}"})
    await fleet.scheduler.stop("alpha", token, "why", "kill all")
    bot = await fleet.phase("alpha", Phase.STOPPED)
    assert bot.suspended == {"reason": "why", "rule": "kill all"}
    assert {"all", "bot=alpha", "account=x", "label=team", "label=team=${core}", "mode=dry"} <= bot.scopes


@pytest.mark.timeout(900)
async def test_scheduled_runs_have_their_own_outcomes(fleet: Fleet) -> None:
    """A success, an error, an exception and a run that takes too long are told apart."""
    expected = {
        "success": Outcome.SUCCESS,
        "error": Outcome.ERROR,
        "crash": Outcome.CRASHED,
        "stubborn": Outcome.TIMED_OUT,
    }
    for way in expected:
        timeout = 1.0 if way == "stubborn" else 30.0  # the others end by themselves, on a busy machine late
        launch = await fleet.launch(way, way, schedule="* * * * *", timeout=timeout, kill_timeout=0.5)
        await fleet.scheduler.apply(launch, None)
        bot = await fleet.seen(way)
        assert bot.scheduled
        assert bot.next_run is None or bot.next_run % 60 == 0
    found = {way: (await fleet.report(way, "exited"))[0] for way in expected}
    assert {way: report.outcome for way, report in found.items()} == expected
    assert found["success"].result == {
        "status": "success",
        "message": "it was success",
        "data": {"traded": 3},
    }
    assert found["error"].message == "it was error"
    assert (await fleet.phase("success", Phase.IDLE)).copies == 0
    for way in expected:
        await fleet.scheduler.stop(way, None, "enough")
        await fleet.phase(way, Phase.STOPPED)


async def test_state_outlives_update_and_restart(fleet: Fleet) -> None:
    """Files under STATE_DIR are there again after an update, a restart, and a removal of the job."""
    token = await fleet.start("alpha", "count")
    await fleet.marked("alpha", "alive")
    await fleet.scheduler.apply(await fleet.launch("alpha", "count", digest="two"), token)
    await fleet.lived("alpha", 2)
    await fleet.phase("alpha", Phase.RUNNING)
    await fleet.report("alpha", "started")
    await fleet.scheduler.restart("alpha", "to see")
    await fleet.lived("alpha", 3)
    counted = fleet.harness.state("alpha") / "starts.json"
    await until(lambda: _reads(counted, 3))


async def _reads(path: Path, value: object) -> bool:
    text = await asyncio.to_thread(path.read_text)
    return bool(text) and json.loads(text) == value


async def test_output_and_labels_are_where_the_agent_looks(fleet: Fleet) -> None:
    """Both streams and the launcher's reports lie in the allocation, beside the labels of whose they are."""
    await fleet.start("alpha")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    folder = fleet.harness.logs(bot.allocation)
    await until(lambda: _has(fleet, bot.allocation, "stdout", '"_metric": "price"'))
    await until(lambda: _has(fleet, bot.allocation, "stderr", "it works"))
    labels = json.loads((folder / "herdsman.json").read_text())
    assert labels["allocation"] == bot.allocation
    assert {key: labels[key] for key in ("bot", "fleet", "program", "spec", "task", "type")} == {
        "bot": "alpha",
        "fleet": fleet.harness.fleet,
        "program": "tester",
        "spec": "one",
        "task": "bot",
        "type": "realtime",
    }


async def _has(fleet: Fleet, allocation: str, stream: str, text: str) -> bool:
    return any(text in line for line in fleet.lines(allocation, stream))


async def test_the_configuration_arrives_byte_for_byte(fleet: Fleet) -> None:
    """What looks like somebody's template language, and Unicode, reach the bot as they were written."""
    odd = {"job": "${NOMAD_JOB_NAME}", "template": "{{ env `HOME` }}", "snow": "☃ é 😀", "quote": "'\"\\\n"}
    launch = await fleet.launch("alpha", "tell", parameters=odd)
    await fleet.scheduler.apply(launch, None)
    given_file = fleet.record.with_name("record.given")

    async def exists() -> bool:
        return given_file.exists()

    await until(exists)
    given = json.loads(given_file.read_text())
    environment = given["environment"]
    assert environment["BOT_CONFIG"] == launch.spec.config_json
    assert given["config"] == json.loads(launch.spec.config_json)
    assert environment["BOT_ID"] == "alpha"
    assert (environment["BOT_TYPE"], environment["ENTRYPOINT_TYPE"]) == ("realtime", "bot")
    assert given["arguments"] == [f"{given['folder']}/main.py"]
    assert not [name for name in environment if "TOKEN" in name or name.startswith(("NOMAD", "PYTEST"))]
    await fleet.marked("alpha", "start")


async def test_an_allocation_is_whose_it_was_made_for_whatever_its_files_say(fleet: Fleet) -> None:
    """With the former name that its bot had then; also after its end."""
    token = await fleet.start("alpha", renamed_from="omega")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    await fleet.marked("alpha", "alive")
    labels = fleet.harness.logs(bot.allocation) / "herdsman.json"
    labels.write_text(labels.read_text().replace("alpha", "beta"))
    assert await fleet.scheduler.placed(bot.allocation) == Placed("alpha", "omega")
    assert await fleet.scheduler.placed("beta-0123456789ab") is None
    assert await fleet.scheduler.placed("00000000-0000-4000-8000-000000000000") is None
    await fleet.scheduler.stop("alpha", token, "enough")
    stopped = await fleet.phase("alpha", Phase.STOPPED)
    await fleet.scheduler.apply(await fleet.launch("alpha", digest="two"), stopped.token)
    await fleet.lived("alpha", 2)
    assert await fleet.scheduler.placed(bot.allocation) == Placed("alpha", "omega")
    newer = (await fleet.phase("alpha", Phase.RUNNING)).allocation
    assert await fleet.scheduler.placed(newer) == Placed("alpha")


async def test_a_change_needs_the_token_last_seen(fleet: Fleet) -> None:
    """Whoever read an older version, or none, is refused, and the bot is left as it is."""
    token = await fleet.start("alpha")
    newer = await fleet.launch("alpha", digest="two")
    await _refused(fleet.scheduler.apply(newer, None))
    second = await fleet.scheduler.apply(newer, token)
    await _refused(fleet.scheduler.apply(await fleet.launch("alpha", digest="three"), token))
    await _refused(fleet.scheduler.stop("alpha", token, "too late"))
    await _refused(fleet.scheduler.apply(await fleet.launch("beta"), second))
    assert (await fleet.seen("alpha")).spec == "two"
    assert await fleet.scheduler.observe_bot("beta") is None


async def _refused(call: Awaitable[object]) -> None:
    with pytest.raises(Conflict):
        await call


async def test_a_stopping_bot_is_not_started_again_before_its_end(fleet: Fleet) -> None:
    """While the last copy still has its time, a new one is refused; once it ended, it is taken."""
    token = await fleet.start("alpha", "stubborn", kill_timeout=120.0)
    (pid, *_) = await fleet.marked("alpha", "alive")
    await fleet.scheduler.stop("alpha", token, "a pause")
    stopping = await fleet.phase("alpha", Phase.STOPPING)
    await _refused(fleet.scheduler.apply(await fleet.launch("alpha", digest="two"), stopping.token))
    os.kill(pid, signal.SIGKILL)
    stopped = await fleet.phase("alpha", Phase.STOPPED)
    await fleet.scheduler.apply(await fleet.launch("alpha", digest="two"), stopped.token)
    await fleet.lived("alpha", 2)


async def test_somebody_elses_job_is_none_of_ours_and_not_touched(fleet: Fleet) -> None:
    """A job without this fleet's mark is at most seen as nobody's, and never changed."""
    untouched = await fleet.harness.add_foreign("stranger")
    await fleet.start("alpha")
    seen = (await fleet.scheduler.observe()).bots
    assert [name for name, bot in seen.items() if bot.fleet] == ["alpha"]
    stranger = await fleet.scheduler.observe_bot("stranger")
    assert stranger is None or not stranger.fleet
    assert await untouched()


async def test_a_removed_bot_leaves_only_its_state(fleet: Fleet) -> None:
    """Job and log files are gone, the state folder is not, and the name is free again."""
    token = await fleet.start("alpha", "count")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    await fleet.marked("alpha", "alive")
    await _refused(fleet.scheduler.remove("alpha"))
    await fleet.scheduler.stop("alpha", token, "gone")
    await fleet.phase("alpha", Phase.STOPPED)
    await fleet.scheduler.remove("alpha")
    assert await fleet.scheduler.observe_bot("alpha") is None

    async def cleared() -> bool:
        return not fleet.lines(bot.allocation, "launcher")

    await until(cleared)
    await fleet.start("alpha", "count")
    await until(lambda: _reads(fleet.harness.state("alpha") / "starts.json", 2))
    await fleet.lived("alpha", 2)


async def test_a_restart_is_a_stop_and_a_start(fleet: Fleet) -> None:
    """The same spec runs again in a new process, after the old one had its time."""
    token = await fleet.start("alpha")
    await fleet.marked("alpha", "alive")
    await fleet.scheduler.restart("alpha", "it looks tired")
    first, second = await fleet.lived("alpha", 2)
    assert first != second
    assert [what for pid, what in fleet.marks("alpha") if pid == first][-1] == "end"
    assert (await fleet.phase("alpha", Phase.RUNNING)).token == token


async def test_an_accident_is_told_and_mended(fleet: Fleet) -> None:
    """A launcher killed behind our back takes its bot along; the move is announced, and it runs again."""
    await fleet.start("alpha")
    await fleet.phase("alpha", Phase.RUNNING)
    (first, *_) = await fleet.marked("alpha", "alive")
    events = fleet.scheduler.events()
    assert (await anext(events)).bot is None
    await fleet.harness.kill_launcher("alpha")
    while (await anext(events)).bot != "alpha":
        pass
    await events.aclose()  # type: ignore[attr-defined]
    _, second = await fleet.lived("alpha", 2)
    assert not alive(first)
    assert first != second
    assert (await fleet.phase("alpha", Phase.RUNNING)).copies == 1


NODE_BOT = """
import { appendFileSync } from "node:fs";
import tiny from "tiny";

export default function (id, config) {
  const mark = (what) => `${id} ${process.pid} ${what} ${Date.now() / 1000}\\n`;
  const note = (what) => appendFileSync(config.record, mark(what));
  note("start");
  console.log("the answer is", tiny.answer);
  const timer = setInterval(() => note("alive"), 20);
  process.on("SIGTERM", () => {
    clearInterval(timer);
    note("end");
  });
}
"""
PACKAGE = {
    "node_modules/tiny/package.json": '{"name": "tiny", "version": "1.0.0"}',
    "node_modules/tiny/index.js": "exports.answer = 42;",
}


async def test_a_node_bot_lives_with_its_packages(fleet: Fleet) -> None:
    """It runs on the node's own Node.js, finds its layer, and puts its things in order at a stop."""
    launch = await fleet.launch("alpha")
    program = replace(launch.spec.program, runtime="nodejs20", entrypoint="bot.mjs")
    code = bundle(fleet.harness.work, {"bot.mjs": NODE_BOT})
    layer = bundle(fleet.harness.work, PACKAGE)
    for content in (code, layer):
        await fleet.harness.store(content)
    token = await fleet.scheduler.apply(
        replace(launch, spec=replace(launch.spec, program=program), code=code, dependencies=layer), None
    )
    await fleet.marked("alpha", "alive")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    await until(lambda: _printed(fleet, bot.allocation, "the answer is 42"))
    await fleet.scheduler.stop("alpha", token, "a holiday")
    await fleet.phase("alpha", Phase.STOPPED)
    assert fleet.marks("alpha")[-1][1] == "end"


CPP_BOT = r"""
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

static volatile sig_atomic_t stopping = 0;

int main(int count, char **) {
  std::signal(SIGTERM, [](int) { stopping = 1; });
  const std::string id = std::getenv("BOT_ID"), config = std::getenv("BOT_CONFIG"), key = "\"record\": \"";
  const auto start = config.find(key) + key.size();
  FILE *record = std::fopen(config.substr(start, config.find('"', start) - start).c_str(), "a");
  const auto note = [&](const char *what) {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    std::fprintf(record, "%s %d %s %f\n", id.c_str(), getpid(), what, now.count());
    std::fflush(record);
  };
  note("start");
  std::printf("%d arguments in %s\n", count - 1, access("CMakeLists.txt", R_OK) == 0 ? "the folder" : "?");
  std::fflush(stdout);
  while (!stopping) {
    note("alive");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  note("end");
}
"""


async def test_a_compiled_bot_lives_by_itself(fleet: Fleet, tmp_path: Path) -> None:
    """What was built here runs in its program's folder, and puts its things in order at a stop."""
    clone, store = Clone(tmp_path / "clone"), BundleStore(tmp_path / "bundles")
    program = committed(clone, **cpp_files(**{"main.cpp": CPP_BOT}))
    code = await store.code(clone.store, program)
    layer = await store.dependencies(clone.store, program, "")
    assert layer is not None
    for content in (code, layer):
        await fleet.harness.store(content)
    launch = await fleet.launch("alpha")
    token = await fleet.scheduler.apply(
        replace(launch, spec=replace(launch.spec, program=program), code=code, dependencies=layer), None
    )
    await fleet.marked("alpha", "alive")
    bot = await fleet.phase("alpha", Phase.RUNNING)
    await until(lambda: _printed(fleet, bot.allocation, "0 arguments in the folder"))
    await fleet.scheduler.stop("alpha", token, "a holiday")
    await fleet.phase("alpha", Phase.STOPPED)
    assert fleet.marks("alpha")[-1][1] == "end"


async def _printed(fleet: Fleet, allocation: str, line: str) -> bool:
    return line in fleet.lines(allocation, "stdout")
