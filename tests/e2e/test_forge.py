"""A fleet on a real forge: its commits get statuses, and a pull request the plan of what it would change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service, wait_for
from tests.engines.gitea import GiteaServer, gitea
from tests.unit.gitops.fleets import Clone, bot_file, program_files

pytestmark = pytest.mark.e2e
SLEEPER = "import time\n\n\ndef main(*_):\n    while True:\n        time.sleep(1)\n"


@pytest.fixture(scope="module")
def forge() -> Iterator[GiteaServer]:
    """Run one Gitea."""
    with gitea() as server:
        yield server


def statuses(forge: GiteaServer, commit: str) -> list[tuple[str, str]]:
    """Return the state and the words of a commit's statuses, the newest first."""
    found = forge.api("GET", f"/repos/desk/fleet/commits/{commit}/statuses")
    newest = sorted(found, key=lambda one: -one["id"])
    return [(one["status"], one["description"]) for one in newest]


def test_commits_get_statuses_and_a_pull_request_its_plan(forge: GiteaServer, tmp_path: Path) -> None:
    """Applied and broken revisions are told on their commits; the plan is one comment, kept up to date."""
    remote = forge.make_repository("fleet")
    clone = Clone(tmp_path / "clone")
    sound = {**program_files(code=SLEEPER), "bots/one.yaml": bot_file("one")}
    first = clone.commit(sound, "first")
    clone.git("push", "-q", remote, "main")
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(forge.token + "\n")
    options = (
        *("--source", f"{forge.url}/desk/fleet.git", "--source-token-file", str(token), "--branch", "main"),
        *("--forge", "gitea", "--status-token-file", str(token), "--poll-interval", "0.5"),
    )
    service = Service(tmp_path / "home", options).start()
    try:
        wait_for(lambda: ("success", "1 bot changed") in statuses(forge, first), "the first success")
        link = forge.api("GET", f"/repos/desk/fleet/commits/{first}/statuses")[0]
        assert link["target_url"] == f"{service.url}/r/{first[:7]}"
        assert link["context"] == "herdsman/fleet"

        clone.git("switch", "-q", "-c", "next")
        clone.commit({"bots/one.yaml": bot_file("one", size=2, symbol="@everyone|`x`")}, "bigger")
        clone.git("push", "-q", remote, "next")
        number = forge.open_pull_request("fleet", "next")
        asked = ("plan", "HEAD", "--comment", "--pull-request", f"{forge.url}/desk/fleet/pulls/{number}")
        asked = (*asked, "--forge-token-file", str(token))
        said = service.run(*asked, cwd=clone.path)
        assert f"the plan was written on desk/fleet #{number}" in said.stderr
        clone.commit({"bots/two.yaml": bot_file("two")}, "and one more")
        assert "brought up to date" in service.run(*asked, cwd=clone.path).stderr
        (comment,) = forge.api("GET", f"/repos/desk/fleet/issues/{number}/comments")
        assert "2 of 2 bots change" in comment["body"]
        assert "<code>1</code> | <code>2</code>" in comment["body"]
        assert "@everyone" not in comment["body"]

        clone.git("switch", "-q", "main")
        broken = clone.commit({"bots/one.yaml": bot_file("one", sise=3)}, "broken")
        clone.git("push", "-q", remote, "main")
        wait_for(lambda: "failure" in {one for one, _ in statuses(forge, broken)}, "the failure")
        assert "bots/one.yaml" in statuses(forge, broken)[0][1]
        assert forge.token not in service.log.read_text()
        assert service.bots()["one"]["applied_revision"] == first
    finally:
        service.stop()


def test_a_branch_of_the_source_is_fetched_to_be_planned(forge: GiteaServer, tmp_path: Path) -> None:
    """A branch that only the source has is planned by its name, and never deployed."""
    remote = forge.make_repository("other")
    clone = Clone(tmp_path / "clone")
    clone.commit({**program_files(code=SLEEPER), "bots/one.yaml": bot_file("one")}, "first")
    clone.git("push", "-q", remote, "main")
    clone.git("switch", "-q", "-c", "next")
    clone.commit({"bots/one.yaml": None}, "gone")
    clone.git("push", "-q", remote, "next")
    token = tmp_path / "token"
    token.write_text(forge.token)
    options = ("--source", f"{forge.url}/desk/other.git", "--source-token-file", str(token))
    service = Service(tmp_path / "home", options).start()
    try:
        wait_for(lambda: service.bots().get("one", {}).get("applied_revision"), "the bot to be applied")
        done = service.run("plan", "--ref", "next", "--exit-code", check=False)
        assert done.returncode == 2
        assert "- one  remove" in done.stdout
        assert "one" in service.bots()
    finally:
        service.stop()
