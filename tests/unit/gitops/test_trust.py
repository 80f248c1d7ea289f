"""The trust policy on real repositories with real signatures: who signed what, and who may change what."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops.trust.question import Answer, Pusher, Question
from gitops.trust.trust import Trust
from schemas.errors import InvalidManifests, SourceUnavailable, UsageError
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from tests.unit.gitops.signing import OpenPgpKey, SshKey, openpgp_key, signed_commit, ssh_key

SOUND = {**program_files(), "bots/one.yaml": bot_file("one", memory_limit="64Mi")}
ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


@dataclass
class People:
    """Keys: Ada's and Bob's are known, Eve's is not; Grace signs with OpenPGP."""

    ada: SshKey
    bob: SshKey
    eve: SshKey
    grace: OpenPgpKey


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """Make everybody's keys once."""
    folder = tmp_path_factory.mktemp("keys")
    with tempfile.TemporaryDirectory(prefix="gpg") as short:  # the path of gpg's sockets is bounded
        grace = openpgp_key(Path(short) / "grace", "Grace <grace@example.org>")
        yield People(*(ssh_key(folder, name) for name in (ADA, BOB, EVE)), grace)
        grace.close()


@dataclass
class Court:
    """A clone, a policy over it, and judgements; what is trusted is remembered as the service does it."""

    folder: Path
    people: People
    clone: Clone = field(init=False)
    trust: Trust = field(init=False)

    def __post_init__(self) -> None:
        self.clone = Clone(self.folder / "clone")
        (self.folder / "signers").write_text(f"{self.people.ada.line}\n{self.people.bob.line}\n")
        self.people.grace.export(self.folder / "keyring" / "grace.asc")
        self.policy("signatures: [{require: every}]")

    def policy(self, rules: str) -> None:
        """Write the policy's rules, beside its keys."""
        text = f"keys: {{allowed_signers: signers, keyring: keyring}}\n{rules}\n"
        (self.folder / "trust.yaml").write_text(text)
        self.trust = Trust(self.folder / "trust.yaml", self.folder / "kept")

    def judge(self, tip: str, pusher: Pusher | None = None, **more: object) -> Answer:
        question = Question(self.clone.store, tip, "main", pusher=pusher, **more)  # type: ignore[arg-type]
        answer = self.trust.judge(question)
        if answer.trusted:
            self.trust.remember(question, answer)
        return answer

    def said(self, tip: str, pusher: Pusher | None = None, **more: object) -> str:
        """Return what is against a revision, "" where nothing is."""
        return "\n".join(str(one) for one in self.judge(tip, pusher, **more).refusals)


@pytest.fixture
def court(tmp_path: Path, people: People) -> Court:
    """Return a court whose first revision Ada signed, and that is trusted."""
    court = Court(tmp_path, people)
    assert court.said(signed_commit(court.clone, people.ada, SOUND)) == ""
    return court


def test_signatures_of_both_kinds_are_known_by_their_signers(court: Court, people: People) -> None:
    """An SSH key's name in the allowed signers, and an OpenPGP key's owner, are told with the key."""
    answer = court.judge(signed_commit(court.clone, people.bob, {}))
    assert (answer.trusted, answer.signed.signer) == (True, BOB)
    assert answer.signed.key.startswith("SHA256:")
    answer = court.judge(signed_commit(court.clone, people.grace, {}))
    assert (answer.trusted, answer.signed.signer) == (True, "Grace <grace@example.org>")
    assert len(answer.signed.key) == 40


def test_every_commit_since_the_last_trusted_one_must_be_signed(court: Court, people: People) -> None:
    """An unsigned commit under a signed one, and a stranger's key, are refused with who wrote them."""
    unsigned = court.clone.commit({"bots/two.yaml": bot_file("two")}, "sneaked in")
    tip = signed_commit(court.clone, people.ada, {})
    assert court.said(tip) == (
        f'commit {unsigned[:7]}  "sneaked in" by Ada <ada@example.org>: it is not signed'
    )
    court.policy("signatures: [{require: tip}]")
    assert court.said(tip) == ""
    stranger = signed_commit(court.clone, people.eve, {})
    assert "signed by a key that the trust policy does not know" in court.said(stranger)


def test_a_changed_commit_carries_no_signature_over(court: Court, people: People) -> None:
    """A signature copied onto other content is broken, and is refused."""
    tip = signed_commit(court.clone, people.ada, {})
    raw = court.clone.git("cat-file", "commit", tip).stdout
    forged = court.clone.path / "forged"
    forged.write_text(raw.replace("Signed", "Forged"))
    made = court.clone.git("hash-object", "-t", "commit", "-w", str(forged)).stdout.strip()
    assert "its signature is broken" in court.said(made)


