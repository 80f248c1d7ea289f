"""Pushes under a trust policy, with git itself over HTTP and real keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gitops.process import git
from gitops.trust.trust import Trust
from tests.unit.gitops.signing import SshKey, signed_commit, ssh_key
from tests.unit.web.test_git_gate import SOUND, Desk, opened, plan_for
from web.access.scopes import Scope

POLICY = """
keys: {allowed_signers: signers}
signatures: [{require: every}]
protected: [{paths: [herdsman.yaml], tokens: [admin]}]
"""


@pytest.fixture
def ada(tmp_path: Path) -> SshKey:
    """Make a key that the policy knows."""
    key = ssh_key(tmp_path / "keys", "ada@example.org")
    (tmp_path / "signers").write_text(key.line + "\n")
    (tmp_path / "trust.yaml").write_text(POLICY)
    return key


@pytest.fixture
async def desk(tmp_path: Path, ada: SshKey) -> AsyncIterator[Desk]:
    """Run a service that takes signed commits alone."""
    async with opened(tmp_path, Trust(tmp_path / "trust.yaml", tmp_path / "kept")) as desk:
        yield desk


def tip(desk: Desk) -> str:
    """Return what is deployed, "" where nothing is."""
    return git(desk.repository, "for-each-ref", "--format=%(objectname)", "refs/heads/main").decode().strip()


async def test_an_unsigned_push_is_refused_at_once_with_what_to_do(desk: Desk, ada: SshKey) -> None:
    """The push itself says which commit is not signed and how to sign it; the history keeps the refusal."""
    unsigned = desk.clone.commit(SOUND, "no name on it")
    code, said = await desk.push()
    assert code != 0
    assert f'commit {unsigned[:7]}  "no name on it" by Ada <ada@example.org>: it is not signed' in said
    assert "refused by the trust policy (1 reason)" in said
    assert "git commit --amend -S" in said
    assert tip(desk) == ""
    assert [(revision, by) for revision, _, by in desk.controller.refusals] == [(unsigned, "operate")]
    plan_for(desk)
    signed = signed_commit(desk.clone, ada, {}, "signed on top")
    assert (await desk.push())[0] == 0
    assert tip(desk) == signed


async def test_a_protected_file_takes_the_named_token(desk: Desk, ada: SshKey) -> None:
    """The same commit is refused from one token and taken from another."""
    signed_commit(desk.clone, ada, SOUND)
    plan_for(desk)
    assert (await desk.push())[0] == 0
    desk.deploy()
    limits = signed_commit(desk.clone, ada, {"herdsman.yaml": "name: desk\n"})
    code, said = await desk.push()
    assert code != 0
    assert "herdsman.yaml  this file is protected: it takes a push with the token admin" in said
    assert (await desk.push(scope=Scope.ADMIN))[0] == 0
    assert tip(desk) == limits


async def test_an_older_revision_cannot_be_pushed_back(desk: Desk, ada: SshKey) -> None:
    """A force-push to what was signed before is a replay, and is refused."""
    first = signed_commit(desk.clone, ada, SOUND)
    plan_for(desk)
    await desk.push()
    desk.deploy()
    second = signed_commit(desk.clone, ada, {"bots/two.yaml": None})
    assert (await desk.push())[0] == 0
    desk.deploy()
    code, said = await desk.push("--force", ref=f"{first}:main")
    assert code != 0
    assert f"it does not follow {second[:7]}, the last trusted revision" in said
    assert tip(desk) == second
