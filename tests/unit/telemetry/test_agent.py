"""The agent on real files: following, rotation, truncation, restarts, long and broken lines."""

import asyncio
import json
import os
import random
import resource
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from schemas.reports import ReportKind
from telemetry.agent import Agent, DirectSink
from telemetry.agent.allocation import Stream
from telemetry.agent.inotify import Polling
from telemetry.agent.opening import opened
from telemetry.records import Event
from telemetry.wire import Batch, decode_batch
from tests.unit.telemetry.bots import Node, Told, eventually

TRACE = """Traceback (most recent call last):
  File "main.py", line 3, in <module>
    trade()
ValueError: no money
"""


async def test_a_printed_line_arrives(node: Node, agent: Agent) -> None:
    """A line of a bot that was there before the agent, and of one that comes later, is told at once."""
    bot = node.bot("a1")
    bot.print("hello\n")
    await node.told.until(lambda told: "hello" in told.messages)
    later = node.bot("a2", bot="beta", mode="live")
    later.print("ERROR:main:no money\n", "stderr")
    await node.told.until(lambda told: len(told.seen) == 2)
    event = node.told.seen[-1]
    assert (event.bot, event.level, event.stream, event.mode) == ("beta", "error", "stderr", "live")
    assert event.id == "a2/stderr/0/0"
    assert event.revision == "0123abc"


async def test_many_bots_at_once(node: Node, agent: Agent) -> None:
    """Every line of 200 bots printing in turns arrives once, in order for each."""
    bots = [node.bot(f"a{number}") for number in range(200)]
    for turn in range(5):
        for bot in bots:
            bot.print(f"turn {turn}\n", "stdout" if turn % 2 else "stderr")
        await asyncio.sleep(0)
    await node.told.until(lambda told: len(told.seen) == 1000)
    for bot in bots:
        own = [event.message for event in node.told.seen if event.bot == bot.labels.bot]
        assert sorted(own) == [f"turn {turn}" for turn in range(5)]


async def test_metrics_become_samples_and_reports_are_handed_on(node: Node, agent: Agent) -> None:
    """A metric line becomes an event and samples; a launcher's line becomes a report and an event."""
    bot = node.bot("a1", bot="alpha", env="prod")
    bot.print('{"_metric": "equity", "equity": 100.5, "currency": "USDT"}\n')
    bot.report(kind="started", run="a1-1", pid=0, launcher_pid=0)
    await node.told.until(lambda told: told.heard and told.values)
    sample = next(one for one in node.told.values if one.name == "bot_equity")
    assert sample.value == 100.5
    assert sample.labels == {
        "fleet": "desk-abc123",
        "bot": "alpha",
        "program": "sma",
        "env": "prod",
        "currency": "USDT",
    }
    (labels, report) = node.told.heard[0]
    assert (labels, report.kind, report.run) == (bot.labels, ReportKind.STARTED, "a1-1")
    await node.told.until(lambda told: any(one.name == "bot_up" for one in told.values))
    bot.print("after the start\n")
    await node.told.until(lambda told: "after the start" in told.messages)
    assert node.told.seen[-1].run == "a1-1"


@pytest.mark.parametrize("odd", [{"exit_code": 1 << 40}, {"pid": 1 << 70}, {"run": "a1\0-1"}])
async def test_a_report_that_no_database_can_keep_is_a_mere_line(node: Node, agent: Agent, odd: dict) -> None:
    """The bot can write where its launcher reports: what comes after is reported all the same."""
    bot = node.bot("a1", bot="alpha")
    bot.report(kind="exited", **odd)
    bot.report(kind="started", run="a1-2", pid=0, launcher_pid=0)
    await node.told.until(lambda told: told.heard)
    assert [report.run for _, report in node.told.heard] == ["a1-2"]


