import asyncio
import base64
import contextlib

import psutil
import pytest

from gitops.git_source import GitSource
from gitops.hosted import HostedRepository
from gitops.reading import CommitReader
from gitops.references import make_reference
from gitops.remote import GitRemote
from gitops.sources import HostedSource, NothingPushed
from gitops.transport import Credentials, Transport
from schemas.errors import SourceUnavailable, UsageError
from tests.unit.gitops.fleets import Clone
from tests.unit.gitops.serving import make_certificate, serving

TOKEN = "t0ken-$(id)-'quoted'"


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def source(clone, tmp_path):
    return GitSource(
        Transport(f"file://{clone.path}"),
        make_reference(branch="main"),
        mirror=tmp_path / "mirror.git",
        timeout=90,
    )


async def test_a_branch_is_fetched_with_its_objects(clone, source):
    """The newest commit comes with its facts, and can be read from the mirror."""
    commit = clone.commit({"bots/a.yaml": "1"}, message="First")
    revision = await source.fetch()
    assert (revision.id, revision.message, revision.branch) == (commit, "First", "main")
    assert revision.source == source.url
    with CommitReader(source.repository, commit) as reader:
        assert any(entry.path == "bots/a.yaml" for entry in reader.entries())


async def test_a_new_commit_is_noticed(clone, source):
    """A later commit is the next revision."""
    clone.commit({"a": "1"})
    await source.fetch()
    commit = clone.commit({"a": "2"})
    assert (await source.fetch()).id == commit


async def test_a_path_is_a_source(clone, tmp_path):
    """A plain path works as a URL, and without a branch the default one is taken."""
    commit = clone.commit({"a": "1"})
    source = GitSource(Transport(str(clone.path)), mirror=tmp_path / "mirror.git")
    assert (await source.fetch()).id == commit
    assert source.branch == "main"


async def test_a_rewritten_branch_is_followed(clone, source):
    """After a force-push the source is at the new commit and says so, and the old one can still be read."""
    first = clone.commit({"a": "1"})
    second = clone.commit({"a": "2"})
    assert (await source.fetch()).id == second
    clone.git("reset", "-q", "--hard", first)
    third = clone.commit({"a": "3"})
    revision = await source.fetch()
    assert (revision.id, revision.rewritten) == (third, second)
    with CommitReader(source.repository, second) as reader:
        assert reader.revision.id == second


async def test_a_deleted_branch_is_unavailable_until_it_is_back(clone, source):
    """A branch that is gone is said so, and nothing else happens; it is followed again when it is back."""
    commit = clone.commit({"a": "1"})
    await source.fetch()
    clone.git("branch", "-m", "main", "other")
    with pytest.raises(SourceUnavailable, match='no branch "main": it was deleted or renamed'):
        await source.fetch()
    clone.git("branch", "main")
    assert (await source.fetch()).id == commit


async def test_an_empty_repository_is_unavailable(clone, source):
    """A repository without a commit has no branch yet."""
    with pytest.raises(SourceUnavailable, match="nothing was pushed"):
        await source.fetch()


async def test_a_repository_that_is_not_there_is_unavailable(tmp_path):
    """A wrong path is an error that names it and says what to check."""
    source = GitSource(Transport(f"file://{tmp_path}/nowhere"), mirror=tmp_path / "mirror.git")
    with pytest.raises(SourceUnavailable, match=r"nowhere.*check the path"):
        await source.fetch()


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://user:secret@example.org/x.git", ""),
        ("https://token@example.org/x.git", ""),
        ("ext::sh -c touch% /tmp/x", ""),
        ("ftp://example.org/x.git", ""),
        ("--upload-pack=touch /tmp/x", ""),
        ("http://example.org/x.git", "t"),
    ],
)
def test_a_url_that_is_unsafe_is_refused(tmp_path, url, token):
    """Secrets in the URL, odd transports, options and tokens in the clear are refused, without the secret."""
    with pytest.raises(UsageError) as caught:
        Transport(url, Credentials(token=token))
    assert "secret" not in str(caught.value)


class Server:
    """A git server with a token, over TLS; it counts its requests."""

    def __init__(self, folder) -> None:
        self.repository = HostedRepository(folder / "upstream.git")
        self.repository.create()
        self.remote = GitRemote(self.repository, gate=None, prefix="/team/fleet.git")
        self.requests: list[str] = []
        self.expected = "Basic " + base64.b64encode(f"git:{TOKEN}".encode()).decode()

    async def __call__(self, scope, receive, send) -> None:
        self.requests.append(f"{scope['method']} {scope['path'].rpartition('/')[2]}")
        given = dict(scope["headers"]).get(b"authorization", b"").decode()
        if given != self.expected:
            headers = [(b"www-authenticate", b'Basic realm="git"')]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.remote(scope, receive, send)


