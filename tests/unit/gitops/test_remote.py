import asyncio
import contextlib
import gzip
import logging
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from gitops.build import build_desired_state
from gitops.hosted import HostedRepository, RemoteBroken
from gitops.process import git_environment
from gitops.push import Push, Say
from gitops.reading import CommitReader
from gitops.remote import GitRemote
from schemas.errors import SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.serving import serving


class Gate:
    """Lets in what validates, and keeps what it was asked."""

    def __init__(self) -> None:
        self.checked: list[Push] = []
        self.accepted_pushes: list[Push] = []
        self.accepted_one = asyncio.Event()

    async def check(self, push: Push, say: Say) -> bool:
        self.checked.append(push)
        if push.deployed is None or push.deployed.deletes:
            return True
        state = await asyncio.to_thread(self.build, push, push.deployed.new)
        for error in state.errors:
            await say(str(error))
        return not state.errors

    @staticmethod
    def build(push: Push, commit: str):
        with push.reader(commit) as reader:
            return build_desired_state(reader)

    async def accepted(self, push: Push, say: Say) -> None:
        self.accepted_pushes.append(push)
        await say("alpha: running")
        self.accepted_one.set()


class Served:
    """A remote that is served, with a clone to push from."""

    def __init__(self, folder: Path, gate: Gate) -> None:
        self.repository = HostedRepository(folder / "fleet.git")
        self.repository.create()
        self.gate = gate
        self.remote = GitRemote(self.repository, gate)
        self.clone = Clone(folder / "clone")
        self.port = 0

    async def __call__(self, scope, receive, send) -> None:
        scope.setdefault("state", {})["user"] = "ada"
        await self.remote(scope, receive, send)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/git/fleet.git"

    async def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(self.clone.git, *arguments, check=False)

    async def push(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await self.git("push", self.url, *(arguments or ("main",)))

    async def refs(self) -> dict[str, str]:
        return await self.repository.refs()


@contextlib.asynccontextmanager
async def served_with(folder: Path, gate):
    served = Served(folder, gate)
    async with serving(served) as served.port:
        yield served
        await served.remote.close()


@pytest.fixture
async def served(tmp_path):
    async with served_with(tmp_path, Gate()) as served:
        yield served


def sound(size: int = 1) -> dict[str, str]:
    return {**program_files(), "bots/a.yaml": bot_file("alpha", size=size)}


async def test_a_sound_push_is_let_in_and_followed(served):
    """The branch moves, and what becomes of it is shown to whoever pushed."""
    head = served.clone.commit(sound())
    done = await served.push()
    assert done.returncode == 0, done.stderr
    assert "remote: alpha: running" in done.stderr
    assert await served.refs() == {"refs/heads/main": head}
    (push,) = served.gate.accepted_pushes
    assert (push.user, push.deployed.new, push.deployed.creates) == ("ada", head, True)
    with CommitReader(served.repository.path, head) as reader:
        assert set(build_desired_state(reader).bots) == {"alpha"}


async def test_a_push_with_a_mistake_is_refused_with_its_line(served):
    """A misspelled key is shown with file, line and suggestion, and the branch stays where it was."""
    head = served.clone.commit(sound())
    await served.push()
    served.clone.commit({"bots/a.yaml": bot_file("alpha", sise=1)})
    done = await served.push()
    assert done.returncode == 1
    assert 'remote: bots/a.yaml:5:1  unknown parameter "sise"' in done.stderr
    assert 'did you mean "size"' in done.stderr
    assert await served.refs() == {"refs/heads/main": head}
    assert len(served.gate.accepted_pushes) == 1


async def test_push_options_reach_the_gate(served):
    """Options of `git push -o` arrive as they were given, whatever is in them."""
    served.clone.commit(sound())
    odd = "a=$(touch /tmp/never) `id` \"q\" 'p' \\n ü"
    done = await served.push("-o", "wait=healthy", "-o", odd, "main")
    assert done.returncode == 0, done.stderr
    assert served.gate.checked[0].options == ("wait=healthy", odd)


async def test_only_branches_and_tags_are_taken(served):
    """A push to any other ref is refused before the gate is asked."""
    served.clone.commit(sound())
    done = await served.push("main:refs/notes/x")
    assert done.returncode == 1
    assert "Only branches and tags" in done.stderr
    assert served.gate.checked == []


async def test_the_deployed_branch_cannot_be_deleted(served):
    """Deleting what is deployed is refused; another branch may be deleted."""
    served.clone.commit(sound())
    await served.push("main", "main:feature")
    done = await served.push(":main")
    assert done.returncode == 1
    assert "cannot be deleted" in done.stderr
    done = await served.push(":feature")
    assert done.returncode == 0, done.stderr
    assert set(await served.refs()) == {"refs/heads/main"}


async def test_a_branch_may_be_rewritten(served):
    """A forced push to an earlier commit is let in: it is how people go back."""
    first = served.clone.commit(sound())
    served.clone.commit(sound(2))
    await served.push()
    done = await served.push("--force", f"{first}:refs/heads/main")
    assert done.returncode == 0, done.stderr
    assert await served.refs() == {"refs/heads/main": first}


async def test_what_was_pushed_can_be_cloned(served, tmp_path):
    """Another clone gets the same commit over protocol version 2."""
    head = served.clone.commit(sound())
    await served.push()
    done = await served.git("-c", "protocol.version=2", "clone", "-q", served.url, str(tmp_path / "other"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "other/.git/refs/heads/main").read_text().strip() == head


async def test_a_large_push_arrives_whole_in_chunks(served):
    """A push above git's buffer goes as chunks, after a probe, and arrives unchanged."""
    served.clone.commit({**sound(), "data.bin": os.urandom(8 << 20)})
    done = await served.git("-c", "http.postBuffer=65536", "push", served.url, "main")
    assert done.returncode == 0, done.stderr
    assert len(served.gate.accepted_pushes) == 1


async def test_a_push_above_the_limit_is_refused(tmp_path):
    """A push larger than the limit ends with git's own words, and nothing is kept."""
    async with served_with(tmp_path, Gate()) as served:
        served.repository = HostedRepository(served.repository.path, largest_push=1 << 20)
        served.repository.create()
        served.clone.commit({**sound(), "data.bin": os.urandom(3 << 20)})
        done = await served.push()
        assert done.returncode != 0
        assert "exceeds maximum allowed size" in done.stderr
        assert await served.refs() == {}


async def test_a_broken_object_is_refused(served):
    """Objects are checked as they come: a tree with a path that leaves the folder is not taken."""
    blob = (await served.git("hash-object", "-w", "--stdin")).stdout.strip()
    entry = b"100644 ..\0" + bytes.fromhex(blob)
    served.clone.write({"tree": entry})
    tree = (await served.git("hash-object", "-w", "-t", "tree", "--literally", "tree")).stdout.strip()
    commit = (await served.git("commit-tree", tree, "-m", "Evil")).stdout.strip()
    done = await served.push(f"{commit}:refs/heads/main")
    assert done.returncode != 0
    assert await served.refs() == {}
    assert served.gate.checked == []


async def test_a_gate_that_fails_lets_nothing_in(tmp_path, caplog):
    """An unexpected error in the check refuses the push with a sentence, and no trace of it."""

    class Failing(Gate):
        async def check(self, push, say):
            raise RuntimeError("secret detail")

    async with served_with(tmp_path, Failing()) as served:
        served.clone.commit(sound())
        done = await served.push()
    assert done.returncode == 1
    assert "herdsman failed to check this push" in done.stderr
    assert "secret detail" not in done.stderr
    assert "secret detail" in caplog.text


async def test_a_gate_that_cannot_read_says_why(tmp_path):
    """An error of ours is shown as it is."""

    class Failing(Gate):
        async def check(self, push, say):
            raise SourceUnavailable("The disk is full\nMake room")

    async with served_with(tmp_path, Failing()) as served:
        served.clone.commit(sound())
        done = await served.push()
    assert "remote: The disk is full" in done.stderr
    assert "remote: Make room" in done.stderr


async def test_lines_are_shown_as_they_are_said(tmp_path):
    """A line of the gate is on the pusher's screen before the gate says the next one."""

    class Talking(Gate):
        def __init__(self) -> None:
            super().__init__()
            self.seen = asyncio.Event()

        async def accepted(self, push, say):
            await say("first")
            await self.seen.wait()
            await say("second")

    gate = Talking()
    async with served_with(tmp_path, gate) as served:
        served.clone.commit(sound())
        child = await asyncio.create_subprocess_exec(
            *("git", "push", served.url, "main"),
            cwd=served.clone.path,
            env=git_environment(),
            stderr=asyncio.subprocess.PIPE,
        )
        text = b""
        while b"first" not in text:
            text += await child.stderr.readuntil(b"\n")
        gate.seen.set()
        text += await child.stderr.read()
        assert await child.wait() == 0
        assert b"second" in text


async def test_pushes_at_once_are_checked_one_after_the_other(tmp_path):
    """While one push is checked another waits, is told so, and then sees what the first left."""

    class Slow(Gate):
        def __init__(self) -> None:
            super().__init__()
            self.at_once = 0
            self.most = 0
            self.entered = asyncio.Event()
            self.go_on = asyncio.Event()

        async def check(self, push, say):
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.entered.set()
            await self.go_on.wait()
            self.at_once -= 1
            return await super().check(push, say)

    gate = Slow()
    async with served_with(tmp_path, gate) as served:
        served.clone.commit(sound())
        first = asyncio.create_task(served.push("main"))
        await gate.entered.wait()
        second = asyncio.create_subprocess_exec(
            *("git", "push", served.url, "main:other"),
            cwd=served.clone.path,
            env=git_environment(),
            stderr=asyncio.subprocess.PIPE,
        )
        child = await second
        assert b"Another push is being checked" in await child.stderr.readuntil(b"\n")
        gate.go_on.set()
        assert (await first).returncode == 0
        await child.stderr.read()
        assert await child.wait() == 0
        assert gate.most == 1
        assert set(await served.refs()) == {"refs/heads/main", "refs/heads/other"}


async def test_a_client_that_leaves_during_the_check_changes_nothing(tmp_path):
    """When the pusher is gone before the answer, the check is ended and the branch does not move."""

    class Waiting(Gate):
        def __init__(self) -> None:
            super().__init__()
            self.entered = asyncio.Event()
            self.ended = asyncio.Event()

        async def check(self, push, say):
            self.entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()

    gate = Waiting()
    async with served_with(tmp_path, gate) as served:
        served.clone.commit(sound())
        child = await asyncio.create_subprocess_exec(
            *("git", "push", "-q", served.url, "main"),
            cwd=served.clone.path,
            env=git_environment(),
            start_new_session=True,
        )
        await gate.entered.wait()
        os.killpg(child.pid, 9)
        await child.wait()
        await gate.ended.wait()
        assert await served.refs() == {}
        gate.check = Gate.check.__get__(gate)
        assert (await served.push()).returncode == 0


async def test_a_client_that_leaves_afterwards_stops_nothing(tmp_path):
    """Once the branch has moved, the pass is followed to its end without the pusher."""

    class Waiting(Gate):
        def __init__(self) -> None:
            super().__init__()
            self.entered = asyncio.Event()
            self.go_on = asyncio.Event()

        async def accepted(self, push, say):
            self.entered.set()
            await self.go_on.wait()
            await super().accepted(push, say)

    gate = Waiting()
    async with served_with(tmp_path, gate) as served:
        head = served.clone.commit(sound())
        child = await asyncio.create_subprocess_exec(
            *("git", "push", "-q", served.url, "main"),
            cwd=served.clone.path,
            env=git_environment(),
            start_new_session=True,
        )
        await gate.entered.wait()
        os.killpg(child.pid, 9)
        await child.wait()
        # The next push does not wait for the one that is followed.
        served.clone.commit(sound(2))
        assert await served.refs() == {"refs/heads/main": head}
        gate.go_on.set()
        await gate.accepted_one.wait()


@pytest.mark.parametrize("harm", ["mode", "text", "missing"])
async def test_a_repository_whose_hook_would_not_run_takes_no_push(served, harm, caplog):
    """Git skips a hook that it cannot run; the push is refused before git is even started."""
    hook = served.repository.path / "hooks/pre-receive"
    if harm == "mode":
        hook.chmod(0o644)
    elif harm == "text":
        hook.write_text("#!/bin/sh\nexit 0\n")
    else:
        hook.unlink()
    with caplog.at_level(logging.CRITICAL), pytest.raises(RemoteBroken):
        served.repository.check()
    served.clone.commit(sound())
    done = await served.push()
    assert done.returncode != 0
    assert "pushes would go unchecked" in done.stderr
    assert await served.refs() == {}
    served.repository.create()
    assert (await served.push()).returncode == 0


async def test_a_push_that_went_unchecked_is_undone(served, monkeypatch, caplog):
    """Should git have skipped the hook all the same, the refs are put back, and the log says so."""
    served.clone.commit(sound())
    await served.push("main", "main:kept")
    before = await served.refs()
    shutil.rmtree(served.repository.path / "hooks")
    monkeypatch.setattr(served.repository, "check_files", lambda: None)
    served.clone.commit(sound(2))
    await served.push("main", "main:new", ":kept")
    assert await served.refs() == before
    assert "pre-receive hook was not run" in caplog.text


async def test_nobody_pushes_past_herdsman(served):
    """A push straight into the repository's folder is refused by the hook."""
    served.clone.commit(sound())
    done = await served.git("push", str(served.repository.path), "main")
    assert done.returncode == 1
    assert "through herdsman only" in done.stderr


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/info/refs?service=git-receive-pack", 200),
        ("GET", "/info/refs/?service=git-upload-pack", 200),
        ("GET", "/info/refs", 403),
        ("GET", "/info/refs?service=git-upload-archive", 403),
        ("GET", "/HEAD", 404),
        ("GET", "/config", 404),
        ("GET", "/objects/info/packs", 404),
        ("GET", "/../other.git/info/refs?service=git-upload-pack", 404),
        ("GET", "/git-receive-pack", 405),
        ("POST", "/info/refs?service=git-receive-pack", 405),
        ("POST", "/git-upload-archive", 404),
    ],
)
async def test_only_the_smart_protocol_is_served(served, method, path, status):
    """Three addresses answer; no file of the repository can be read, and the dumb protocol is off."""
    async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=90) as client:
        assert (await client.request(method, f"{served.url}{path}")).status_code == status