async def test_rotation_while_reading(node: Node, agent: Agent) -> None:
    """Lines go on through ten rotations although the oldest files are deleted meanwhile."""
    bot = node.bot()
    for index in range(10):
        for line in range(50):
            bot.print(f"{index}/{line}\n", index=index)
        if index >= 2:
            bot.path(index=index - 2).unlink(missing_ok=True)
        await node.told.until(lambda told, last=f"{index}/49": last in told.messages)
    assert node.told.messages == [f"{index}/{line}" for index in range(10) for line in range(50)]


async def test_a_file_deleted_with_unread_lines_is_read_to_its_end(node: Node, agent: Agent) -> None:
    """A file is held open from its first line: what was in it when it was deleted still arrives."""
    bot = node.bot()
    bot.print("first\n")
    await node.told.until(lambda told: "first" in told.messages)
    bot.print("second\nthird\n")
    bot.path().unlink()
    bot.print("fourth\n", index=1)
    await node.told.until(lambda told: "fourth" in told.messages)
    assert node.told.messages == ["first", "second", "third", "fourth"]


async def test_a_removed_allocation_is_read_out_and_let_go(node: Node, agent: Agent) -> None:
    """Removing an allocation's folder loses no line, and its files are closed."""
    bot = node.bot()
    bot.print("first\n")
    await node.told.until(lambda told: "first" in told.messages)
    bot.print("last\nunfinished")
    shutil.rmtree(bot.folder)
    await node.told.until(lambda told: "unfinished" in told.messages)
    await eventually(lambda: not _is_open(bot.path()))
    assert node.told.messages == ["first", "last", "unfinished"]


def _is_open(path: Path) -> bool:
    """Tell whether this process holds the (perhaps deleted) file open."""
    targets = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
    return any(target.startswith(str(path)) for target in targets)


async def test_a_truncated_file_begins_anew(node: Node, agent: Agent) -> None:
    """After a truncation the new lines arrive, with identities of their own, and it is told before them."""
    bot = node.bot()
    bot.print("one\ntwo\nthree\n")
    await node.told.until(lambda told: len(told.seen) == 3)
    os.truncate(bot.path(), 0)
    bot.print("four\n")
    await node.told.until(lambda told: "four" in told.messages)
    ids = [event.id for event in node.told.seen]
    assert ids[3:] == ["a1/stdout/0/14/missed", "a1/stdout/0/14"]
    assert "bot.stdout.0 was cut short, or made anew, after 14 bytes" in node.told.messages[3]
    assert len(await node.stored()) == len(set(ids)) == 5


async def test_a_file_cut_and_filled_anew_between_two_looks_is_read_from_its_beginning(node: Node) -> None:
    """Copied away and cut while no agent looked, and longer again than before: every new line arrives."""
    bot = node.bot()
    bot.print("one\ntwo\nthree\n")
    await node.read_out()
    shutil.copy(bot.path(), bot.folder / "copy")
    os.truncate(bot.path(), 0)
    bot.print("four\nfive\nsix\nseven\n")
    await node.read_out()
    told, *new = [event.message for event in await node.stored()][3:]
    assert "was cut short" in told
    assert new == ["four", "five", "six", "seven"]


async def test_a_file_made_anew_with_the_number_of_the_old_one_is_read_whole(node: Node) -> None:
    """A file system may give a new file the inode of the one that was deleted; what it holds tells."""
    bot = node.bot()
    bot.print("one\ntwo\nthree\n")
    await node.read_out()
    bot.path().write_text("four\nfive\nsix\nseven\n")
    await node.read_out()
    messages = [event.message for event in await node.stored()]
    assert messages[-4:] == ["four", "five", "six", "seven"]


async def test_a_file_made_anew_under_its_name(node: Node, agent: Agent) -> None:
    """A file that is replaced by another of the same name is followed on, with identities of their own."""
    bot = node.bot()
    bot.print("one\n")
    await node.told.until(lambda told: "one" in told.messages)
    bot.path().unlink()
    bot.print("two\n")
    await node.told.until(lambda told: "two" in told.messages)
    assert [event.id for event in node.told.seen] == ["a1/stdout/0/0", "a1/stdout/0/4"]


