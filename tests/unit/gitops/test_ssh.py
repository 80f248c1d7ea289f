import getpass

import pytest

from gitops.git_source import GitSource
from gitops.ssh import SshAddress, SshKeys, ssh_address
from gitops.transport import Transport
from schemas.errors import SourceUnavailable, UsageError
from tests.unit.gitops.fleets import Clone
from tests.unit.gitops.ssh_server import SshServer, make_key, ssh_server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("ssh") / "server") as running:
        yield running


@pytest.fixture
def clone(tmp_path):
    made = Clone(tmp_path / "clone")
    made.commit({"bots/a.yaml": "1"}, message="First")
    return made


def source(server: SshServer, clone: Clone, tmp_path, **keys) -> GitSource:
    named = {"known_hosts": server.known_hosts, "key": server.key} | keys
    return GitSource(Transport(server.url(clone.path), keys=SshKeys(**named)), mirror=tmp_path / "mirror.git")


async def test_a_repository_is_read_by_ssh(server, clone, tmp_path):
    """With the server's known key and a key that it takes, revisions come as from any other source."""
    followed = source(server, clone, tmp_path)
    assert (await followed.fetch()).message == "First"
    commit = clone.commit({"bots/a.yaml": "2"})
    assert (await followed.fetch()).id == commit


async def test_an_scp_like_address_is_ssh(server, clone, tmp_path):
    """`user@host:path` speaks ssh too: to the usual port, where this server is not known."""
    keys = SshKeys(server.known_hosts, server.key)
    followed = GitSource(
        Transport(f"{getpass.getuser()}@127.0.0.1:{clone.path}", keys=keys), mirror=tmp_path / "m"
    )
    with pytest.raises(SourceUnavailable, match=r"127.0.0.1"):
        await followed.fetch()
    assert ssh_address("git@example.org:desk/fleet.git") == SshAddress("example.org")


async def test_an_unknown_server_is_not_trusted(server, clone, tmp_path):
    """A server that known_hosts does not hold is refused, with how to check its key; nothing is added."""
    empty = tmp_path / "known_hosts"
    empty.write_text("")
    with pytest.raises(SourceUnavailable, match=r"is not in .*known_hosts.*ssh-keyscan -p .*fingerprint"):
        await source(server, clone, tmp_path, known_hosts=empty).fetch()
    assert empty.read_text() == ""


async def test_a_changed_server_key_is_refused(server, clone, tmp_path):
    """Another key than the known one is said to be a change, which somebody must have announced."""
    other = make_key(tmp_path / "other").with_suffix(".pub").read_text()
    changed = tmp_path / "known_hosts"
    changed.write_text(f"[127.0.0.1]:{server.port} {other}")
    with pytest.raises(
        SourceUnavailable, match=r"shows another key than the one in .*somebody stands in between"
    ):
        await source(server, clone, tmp_path, known_hosts=changed).fetch()


async def test_a_key_that_the_server_does_not_take(server, clone, tmp_path, monkeypatch):
    """A refused key names itself and what to do; an agent's or the user's own keys are not tried instead."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    stranger = make_key(tmp_path / "stranger")
    followed = source(server, clone, tmp_path, key=stranger)
    with pytest.raises(SourceUnavailable, match=rf"the key {stranger} was not taken.*deploy key"):
        await followed.fetch()
    assert "SSH_AUTH_SOCK" not in followed._transport.environment(10)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    """A private key must be for its owner alone, as ssh has it."""
    key = make_key(tmp_path / "key")
    key.chmod(0o644)
    with pytest.raises(UsageError, match=rf"chmod 600 {key}"):
        Transport("ssh://git@example.org/x.git", keys=SshKeys(key=key))


def test_a_key_with_a_passphrase_is_refused(tmp_path):
    """A key that somebody would have to unlock cannot be used, and the error says which can."""
    key = make_key(tmp_path / "key", "secret words")
    with pytest.raises(UsageError, match=r"has a passphrase.*without one") as caught:
        Transport("git@example.org:x.git", keys=SshKeys(key=key))
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "not a key\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    """A wrong file is told before anything is fetched."""
    key = tmp_path / "key"
    key.write_text(content)
    key.chmod(0o600)
    with pytest.raises(UsageError, match=r"holds no private key"):
        Transport("ssh://git@example.org/x.git", keys=SshKeys(key=key))


@pytest.mark.parametrize(
    "url", ["ssh://-oProxyCommand=x/y", "ssh://-l@example.org/y", "-oProxyCommand=x@h:y"]
)
def test_a_name_that_ssh_would_take_for_an_option_is_refused(url):
    """Neither host nor user may begin with a dash."""
    with pytest.raises(UsageError):
        Transport(url)


def test_keys_are_for_ssh_alone(tmp_path):
    """A key beside an https URL is a mistake, and told as one."""
    with pytest.raises(UsageError, match=r"for ssh sources"):
        Transport("https://example.org/x.git", keys=SshKeys(key=tmp_path / "key"))


def test_paths_with_odd_characters_reach_ssh_whole(tmp_path):
    """Spaces, quotes and percent signs in a file's name are no settings."""
    command = SshKeys(known_hosts=tmp_path / "my hosts 100%").command()
    assert f"'UserKnownHostsFile=\"{tmp_path}/my hosts 100%%\"'" in command
