"""A source elsewhere under a trust policy: what is not trusted leaves the last trusted revision in force."""

from pathlib import Path

import pytest

from gitops.git_source import GitSource
from gitops.references import make_reference
from gitops.revision import Revision
from gitops.states import FleetStates
from gitops.transport import Transport
from gitops.trust.source import TrustedSource
from gitops.trust.trust import Trust
from schemas.errors import ManifestError, SourceUnavailable
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.signing import signed_commit, ssh_key

FLEET = "environments:\n  prod: {folders: [bots/prod]}\n  staging: {folders: [bots/staging]}\n"
SOUND = {
    **program_files(),
    "herdsman.yaml": FLEET,
    "bots/prod/one.yaml": bot_file("one"),
    "bots/staging/two.yaml": bot_file("two"),
}


class Desk:
    """Somebody's repository, and the trusted source that follows it."""

    def __init__(self, folder: Path, rule: str) -> None:
        self.folder = folder
        self.clone = Clone(folder / "clone")
        self.ada = ssh_key(folder / "keys", "ada@example.org")
        (folder / "signers").write_text(self.ada.line + "\n")
        (folder / "trust.yaml").write_text(f"keys: {{allowed_signers: signers}}\nsignatures: [{rule}]\n")
        self.refused: list[tuple[str, str, tuple[ManifestError, ...]]] = []
        self.source = self.begin()

    def begin(self) -> TrustedSource:
        """Follow the repository, as after a start."""
        inside = GitSource(
            Transport(f"file://{self.clone.path}"),
            make_reference(branch="main"),
            mirror=self.folder / "mirror.git",
            timeout=90,
        )
        trust = Trust(self.folder / "trust.yaml", self.folder / "kept")
        return TrustedSource(inside, trust, FleetStates(inside).build, self._refused)

    async def _refused(self, revision: Revision, errors: tuple[ManifestError, ...]) -> None:
        self.refused.append((revision.id, revision.signature, errors))

    def sign(self, files: dict[str, str | bytes | None]) -> str:
        return signed_commit(self.clone, self.ada, files)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "{require: every}")


async def test_an_untrusted_revision_leaves_the_last_trusted_one_in_force(desk: Desk) -> None:
    """Also after a restart; it is told with its reason, kept in the history, and mended by a signature."""
    good = desk.sign(SOUND)
    taken = await desk.source.fetch()
    assert (taken.id, taken.signature) == (good, "good")
    assert taken.signer.startswith("ada@example.org (SHA256:")
    bad = desk.clone.commit({"bots/prod/one.yaml": None}, "stolen token")
    for source in (desk.source, desk.source, desk.begin()):
        assert (await source.fetch()).id == good
        assert f'is not trusted: commit {bad[:7]}  "stolen token"' in source.problems()[0]
        assert source.problems()[0].endswith(f"; {good[:7]} runs on")
    assert [(one, signature) for one, signature, _ in desk.refused] == [(bad, "none")] * 2
    desk.clone.git("reset", "-q", "--hard", good)
    better = desk.sign({"bots/prod/one.yaml": bot_file("one", size=2)})
    assert (await desk.source.fetch()).id == better
    assert desk.source.problems() == ()


async def test_a_key_that_is_added_has_a_refused_revision_taken(desk: Desk) -> None:
    """The policy and its keys are read anew: what was refused is judged again once they change."""
    desk.sign(SOUND)
    await desk.source.fetch()
    bob = ssh_key(desk.folder / "keys", "bob@example.org")
    theirs = signed_commit(desk.clone, bob, {"bots/prod/one.yaml": bot_file("one", size=3)})
    assert (await desk.source.fetch()).id != theirs
    signers = desk.folder / "signers"
    signers.write_text(signers.read_text() + bob.line + "\n")
    assert (await desk.source.fetch()).id == theirs


async def test_nothing_is_applied_before_anything_was_trusted(desk: Desk) -> None:
    """A first revision that nobody signed is said to be untrusted, and how to begin."""
    desk.clone.commit(SOUND)
    with pytest.raises(SourceUnavailable, match=r"Nothing was trusted yet.*`first`"):
        await desk.source.fetch()


async def test_a_rule_of_one_environment_lets_the_others_move(tmp_path: Path) -> None:
    """What changes no bot of prod needs no signature; a program that one of them runs does."""
    desk = Desk(tmp_path, "{require: every, environments: [prod]}")
    first = desk.sign(SOUND)
    assert (await desk.source.fetch()).id == first
    staged = desk.clone.commit({"bots/staging/two.yaml": bot_file("two", size=5)})
    assert (await desk.source.fetch()).id == staged
    raised = {**program_files(version="1.1.0"), "bots/prod/one.yaml": bot_file("one", version="1.1.0")}
    desk.clone.commit(raised)
    assert (await desk.source.fetch()).id == staged