async def test_invalid_utf8_and_control_characters(node: Node, agent: Agent) -> None:
    """Bytes that are no UTF-8 are shown as replacement characters; the rest of the line stays."""
    bot = node.bot()
    bot.print(b'caf\xe9 \xff\xfe \x00 end\n{"level": "error", "message": "caf\xe9"}\n')
    await node.told.until(lambda told: len(told.seen) == 2)
    assert node.told.messages == ["caf\ufffd \ufffd\ufffd \0 end", "caf\ufffd"]
    assert [event.message for event in await node.stored()] == node.told.messages


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
async def test_lines_up_to_a_mebibyte_are_whole(node: Node, size: int) -> None:
    """A line of 1 MiB arrives whole, a longer one cut and marked, and the next line is not harmed."""
    bot = node.bot()
    bot.print("a" * size + "\nnext\n")
    await node.read_out()
    long, following = await node.stored()
    cut = max(size - (1 << 20), 0)
    assert long.message.startswith("a" * min(size, 1 << 20))
    assert long.data == ({"cut_bytes": cut} if cut else {})
    assert len(long.message) < (1 << 20) + 100
    assert (following.message, following.id) == ("next", f"a1/stdout/0/{size + 1}")


async def test_a_long_line_without_end(node: Node) -> None:
    """A line over the limit that never ends is sent when the agent ends, and the rest counted."""
    bot = node.bot()
    bot.print("b" * ((1 << 20) + 5000))
    await node.read_out()
    (event,) = await node.stored()
    assert event.data == {"cut_bytes": 5000}


async def test_an_unfinished_line_waits_for_its_end(node: Node, agent: Agent) -> None:
    """The two halves of a line, written apart, are one event."""
    bot = node.bot()
    bot.print("first\nhalf a ")
    await node.told.until(lambda told: "first" in told.messages)
    bot.print("line\n")
    await node.told.until(lambda told: len(told.seen) == 2)
    assert node.told.messages == ["first", "half a line"]


async def test_an_unfinished_line_is_sent_after_a_while(node: Node, agent: Agent) -> None:
    """A prompt without a newline does not stay invisible."""
    node.bot().print("waiting for input: ")
    await node.told.until(lambda told: told.messages == ["waiting for input: "])


async def test_a_stack_trace_split_over_writes_is_one_event(node: Node) -> None:
    """A trace that is written line by line is joined; the lines around it stay their own."""
    began = time.monotonic()
    agent = node.agent(clock=lambda: began)  # so that none of it gets old, however slow we are
    running = asyncio.create_task(agent.run())
    bot = node.bot()
    for line in ["before\n", *TRACE.splitlines(keepends=True), "after\n"]:
        bot.print(line, "stderr")
        await asyncio.sleep(0.002)
    await node.told.until(lambda told: "after" in told.messages)
    await agent.finish()
    await running
    assert node.told.messages == ["before", TRACE.rstrip(), "after"]
    assert [event.level for event in node.told.seen] == ["info", "error", "info"]


async def test_a_trace_at_the_end_is_not_held_back(node: Node, agent: Agent) -> None:
    """A trace after which nothing comes is sent within a moment."""
    node.bot().print(TRACE)
    await node.told.until(lambda told: told.messages == [TRACE.rstrip()])