async def test_a_compressed_request_is_understood(served):
    """A fetch whose request is gzipped gets its answer."""
    served.clone.commit(sound())
    await served.push()
    body = b"0014command=ls-refs\n0014agent=git/2.39.500010009peel\n0000"
    headers = {
        "content-type": "application/x-git-upload-pack-request",
        "content-encoding": "gzip",
        "git-protocol": "version=2",
    }
    async with httpx.AsyncClient(trust_env=False, timeout=90) as client:
        answer = await client.post(
            f"{served.url}/git-upload-pack", content=gzip.compress(body), headers=headers
        )
    assert answer.status_code == 200
    assert b"refs/heads/main" in answer.content


async def test_a_request_of_another_kind_is_refused(served):
    """A form of a web page cannot be a push."""
    async with httpx.AsyncClient(trust_env=False, timeout=90) as client:
        answer = await client.post(f"{served.url}/git-receive-pack", data={"a": "b"})
    assert answer.status_code == 415


def test_creating_again_keeps_what_was_pushed(tmp_path):
    """The repository is made once; afterwards only its settings and hooks are renewed."""
    repository = HostedRepository(tmp_path / "fleet.git")
    repository.create()
    (repository.path / "config").write_text("[core]\n\tbare = true\n\trepositoryformatversion = 0\n")
    repository.create()
    text = (repository.path / "config").read_text()
    assert "fsckObjects = true" in text
    assert "advertisePushOptions = true" in text
    assert (repository.path / "HEAD").read_text() == "ref: refs/heads/main\n"


async def test_a_client_that_leaves_while_it_sends_leaves_no_process(served):
    """A push that breaks off in the middle of its data ends all of git's children, and the next one works."""
    served.clone.commit(sound())
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"POST /git/fleet.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-git-receive-pack-request\r\n\r\n0098"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await served.push()).returncode == 0
    async with asyncio.timeout(90):
        while {child.pid for child in psutil.Process().children(recursive=True)} - before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