def test_keys_are_changed_while_it_runs_and_revoked_ones_count_no_more(court: Court, people: People) -> None:
    """A signer who is added is known at once; one who is revoked is refused."""
    tip = signed_commit(court.clone, people.eve, {})
    assert court.said(tip) != ""
    signers = court.folder / "signers"
    signers.write_text(signers.read_text() + people.eve.line + "\n")
    assert court.said(tip) == ""
    (court.folder / "revoked").write_text(people.bob.public + "\n")
    court.policy("signatures: [{require: every}]")
    text = (
        (court.folder / "trust.yaml")
        .read_text()
        .replace("keyring: keyring", "keyring: keyring, revoked: revoked")
    )
    (court.folder / "trust.yaml").write_text(text)
    assert court.said(signed_commit(court.clone, people.bob, {})) != ""
    (court.folder / "keyring" / "grace.asc").unlink()
    court.clone.git("reset", "-q", "--hard", "HEAD~1")
    assert "does not know" in court.said(signed_commit(court.clone, people.grace, {}))


def test_an_older_revision_pushed_back_is_refused_or_shown(court: Court, people: People) -> None:
    """A signed revision of before is no new one: it is refused, or taken and marked."""
    first = court.clone.head
    second = signed_commit(court.clone, people.ada, {"bots/one.yaml": bot_file("one", memory_limit="1Gi")})
    assert court.said(second) == ""
    assert f"it does not follow {second[:7]}, the last trusted revision" in court.said(first)
    court.policy("signatures: [{require: every, rewritten: show}]")
    answer = court.judge(first)
    assert (answer.trusted, answer.rewritten) == (True, second)


def test_a_merge_is_signed_or_clean(court: Court, people: People) -> None:
    """An unsigned merge passes only where wished, and only as git itself makes it of signed parents."""
    court.clone.git("switch", "-q", "-c", "side")
    signed_commit(court.clone, people.bob, {"bots/side.yaml": bot_file("side")})
    court.clone.git("switch", "-q", "main")
    signed_commit(court.clone, people.ada, {"bots/main.yaml": bot_file("main")})
    court.clone.git("merge", "-q", "--no-edit", "side")
    merge = court.clone.head
    assert "it is not signed" in court.said(merge)
    court.policy("signatures: [{require: every, merges: clean}]")
    court.clone.write({"bots/main.yaml": bot_file("main", size=99)})
    court.clone.git("commit", "-q", "--amend", "-a", "--no-edit")
    assert "it is not signed" in court.said(court.clone.head)
    assert court.said(merge) == ""


def test_rules_are_for_branches_and_environments(court: Court, people: People) -> None:
    """Another branch, and bots of another environment, are nobody's concern."""
    court.policy("signatures: [{require: tip, branches: [release-*]}]")
    tip = court.clone.commit({"bots/two.yaml": bot_file("two")})
    assert court.said(tip) == ""
    court.policy("signatures: [{require: tip, environments: [prod]}]")
    tip = court.clone.commit({})
    assert court.said(tip, environments=lambda: frozenset({"staging"})) == ""
    tip = court.clone.commit({})
    assert "it is not signed" in court.said(tip, environments=lambda: frozenset({"prod"}))


def test_only_named_signers_may_sign(court: Court, people: People) -> None:
    """A known key of somebody else is not enough; patterns name an address or a key."""
    court.policy("signatures: [{require: every, signers: ['bob@*', 'grace@example.org']}]")
    tip = signed_commit(court.clone, people.ada, {})
    assert f"signed by {ADA}, who may not sign here" in court.said(tip)
    court.clone.git("reset", "-q", "--hard", "HEAD~1")
    assert court.said(signed_commit(court.clone, people.grace, {})) == ""


def test_a_signed_tag_counts_for_its_own_name_and_commit(court: Court, people: People) -> None:
    """A followed tag must be signed; one that was moved to another name is worth nothing."""
    court.policy("signatures: [{require: tag}]")
    tip = court.clone.commit({})
    assert "what is followed is a branch" in court.said(tip)
    court.clone.git("tag", "-a", "v1", "-m", "unsigned")
    ask = {"tag": True}

    def said(tag: str) -> str:
        return "\n".join(
            str(one)
            for one in court.trust.judge(Question(court.clone.store, tip, tag, **ask)).refusals  # type: ignore[arg-type]
        )

    assert "the tag v1: it is not signed" in said("v1")
    court.clone.git(*people.ada.git, "tag", "-s", "v2", "-m", "signed")
    assert said("v2") == ""
    court.clone.git("update-ref", "refs/tags/v3", court.clone.git("rev-parse", "v2").stdout.strip())
    assert "the tag v3" in said("v3")


def test_history_from_before_signatures_is_taken_up_to_a_named_commit(tmp_path: Path, people: People) -> None:
    """Where nothing was trusted yet, `first` is taken as it is, and what follows it must be signed."""
    court = Court(tmp_path, people)
    old = court.clone.commit(SOUND)
    assert "it is not signed" in court.said(old)
    court.policy(f"signatures: [{{require: every, first: '{old}'}}]")
    assert court.said(old) == ""
    assert court.said(signed_commit(court.clone, people.ada, {})) == ""
    assert "it is not signed" in court.said(court.clone.commit({}))