async def test_restarts_in_the_middle_lose_and_double_nothing(node: Node) -> None:
    """Agents that are cancelled at any moment, while the bot prints, deliver every line exactly once."""
    bot = node.bot()
    written = 0
    chance = random.Random(7)
    for _ in range(25):
        following = node.agent(linger=0.0)
        running = asyncio.create_task(following.run())
        for _ in range(chance.randrange(1, 8)):
            for _ in range(chance.randrange(1, 40)):
                bot.print(f"line {written}\n", index=written // 300)
                written += 1
            await asyncio.sleep(chance.random() * 0.004)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await node.read_out()
    stored = Counter(event.message for event in await node.stored())
    assert stored == Counter(f"line {number}" for number in range(written))
    assert Counter(node.told.messages) == stored


async def test_a_lost_checkpoint_doubles_nothing(node: Node) -> None:
    """Without its checkpoint the agent reads everything again, and the intake knows every line."""
    bot = node.bot()
    bot.print("".join(f"line {number}\n" for number in range(1000)))
    bot.report(kind="started", run="a1-1")
    await node.read_out()
    node.checkpoint.unlink()
    await node.read_out()
    assert len(await node.stored()) == 1001
    assert len(node.told.seen) == 1001
    assert len(node.told.heard) == 1


async def test_a_lost_checkpoint_and_a_new_intake_double_nothing(node: Node) -> None:
    """Also an intake that was started anew knows from its store what came before."""
    bot = node.bot()
    bot.print("one\n" + TRACE + "two\n")
    await node.read_out()
    node.checkpoint.unlink()
    bot.print("three\n")
    again = Told()
    node.intake._listener, node.intake._allocations = again, {}
    await node.read_out()
    assert again.messages == ["three"]
    assert [event.message for event in await node.stored()] == ["one", TRACE.rstrip(), "two", "three"]


async def test_a_damaged_checkpoint_is_no_obstacle(node: Node) -> None:
    """A checkpoint of rubbish is as good as none."""
    node.checkpoint.write_bytes(b"\x93rubbish")
    node.bot().print("hello\n")
    await node.read_out()
    assert [event.message for event in await node.stored()] == ["hello"]


async def test_a_damaged_checkpoint_loses_no_line_of_a_file_that_was_cut(node: Node) -> None:
    """The checkpoint before it still knows that the file has had another life."""
    bot = node.bot()
    bot.print("one\ntwo\nthree\n")
    await node.read_out()
    os.truncate(bot.path(), 0)
    bot.print("four\n")
    await node.read_out()
    node.checkpoint.write_bytes(b"\x93rubbish")
    bot.print("five\n")
    await node.read_out()
    messages = [event.message for event in await node.stored() if not event.data]
    assert messages == ["one", "two", "three", "four", "five"]


async def test_files_deleted_while_no_agent_ran_are_reported(node: Node) -> None:
    """Rotated files that are gone before they were read leave an event that says so."""
    bot = node.bot()
    bot.print("zero\n")
    await node.read_out()
    bot.print("one\n", index=1)
    bot.path(index=0).unlink()
    bot.path(index=1).unlink()
    bot.print("three\n", index=3)
    await node.read_out()
    messages = [event.message for event in await node.stored()]
    assert [messages[0], messages[-1]] == ["zero", "three"]
    assert "log files 0 to 2 had been deleted" in messages[1]


async def test_a_gap_tells_how_much_is_lost_and_from_when_to_when(node: Node, agent: Agent) -> None:
    """Of files that were rotated away while no agent ran, size and times are told and counted, once."""
    bot = node.bot("a1", bot="alpha")
    bot.print("x" * 99 + "\n")
    os.utime(bot.path(), (1_790_000_000, 1_790_000_000))
    await node.told.until(lambda told: told.seen)
    await agent.finish()
    for index in range(1, 6):
        bot.print(("y" * 99 + "\n") * 10, index=index)
    bot.path(index=0).unlink()
    for index in range(1, 4):
        bot.path(index=index).unlink()
    for index in (4, 5):
        os.utime(bot.path(index=index), (1_790_000_600 + index, 1_790_000_600 + index))
    await node.read_out()
    await node.read_out()
    (gap,) = [event for event in await node.stored() if event.data.get("missed")]
    assert (gap.level, gap.time, gap.bot) == ("warning", 1_790_000_604.0, "alpha")
    assert gap.data == {
        "missed": True,
        "files": 4,
        "bytes": 3900,
        "since": 1_790_000_000.0,
        "until": 1_790_000_604.0,
    }
    assert gap.message.endswith(
        "about 3.9 kB, printed between 2026-09-21 14:13:20 UTC and 2026-09-21 14:23:24 UTC"
    )
    assert len(await node.stored()) == 22


async def test_a_gap_before_anything_was_read_tells_how_much_is_lost(node: Node) -> None:
    """An agent that comes to a bot whose first files are gone tells how large they were, about."""
    bot = node.bot()
    for index in (3, 4):
        bot.print(("y" * 99 + "\n") * 10, index=index)
    await node.read_out()
    gap, *lines = await node.stored()
    assert (gap.data["files"], gap.data["bytes"], gap.data["since"]) == (3, 3000, None)
    assert "log files 0 to 2 had been deleted" in gap.message
    assert len(lines) == 20


async def lost_and_read_again(node: Node, until: int, first: int) -> list[Event]:
    """Read files up to `until`, lose the checkpoint and files before `first`; return the gaps told."""
    bot = node.bot()
    for index in range(until + 1):
        bot.print(f"line of file {index:02}\n" * 10, index=index)
    await node.read_out()
    node.checkpoint.unlink()
    for index in range(until + 1, first + 2):
        bot.print(f"line of file {index:02}\n" * 10, index=index)
    for index in range(first):
        bot.path(index=index).unlink()
    await node.read_out()
    return [event for event in await node.stored() if event.data.get("missed")]


async def test_an_agent_without_its_checkpoint_tells_of_nothing_that_was_stored(node: Node) -> None:
    """Files that are gone, and were read before, are no gap: the intake knows how far each stream came."""
    assert await lost_and_read_again(node, until=4, first=3) == []
    assert len(await node.stored()) == 50


async def test_a_gap_is_as_large_as_what_is_not_stored(node: Node) -> None:
    """Of the files that an agent with an old checkpoint misses, those that were stored do not count."""
    (gap,) = await lost_and_read_again(node, until=4, first=7)
    assert gap.message.startswith("some output was lost: log files 4 to 6 had been deleted before")
    assert (gap.data["files"], gap.data["bytes"]) == (3, 2 * 10 * len("line of file 00\n"))


def test_a_gap_is_told_after_what_was_left_to_read_before_it(node: Node) -> None:
    """Files that go while one before them is still being read are told of at their place, with their size."""
    bot = node.bot()
    bot.print(("y" * 99 + "\n") * 2000)
    stream = Stream(bot.folder, "bot", "stdout")
    with opened(bot.folder, "alloc", "logs") as logs:
        stream.open(logs, 0, None)
        first = stream.next(100.0)
        bot.print(("y" * 99 + "\n") * 10, index=4)
        bot.print("last\n", index=5)
        for index in (4, 5):
            stream.open(logs, index, None)
    pieces = [stream.next(100.0, last=True) for _ in range(3)]
    assert [piece.index for piece in (first, *pieces) if piece] == [0, 0, 4, 5]
    gaps = [piece.gap for piece in (first, *pieces) if piece]
    assert [gap and (gap.files, gap.size) for gap in gaps] == [None, None, (3, 3000), None]
    assert stream.whole == 1000
    stream.close()


def test_a_file_for_which_there_is_no_room_is_not_passed_over(node: Node) -> None:
    """Where no more files may be open, following stops at the first, and goes on there once there is room."""
    bot = node.bot()
    for index in range(2):
        bot.print("line\n", index=index)
    stream = Stream(bot.folder, "bot", "stdout")
    with opened(bot.folder, "alloc", "logs") as logs:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (logs + 1, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                stream.open(logs, 0, None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for index in range(2):
            stream.open(logs, index, None)
    first = stream.next(100.0, last=True)
    assert first is not None
    assert (first.index, first.missed) == (0, "")
    stream.close()


async def test_what_is_nested_without_end_ends_no_agent(node: Node) -> None:
    """Labels and reports that a bot wrote itself, too deep to be read, cost the other bots nothing."""
    nested = b'{"a": ' * 5000
    odd, good = node.bot("a1"), node.bot("a2")
    odd.print(nested + b"\n", "launcher")
    node.bot("a3").folder.joinpath("alloc", "herdsman.json").write_bytes(nested)
    good.print("good\n")
    await node.read_out()
    assert "good" in node.told.messages
    assert [event.bot for event in await node.stored()] == ["bot-a1", "bot-a2"]


async def test_other_folders_are_left_alone(node: Node) -> None:
    """No labels, another allocation's labels, another fleet, a link, a pipe: none is read, none disturbs."""
    good = node.bot("a1")
    good.print("good\n")
    node.bot("a2", fleet="other-fleet").print("another fleet's\n")
    forged = node.bot("a3")
    (forged.folder / "alloc" / "herdsman.json").write_text(
        json.dumps({"allocation": "a1", "bot": "bot-a1", "fleet": "desk-abc123"})
    )
    forged.print("forged\n")
    (node.root / "a4" / "alloc" / "logs").mkdir(parents=True)
    (node.root / "file").write_text("no folder")
    linked = node.bot("a5")
    secret = node.root.parent / "secret"
    secret.write_text("secret\n")
    linked.path().symlink_to(secret)
    os.mkfifo(linked.path("stderr"))
    await node.read_out(fleet="desk-abc123")
    assert [event.message for event in await node.stored()] == ["good"]


async def test_a_second_name_of_anothers_file_is_not_read(node: Node) -> None:
    """A hard link to another bot's output is refused for good, and told among the bot's own lines."""
    other, bot = node.bot("a1", bot="other"), node.bot("a2", bot="thief")
    other.print("a secret\n")
    bot.print("mine\n")
    await node.read_out()
    bot.path(index=1).hardlink_to(other.path())
    other.print("and another\n")
    agent = node.agent()
    running = asyncio.create_task(agent.run())
    await node.told.until(lambda told: "and another" in told.messages)
    other.path().unlink()
    bot.path(index=2).write_text("and mine\n")
    await agent.finish()
    await running
    assert [event.message for event in await node.stored(bot="other")] == ["a secret", "and another"]
    told = [event.message for event in await node.stored(bot="thief")]
    assert told[0] == "mine"
    assert told[1].startswith("the log file bot.stdout.1 is not read: it is another bot's")
    assert told[2:] == ["and mine"]


async def test_a_bot_that_floods_its_log_keeps_no_other_waiting(node: Node) -> None:
    """Of megabytes that wait, a quiet bot's line is among the first that are stored; nothing is left out."""
    loud, quiet = node.bot("a1", bot="loud"), node.bot("a2", bot="quiet")
    line = "x" * 99 + "\n"
    loud.print(line * 20_000)
    quiet.print("a word\n")
    await node.read_out()
    messages = [event.message for event in node.told.seen]
    assert messages.index("a word") < 6_000
    assert len(messages) == 20_001


async def test_the_query_servers_lines_are_the_bots(node: Node) -> None:
    """What a query server prints is kept as a stream of its own."""
    bot = node.bot("a1", bot="alpha")
    bot.print("asked\n", "query")
    await node.read_out()
    assert [(one.bot, one.stream, one.message) for one in await node.stored()] == [
        ("alpha", "query", "asked")
    ]


@pytest.mark.parametrize("moved", ["alloc/logs", "alloc", ""])
async def test_a_folder_replaced_by_a_link_shows_nothing_of_another(
    node: Node, agent: Agent, moved: str
) -> None:
    """A bot that puts a link in place of its folder sends nothing of what the link leads to."""
    other = node.root.parent / "elsewhere" / "a1"
    (other / "alloc" / "logs").mkdir(parents=True)
    (other / "alloc" / "logs" / "bot.stdout.1").write_text("another's\n")
    bot = node.bot("a1")
    (other / "alloc" / "herdsman.json").write_bytes((bot.folder / "alloc" / "herdsman.json").read_bytes())
    bot.print("first\n")
    await node.told.until(lambda told: "first" in told.messages)
    (bot.folder / moved).rename(node.root.parent / "away")
    (bot.folder / moved).symlink_to(other / moved)
    await agent.finish()
    await node.read_out()
    assert [event.message for event in await node.stored()] == ["first"]


async def test_strange_launcher_files_disturb_nothing(node: Node) -> None:
    """A pipe or a link in place of a launcher's file, or a name that is nearly one, is passed over."""
    bot = node.bot("a1")
    os.mkfifo(bot.path("launcher", 1))
    bot.path("launcher", 2).symlink_to("/dev/zero")
    (bot.logs / "bot.launcher.\N{SUPERSCRIPT TWO}").touch()
    writer = os.open(bot.path("launcher", 1), os.O_RDWR)
    try:
        bot.print("good\n")
        await node.read_out()
    finally:
        os.close(writer)
    assert [event.message for event in await node.stored()] == ["good"]


class Crowd:
    """A sink: twenty bots print between any two batches; counts those that tell of a quiet one."""

    def __init__(self, node: Node) -> None:
        self._to = DirectSink(node.intake)
        self._bots = [node.bot(f"a{number}") for number in range(20)]
        self.told = 0

    async def send(self, body: bytes) -> None:
        for bot in self._bots:
            bot.print("busy\n")
        batch = decode_batch(body)
        self.told += any(batch.allocations[use.allocation].bot == "quiet" for use in batch.uses)
        await self._to.send(body)

    async def close(self) -> None:
        """Hold nothing."""


async def test_a_quiet_bot_is_heard_out_while_all_others_print(node: Node) -> None:
    """After a restart its silence is its own, however much its neighbours have to say."""
    quiet, sink = node.bot("q1", bot="quiet"), Crowd(node)
    quiet.report(kind="started", run="q1-1", pid=os.getpid(), launcher_pid=os.getpid(), t=time.time())
    running = asyncio.create_task(node.agent(sink=sink, sample_every=0.02).run())
    await eventually(lambda: node.intake.heard_out("quiet") or sink.told >= 20)
    assert node.intake.heard_out("quiet")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_bot_with_more_to_read_is_not_heard_out(node: Node) -> None:
    """What does not go into a batch is still to be heard, also of another stream or allocation of it."""
    behind, other = node.bot("a1", bot="behind"), node.bot("a2", bot="behind")
    behind.print(("x" * 99 + "\n") * 20_000)
    other.print("one line\n", "stderr")
    found: list[tuple[bool, bool]] = []

    class Watching(DirectSink):
        async def send(self, body: bytes) -> None:
            await super().send(body)
            found.append((len(node.told.seen) == 20_001, node.intake.heard_out("behind")))

    agent = node.agent(sink=Watching(node.intake))
    running = asyncio.create_task(agent.run())
    await eventually(lambda: found and found[-1][0])
    await agent.finish()
    await running
    assert len(found) > 3
    assert [out for whole, out in found if not whole] == [False] * sum(not whole for whole, _ in found)
    assert node.intake.heard_out("behind")


async def test_a_bot_is_down_while_its_launcher_waits_to_start_it_again(node: Node) -> None:
    """Only while its process runs is anything measured, and said to be up, of it."""
    running = asyncio.create_task(node.agent(sample_every=0.05).run())
    bot, neighbour = node.bot("a1", bot="alpha"), node.bot("a2", bot="beta")
    for one in (bot, neighbour):
        one.report(kind="started", run="r-1", pid=os.getpid(), launcher_pid=os.getpid(), t=time.time())

    def count(name: str) -> int:
        return sum(one.name == "bot_memory_bytes" and one.labels["bot"] == name for one in node.told.values)

    await node.told.until(lambda _: count("alpha") and count("beta"))
    bot.report(kind="exited", run="r-1", launcher_pid=os.getpid(), restart_in=60, t=time.time())
    await node.told.until(lambda told: any(report.kind is ReportKind.EXITED for _, report in told.heard))
    before = count("alpha"), count("beta")
    await node.told.until(lambda _: count("beta") >= before[1] + 3)
    assert count("alpha") <= before[0] + 1  # of a round that was under way
    bot.report(kind="running", run="r-2", pid=os.getpid(), launcher_pid=os.getpid(), t=time.time())
    await node.told.until(lambda _: count("alpha") > before[0] + 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_agent_of_bots_that_are_down_is_known_to_live(node: Node) -> None:
    """It speaks now and then although nothing is printed and nothing is measured."""
    node.bot()
    batches: list[Batch] = []

    class Counting(DirectSink):
        async def send(self, body: bytes) -> None:
            batches.append(decode_batch(body))
            await super().send(body)

    running = asyncio.create_task(node.agent(sink=Counting(node.intake), speak_every=0.01).run())
    await eventually(lambda: sum(not (one.chunks or one.uses or one.drained) for one in batches) >= 2)
    (heard,) = node.intake.agents.values()
    assert heard.refused == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_agent_ends_although_each_batch_takes_longer_than_a_round(node: Node) -> None:
    """What is measured while the last lines are sent does not keep it from ending."""
    bot = node.bot()
    bot.report(kind="started", run="a1-1", pid=os.getpid(), launcher_pid=os.getpid(), t=time.time())
    batches = 0

    class Slow(DirectSink):
        async def send(self, body: bytes) -> None:
            nonlocal batches
            batches += 1
            await asyncio.sleep(0.1)
            await super().send(body)

    agent = node.agent(sink=Slow(node.intake), sample_every=0.001)
    running = asyncio.create_task(agent.run())
    await eventually(lambda: batches >= 3)
    finishing = asyncio.create_task(agent.finish())
    before = batches
    await eventually(lambda: finishing.done() or batches > before + 30)
    assert finishing.done()
    await asyncio.gather(finishing, running)


async def test_drained_only_when_all_is_acknowledged(node: Node, agent: Agent) -> None:
    """An allocation is drained once every line of every stream is stored, and not while one is missing."""
    bot = node.bot("a1", bot="alpha")
    assert not agent.drained("a1")
    bot.print("hello\n")
    bot.report(kind="exited", outcome="stopped")
    await node.told.until(lambda told: told.heard)
    await eventually(lambda: agent.drained("a1") and node.intake.drained("alpha"))
    assert len(await node.stored()) == 2
    assert node.intake.allocation_drained("a1")
    bot.print("more")
    assert not agent.drained("a1")
    assert not node.intake.allocation_drained("unknown")


async def test_polling_instead_of_inotify(node: Node) -> None:
    """Where the kernel gives no more watches, looking now and then finds the same lines."""
    following = node.agent(watcher=Polling())
    running = asyncio.create_task(following.run())
    bot = node.bot()
    bot.print("one\n")
    await node.told.until(lambda told: "one" in told.messages)
    bot.print("two\n")
    bot.print("three\n", index=1)
    await node.told.until(lambda told: "three" in told.messages)
    assert node.told.messages == ["one", "two", "three"]
    await following.finish()
    await running


async def test_a_checkpoint_that_cannot_be_written_stops_nothing(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """With a broken disk under the checkpoint, lines go on arriving, and the log says so."""
    node.checkpoint.with_name(node.checkpoint.name + ".new").mkdir()
    node.bot().print("one\n")
    await node.read_out()
    await node.read_out()
    assert [event.message for event in await node.stored()] == ["one"]
    assert "lines may be sent again" in caplog.text