@contextlib.asynccontextmanager
async def https_server(folder, clone):
    server = Server(folder)
    certificate, key = make_certificate(folder)
    async with serving(server, ssl_certfile=certificate, ssl_keyfile=key) as port:
        yield server, f"https://127.0.0.1:{port}/team/fleet.git", certificate


def fill(server: Server, clone: Clone) -> str:
    commit = clone.commit({"bots/a.yaml": "1"})
    clone.git("--git-dir", str(server.repository.path), "fetch", "-q", str(clone.path), "main:main")
    return commit


async def test_https_with_a_token_and_an_own_authority(tmp_path, clone):
    """A server with its own certificate and a token in a file is read; an idle look is one ls-remote."""
    async with https_server(tmp_path, clone) as (server, url, certificate):
        commit = await asyncio.to_thread(fill, server, clone)
        token = tmp_path / "token"
        token.write_text(TOKEN + "\n")
        source = GitSource(
            Transport(url, Credentials(token_file=token), certificate), mirror=tmp_path / "mirror.git"
        )
        assert (await source.fetch()).id == commit
        server.requests.clear()
        assert (await source.fetch()).id == commit
        assert server.requests == ["GET refs", "GET refs", "POST git-upload-pack"]
        config = (source.repository / "config").read_text()
        assert TOKEN not in config


async def test_a_wrong_token_is_said_so_without_showing_it(tmp_path, clone):
    """A refused token is an error with a hint, and without the token."""
    async with https_server(tmp_path, clone) as (_, url, certificate):
        transport = Transport(url, Credentials(token="wrong-one"), certificate)
        source = GitSource(transport, mirror=tmp_path / "mirror.git")
        with pytest.raises(SourceUnavailable, match="check the source's token") as caught:
            await source.fetch()
        assert "wrong-one" not in str(caught.value)
        assert "wrong-one" not in repr(transport)


async def test_a_missing_token_does_not_ask_anybody(tmp_path, clone):
    """Without a token, git does not wait for somebody to type one."""
    async with https_server(tmp_path, clone) as (_, url, certificate):
        source = GitSource(Transport(url, ca_file=certificate), mirror=tmp_path / "mirror.git")
        with pytest.raises(SourceUnavailable, match="set a token"):
            await source.fetch()


async def test_an_unknown_certificate_is_refused(tmp_path, clone):
    """A server that nobody vouches for is not spoken to."""
    async with https_server(tmp_path, clone) as (server, url, _):
        source = GitSource(Transport(url, Credentials(token=TOKEN)), mirror=tmp_path / "mirror.git")
        with pytest.raises(SourceUnavailable, match="CA file"):
            await source.fetch()
        assert server.requests == []


async def test_a_server_that_never_answers_is_given_up(tmp_path):
    """A connection that is taken and never answered ends after the time-out, with all of git's children."""
    connected = asyncio.Event()

    async def swallow(reader, writer):
        connected.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = Transport(f"http://127.0.0.1:{port}/x.git")
    for seconds in (0.5, 5.0, 50.0):  # until git comes as far as to connect within them
        source = GitSource(transport, mirror=tmp_path / "mirror.git", timeout=seconds)
        with pytest.raises(SourceUnavailable, match="took longer than"):
            await source.fetch()
        if connected.is_set():
            break
    assert connected.is_set()
    left = [child.name() for child in psutil.Process().children(recursive=True)]
    assert not any(name.startswith("git") for name in left)
    server.close()
    await server.wait_closed()


async def test_locks_of_a_killed_git_are_cleared(clone, source):
    """A source whose git was killed in the middle of writing works again after the next start."""
    clone.commit({"a": "1"})
    await source.fetch()
    for lock in ("config.lock", "packed-refs.lock", "refs/heads/main.lock"):
        (source.repository / lock).write_text("")
    commit = clone.commit({"a": "2"})
    with pytest.raises(SourceUnavailable, match="lock"):
        await source.fetch()
    again = GitSource(Transport(source.url), make_reference(branch="main"), mirror=source.repository)
    assert (await again.fetch()).id == commit


async def test_our_own_remote_is_a_source(tmp_path, clone):
    """The hosted repository's branch is read in place; before the first push there is no revision."""
    repository = HostedRepository(tmp_path / "fleet.git")
    repository.create()
    source = HostedSource(repository.path)
    with pytest.raises(NothingPushed, match="nothing was pushed"):
        await source.fetch()
    commit = clone.commit({"a": "1"})
    clone.git("--git-dir", str(repository.path), "fetch", "-q", str(clone.path), "main:main")
    assert (await source.fetch()).id == commit