PROTECTED = f"""
protected:
  - {{paths: [herdsman.yaml, 'bots/prod/**'], signers: [{BOB}], tokens: [risk-desk]}}
  - {{keys: [memory_limit, herdsman.risk], signers: [{BOB}], roles: [admin]}}
"""


def test_protected_files_change_by_named_signers_or_tokens_alone(court: Court, people: People) -> None:
    """Anybody may change other files; a protected one takes the signer's commit, or the token at a push."""
    court.policy(PROTECTED)
    assert court.said(signed_commit(court.clone, people.ada, {"bots/two.yaml": bot_file("two")})) == ""
    mine = signed_commit(court.clone, people.ada, {"bots/prod/big.yaml": bot_file("big")})
    said = court.said(mine, Pusher("ada", "operate"))
    assert said.startswith(
        "bots/prod/big.yaml  this file is protected: it takes commits signed by bob@example.org"
    )
    assert "a push with the token risk-desk" in said
    assert f"{mine[:7]} is signed by {ADA}" in said
    assert court.said(mine, Pusher("risk-desk", "operate")) == ""
    theirs = signed_commit(court.clone, people.bob, {"herdsman.yaml": "name: desk\n"})
    assert court.said(theirs) == ""


def test_protected_keys_change_by_named_people_alone_wherever_they_lie(court: Court, people: People) -> None:
    """A limit is protected in every manifest, also in one that moves, appears or goes."""
    court.policy(PROTECTED)
    assert (
        court.said(
            signed_commit(
                court.clone, people.ada, {"bots/one.yaml": bot_file("one", memory_limit="64Mi", size=2)}
            )
        )
        == ""
    )
    moved = {"bots/one.yaml": None, "bots/desk/first.yaml": bot_file("one", memory_limit="64Mi", size=2)}
    assert court.said(signed_commit(court.clone, people.ada, moved)) == ""
    raised = signed_commit(
        court.clone, people.ada, {"bots/desk/first.yaml": bot_file("one", memory_limit="8Gi")}
    )
    said = court.said(raised, Pusher("ada", "operate"))
    assert said.startswith("bots/desk/first.yaml  memory_limit of one is protected")
    assert court.said(raised, Pusher("root", "admin")) == ""
    gone = signed_commit(court.clone, people.ada, {"bots/desk/first.yaml": None})
    assert "memory_limit of one is protected" in court.said(gone)


def test_a_merge_answers_for_what_it_brings_and_hides_nothing(court: Court, people: People) -> None:
    """A named signer may merge somebody's change; a merge that turns its parents around does not get past."""
    limit = {"bots/one.yaml": bot_file("one", memory_limit="8Gi")}
    court.policy(PROTECTED)
    base = court.clone.head
    raised = signed_commit(court.clone, people.bob, limit)
    assert court.said(raised) == ""
    # Its first parent is the commit of before, whose limit it takes back: along that line nothing changes.
    tree = court.clone.git("rev-parse", f"{base}^{{tree}}").stdout.strip()
    parents = ("-p", base, "-p", raised)
    evil = court.clone.git(*people.ada.git, "commit-tree", "-S", tree, *parents, "-m", "merge").stdout.strip()
    assert "memory_limit of one is protected" in court.said(evil)
    good = court.clone.git(*people.bob.git, "commit-tree", "-S", tree, *parents, "-m", "merge").stdout.strip()
    assert court.said(good) == ""


def test_a_push_that_was_let_in_stays_let_in(court: Court, people: People) -> None:
    """What a token allowed is remembered for the very commit: the next look sees no token."""
    court.policy(PROTECTED)
    tip = signed_commit(court.clone, people.ada, {"herdsman.yaml": "name: desk\n"})
    question = Question(court.clone.store, tip, "main", pusher=Pusher("risk-desk", "operate"))
    court.trust.approve(question, court.trust.judge(question))
    later = Trust(court.folder / "trust.yaml", court.folder / "kept")
    assert later.judge(Question(court.clone.store, tip, "main")).trusted
    assert not later.judge(
        Question(court.clone.store, signed_commit(court.clone, people.ada, {}), "main")
    ).trusted


def test_a_policy_that_is_wrong_or_gone_lets_nothing_in(court: Court, people: People) -> None:
    """At the start it is refused with its line; later nothing new is taken, and it is said why."""
    tip = signed_commit(court.clone, people.ada, {})
    (court.folder / "trust.yaml").write_text("signatures:\n  - require: evry\n")
    with pytest.raises(InvalidManifests, match=r"trust.yaml:2:14 .*every"):
        court.trust.check()
    with pytest.raises(SourceUnavailable, match="nothing new is taken"):
        court.trust.judge(Question(court.clone.store, tip, "main"))
    court.policy("signatures: [{require: every}]")
    (court.folder / "signers").unlink()
    with pytest.raises(UsageError, match="signers cannot be read"):
        court.trust.check()
    assert any((court.folder / "kept").iterdir())  # what was trusted is not forgotten over it
