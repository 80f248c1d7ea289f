"""One suite over every forge: a real Gitea, and GitHub and GitLab as their documentation has them answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.forges.clients import (
    CommitState,
    CommitStatus,
    Forge,
    ForgeRefused,
    ForgeUnavailable,
    open_forge,
    put_comment,
)
from gitops.forges.place import ForgeKind
from tests.contract.forge_harness import Desk, GitHubStandIn, GitLabStandIn, StandIn, gitea_desk, stand_in
from tests.engines.gitea import GiteaServer, gitea

MARK = "<!-- herdsman plan desk -->"


@pytest.fixture(scope="module")
def server() -> Iterator[GiteaServer]:
    """Run one Gitea for all tests here."""
    with gitea() as server:
        yield server


@pytest.fixture(params=["gitea", "github", "gitlab"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A repository with a pull request on each kind of forge."""
    if request.param == "gitea":
        yield gitea_desk(request.getfixturevalue("server"), tmp_path)
    elif request.param == "github":
        with stand_in(GitHubStandIn(), ForgeKind.GITHUB) as desk:
            yield desk
    else:
        with stand_in(GitLabStandIn(), ForgeKind.GITLAB) as desk:
            yield desk


@pytest.fixture
def forge(desk: Desk) -> Forge:
    """The forge as herdsman speaks to it."""
    return open_forge(desk.place, lambda: desk.token)


def test_a_status_is_written_with_its_link_and_context(desk: Desk, forge: Forge) -> None:
    """Pending, then success: both stand on the commit, with the words cut to what the forge takes."""
    url = "https://herdsman.example.com/r/ccccccc"
    forge.set_status(desk.commit, CommitStatus(CommitState.PENDING, "herdsman/desk", "3 bots to change", url))
    forge.set_status(desk.commit, CommitStatus(CommitState.SUCCESS, "herdsman/desk", "x" * 400, url))
    first, second = desk.statuses()
    assert first == ("pending", "herdsman/desk", "3 bots to change", url)
    assert second[:2] == ("success", "herdsman/desk")
    assert 100 < len(second[2]) <= 255


@pytest.mark.parametrize("state", [CommitState.FAILURE, CommitState.OVERTAKEN])
def test_every_state_has_a_word_that_the_forge_knows(desk: Desk, forge: Forge, state: CommitState) -> None:
    """Failure, and a revision that was overtaken, are neither pending nor a success."""
    forge.set_status(desk.commit, CommitStatus(state, "herdsman/desk", "no", "https://h.example.com"))
    assert desk.statuses()[0][0] in ("failure", "failed", "error", "canceled")


def test_the_same_status_twice_is_no_mistake(desk: Desk, forge: Forge) -> None:
    """A forge that refuses a status which is there already has it, which is enough."""
    status = CommitStatus(CommitState.PENDING, "herdsman/desk", "again", "https://h.example.com")
    forge.set_status(desk.commit, status)
    forge.set_status(desk.commit, status)
    assert {one[0] for one in desk.statuses()} == {"pending"}


def test_one_comment_is_written_and_then_kept_up_to_date(desk: Desk, forge: Forge) -> None:
    """Each push edits the same comment; the same text again touches nothing; others' comments stay."""
    for number in range(105 if desk.place.kind is not ForgeKind.GITEA else 3):
        forge.add_comment(desk.number, f"looks good {number}")
    before = len(desk.bodies())
    assert put_comment(forge, desk.number, f"{MARK}\nfirst plan", MARK)
    assert not put_comment(forge, desk.number, f"{MARK}\nsecond plan\n", MARK)
    assert not put_comment(forge, desk.number, f"{MARK}\nsecond plan\n", MARK)
    assert [one.strip() for one in desk.bodies()[before:]] == [f"{MARK}\nsecond plan"]
    assert desk.bodies()[0] == "looks good 0"


def test_a_wrong_token_is_refused_without_being_told(desk: Desk) -> None:
    """The error says what to look at, and holds no token."""
    forge = open_forge(desk.place, lambda: "wr0ng-token")
    with pytest.raises(ForgeRefused, match=r"401.*token is not known") as refused:
        forge.set_status(desk.commit, CommitStatus(CommitState.PENDING, "c", "d", "https://h.example.com"))
    assert "wr0ng-token" not in str(refused.value)


def test_somebody_elses_comment_with_our_mark_is_passed_over() -> None:
    """A mark that was copied floods nothing: one comment of ours is made, and edited from then on."""
    with stand_in(GitHubStandIn(), ForgeKind.GITHUB) as desk:
        forge = open_forge(desk.place, lambda: desk.token)
        desk.say(f"{MARK} gotcha")
        assert put_comment(forge, desk.number, f"{MARK} one", MARK)
        assert not put_comment(forge, desk.number, f"{MARK} two", MARK)
        assert desk.bodies() == [f"{MARK} gotcha", f"{MARK} two"]


def test_a_forge_in_trouble_is_tried_again_later() -> None:
    """500 and 429 are no refusal, nor is a server that is not there."""
    with stand_in(GitLabStandIn(), ForgeKind.GITLAB) as desk:
        assert isinstance(desk, StandIn)
        forge = open_forge(desk.place, lambda: desk.token)
        for code in (500, 429):
            desk.refuse_with = code
            with pytest.raises(ForgeUnavailable):
                forge.add_comment(desk.number, "hello")
    with pytest.raises(ForgeUnavailable, match="does not answer"):
        forge.add_comment(desk.number, "hello")
