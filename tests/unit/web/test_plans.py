"""Plans of any revision over HTTP, as the command line asks for them, on real git repositories."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.connection import Client
from cli.known_service import Service
from cli.plan import CHANGES, code_of, planned
from cli.planning.lines import preview_lines
from controller.compare import Known, compare
from controller.plan import make_plan
from controller.preview import Preview, make_preview
from controller.records import InventoryEntry
from gitops.candidates import Candidates, Place
from gitops.desired import DesiredState
from gitops.process import git
from gitops.reading import CommitReader
from gitops.repository import make_bare
from gitops.sources import HostedSource
from gitops.states import FleetStates
from schemas.errors import HerdsmanError
from tests.fakes.web import running
from tests.unit.gitops.fleets import Clone, bot_file, program_files
from web.access.scopes import Scope
from web.documents.revisions import PlanDocument
from web.plans import Plans

SOUND = {**program_files(), "bots/one.yaml": bot_file("one"), "bots/two.yaml": bot_file("two")}


@dataclass
class Deployed:
    """What is deployed: everything as the desired state says, none of it drifted."""

    state: DesiredState

    def desired(self) -> DesiredState:
        return self.state

    async def preview(self) -> Preview:
        return self.preview_of(self.state)

    def preview_of(self, desired: DesiredState) -> Preview:
        owned = self.inventory()
        differences = compare(desired, Known("fleet", {}, owned))
        wanted = [one for one in differences if "removed behind" not in one.reason]
        return make_preview(desired, make_plan(desired, wanted, owned), wanted, owned)

    def inventory(self) -> Mapping[str, InventoryEntry]:
        return {
            name: InventoryEntry(name, spec.path, self.state.revision.id, spec, "t", "local")
            for name, spec in self.state.bots.items()
        }


@dataclass
class Desk:
    """A clone, the service that has what was pushed from it, and a reader of the service."""

    clone: Clone
    repository: Path
    client: Client
    looks: Path

    async def plan(self, what: str | None, ref: str = "", where: Path | None = None) -> PlanDocument:
        """Plan as the command does it, in the clone's folder."""
        folder = where or self.clone.path
        os.chdir(folder)
        return await asyncio.to_thread(planned, self.client, what, ref, "")


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Serve a repository to which two bots were pushed, and which runs them."""
    monkeypatch.chdir(tmp_path)
    clone, repository = Clone(tmp_path / "clone"), tmp_path / "fleet.git"
    make_bare(repository, "main", {})
    clone.commit(SOUND, "first")
    clone.git("push", "-q", str(repository), "main")
    source = HostedSource(repository)
    states = FleetStates(source)
    with CommitReader(repository, "refs/heads/main", branch="main") as reader:
        deployed = Deployed(states.build_from(reader, None))
    looks = tmp_path / "looks"
    plans = Plans(deployed, Candidates([Place("", source, states)], looks), repository)
    async with running(tmp_path, plans=plans) as web:
        client = Client(Service(web.url, web.secrets[Scope.READ]))
        yield Desk(clone, repository, client, looks)
        client.close()


def actions(found: PlanDocument) -> dict[str, str]:
    """Return what would be done to each bot that changes."""
    return {one["bot"]: one["action"] for one in found.actions if one["action"] != "none"}


async def test_a_folder_is_planned_with_everything_uncommitted_and_nothing_moves(desk: Desk) -> None:
    """An update, a new bot and a removal are told with their values; nothing moves anywhere."""
    desk.clone.write(
        {"bots/one.yaml": bot_file("one", size=2), "bots/two.yaml": None, "bots/new.yaml": bot_file("new")}
    )
    before = desk.clone.git("status", "--porcelain").stdout
    found = await desk.plan(".")
    assert actions(found) == {"one": "update", "two": "remove", "new": "create"}
    changed = next(one for one in found.actions if one["bot"] == "one")
    assert changed["fields"] == [{"name": "size", "before": "1", "after": "2"}]
    assert found.name == "main-dirty"
    assert code_of(found, exit_code=True) == CHANGES
    assert code_of(found, exit_code=False) == 0
    assert desk.clone.git("status", "--porcelain").stdout == before
    assert git(desk.repository, "for-each-ref", "--format=%(refname)").decode().split() == ["refs/heads/main"]
    assert list(desk.looks.iterdir()) == []


async def test_a_commit_a_branch_of_the_service_and_a_plain_folder_are_planned(desk: Desk) -> None:
    """What is here is sent, what the service has is found by its name, and a folder needs no git."""
    assert actions(await desk.plan("HEAD")) == {}
    desk.clone.git("switch", "-q", "-c", "next")
    desk.clone.commit({"bots/one.yaml": bot_file("one", size=3)})
    assert actions(await desk.plan("next")) == {"one": "update"}
    with pytest.raises(HerdsmanError, match="no branch, tag or commit next"):
        await desk.plan(None, ref="next")
    desk.clone.git("push", "-q", str(desk.repository), "next")
    assert actions(await desk.plan(None, ref="next")) == {"one": "update"}
    plain = desk.clone.path.parent / "plain"
    for path, text in SOUND.items():
        (plain / path).parent.mkdir(parents=True, exist_ok=True)
        (plain / path).write_text(text)
    (plain / "bots/two.yaml").unlink()
    assert actions(await desk.plan("plain", where=plain.parent)) == {"two": "remove"}


async def test_a_shallow_clone_is_planned_by_its_tree(desk: Desk) -> None:
    """A clone without history, as CI makes them, is taken for what comes after the deployed revision."""
    desk.clone.commit({"bots/one.yaml": bot_file("one", size=4)})
    shallow = desk.clone.path.parent / "shallow"
    desk.clone.git("clone", "-q", "--depth", "1", desk.clone.path.as_uri(), str(shallow))
    assert actions(await desk.plan("HEAD", where=shallow)) == {"one": "update"}


async def test_a_changed_program_is_told_by_its_files(desk: Desk) -> None:
    """A new version shows both versions, and which files of the program differ."""
    desk.clone.commit(
        {
            **program_files(version="1.1.0", code="def main(*_): return 1\n", **{"more.py": "x = 1\n"}),
            "bots/one.yaml": bot_file("one", version="1.1.0"),
        }
    )
    found = await desk.plan("HEAD")
    assert actions(found) == {"one": "update"}
    code = found.actions[0]["code"]
    assert (code["added"], code["changed"], code["removed"]) == (1, 2, 0)
    text = "\n".join(preview_lines(found, 100))
    assert "maker 1.0.0 -> maker 1.1.0" in text
    assert "3 files (2 changed, 1 added): bot-config.yaml, main.py, more.py" in text


async def test_a_mistake_is_told_with_its_line_and_ends_the_command_with_1(desk: Desk) -> None:
    """A plan says what a push would be refused for."""
    desk.clone.write({"bots/two.yaml": bot_file("two", sise=1)})
    found = await desk.plan(".")
    assert [(one["file"], one["line"], one["new"]) for one in found.errors] == [("bots/two.yaml", 5, True)]
    assert found.refused == ["1 error in 1 of 2 bots"]
    assert code_of(found, exit_code=True) == 1
    narrow = preview_lines(found, 40)
    assert max(map(len, narrow)) <= 40
    assert any(line.startswith("would be refused: 1 error") for line in narrow)


async def test_values_that_look_secret_are_never_shown(desk: Desk) -> None:
    """Neither a key's name nor a value by its looks lets a secret into a plan."""
    schema = '{"type": "object", "additionalProperties": true}'
    token = "ghp_" + "a1B2" * 9
    desk.clone.commit(
        {
            **program_files(version="2.0.0", **{"bot-schema.json": schema}),
            "bots/one.yaml": bot_file("one", program="maker", version="2.0.0", api_key="hunter2", note=token)
            + "herdsman: {allow_major: true}\n",
        }
    )
    found = await desk.plan("HEAD")
    text = "\n".join(preview_lines(found, 200)) + str(found)
    assert "hunter2" not in text
    assert token not in text
    assert {one["name"]: one["after"] for one in found.actions[0]["fields"]}["note"] == "(hidden)"


async def test_what_is_sent_must_be_sound(desk: Desk) -> None:
    """Rubbish, and a pack without its commit, are refused in words; nothing of them is kept."""
    sent = ("/api/v1/plans", PlanDocument, b"rubbish", "application/octet-stream")
    with pytest.raises(HerdsmanError, match="the pack is not sound"):
        await asyncio.to_thread(
            desk.client.send,
            "/api/v1/plans",
            PlanDocument,
            b"rubbish",
            "application/octet-stream",
            commit="a" * 40,
        )
    with pytest.raises(HerdsmanError, match="without the commit that is meant"):
        await asyncio.to_thread(desk.client.send, *sent)
    assert list(desk.looks.iterdir()) == []
