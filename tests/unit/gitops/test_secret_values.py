"""What of a revision refers to secrets: digests that restart exactly the right bots, errors at the line."""

from pathlib import Path

import pytest

from gitops.build import build_desired_state
from gitops.desired import DesiredState
from gitops.reading import CommitReader
from gitops.secrets.age import read_identity_file
from gitops.secrets.values import FleetSecrets
from schemas.errors import SecretStoreDown, SecretUnavailable
from tests.e2e.secret_fleet import Keys
from tests.unit.gitops.fleets import Clone, bot_file, program_files

KEY = b"k" * 32


class Shelf:
    """Values outside git; None for a store that does not answer."""

    def __init__(self) -> None:
        self.value: str | None = "first"

    def read(self, place: str, key: str) -> str:
        if self.value is None:
            raise SecretStoreDown("the shelf does not answer")
        if place != "desk/a":
            raise SecretUnavailable(f"nothing at {place}")
        return f"{self.value}-{key}"


class Fleet:
    """A repository with bots that have secrets, and what finds their values."""

    def __init__(self, folder: Path) -> None:
        self.keys = Keys(folder / "keys")
        self.clone = Clone(folder / "clone")
        self.shelf = Shelf()
        self.secrets = FleetSecrets(KEY, read_identity_file(self.keys.file), {"vault": self.shelf})
        self.clone.commit(program_files())

    def bot(self, name: str, **secrets: object) -> dict[str, str]:
        return {f"bots/{name}.yaml": bot_file(name, herdsman={"secrets": secrets})}

    def state(self, files: dict[str, str], secrets: FleetSecrets | None = None) -> DesiredState:
        """Return what a new commit with these files asks for."""
        commit = self.clone.commit(files)
        with CommitReader(self.clone.path / ".git", commit) as reader:
            return (secrets or self.secrets).attach(reader, build_desired_state(reader))


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Make one."""
    return Fleet(tmp_path)


def test_a_new_value_changes_exactly_the_bots_that_use_it(fleet: Fleet) -> None:
    """By a digest under the fleet's key: another key gives others, and equal values of two bots differ."""
    files = fleet.bot("one", K="sops:secrets/d.yaml#a") | fleet.bot("two", K="sops:secrets/d.yaml#b")
    files |= {"bots/plain.yaml": bot_file("plain")}
    before = fleet.state(files | {"secrets/d.yaml": fleet.keys.encrypted("a: same\nb: same\n")})
    again = fleet.state({"secrets/d.yaml": fleet.keys.encrypted("a: same\nb: same\n")})
    after = fleet.state({"secrets/d.yaml": fleet.keys.encrypted("a: same\nb: other\n")})
    assert {bot: spec.digest for bot, spec in again.bots.items()} == {
        bot: spec.digest for bot, spec in before.bots.items()
    }
    changed = [bot for bot in after.bots if after.bots[bot].digest != before.bots[bot].digest]
    assert changed == ["two"]
    one, two = before.bots["one"].secrets[0], before.bots["two"].secrets[0]
    assert one.digest != two.digest
    other = FleetSecrets(b"x" * 32, fleet.secrets.identities)
    commit = fleet.clone.git("rev-parse", "HEAD").stdout.strip()
    with CommitReader(fleet.clone.path / ".git", commit) as reader:
        attached = other.attach(reader, build_desired_state(reader))
        assert attached.bots["one"].digest != after.bots["one"].digest
        assert fleet.secrets.reread(after.bots["two"], reader) == {"K": "other"}
        with pytest.raises(SecretUnavailable, match="another value by now"):
            fleet.secrets.reread(before.bots["two"], reader)
    assert fleet.secrets.values(before.bots["two"]) == {"K": "same"}


def test_a_value_outside_git_decides_only_where_it_is_asked_to(fleet: Fleet) -> None:
    """Without restart_on_change it is read when it is handed over, and watched with it."""
    lazy, eager = {"from": "vault", "path": "desk/a", "key": "k"}, {"restart_on_change": True}
    files = fleet.bot("lazy", K=lazy) | fleet.bot("eager", K=lazy | eager)
    before = fleet.state(files)
    assert not fleet.secrets.moved(before.bots.values())
    fleet.shelf.value = "second"
    assert fleet.secrets.moved(before.bots.values())
    after = fleet.state({"notes": "more"})
    assert after.bots["lazy"].digest == before.bots["lazy"].digest
    assert after.bots["eager"].digest != before.bots["eager"].digest
    assert fleet.secrets.values(before.bots["lazy"]) == {"K": "second-k"}


def test_a_bot_whose_secret_cannot_be_had_is_left_as_it_is(fleet: Fleet) -> None:
    """A mistake is an error at its line; a store that is away, or a lost identity, only warns."""
    files = fleet.bot("one", K="sops:secrets/d.yaml#a") | fleet.bot("two", K="vault:desk/b#k")
    files |= {"secrets/d.yaml": fleet.keys.encrypted("a: v\n")}
    state = fleet.state(files)
    (error,) = state.errors
    assert (error.file, error.pointer, error.warning) == ("bots/two.yaml", "/herdsman/secrets/K", False)
    assert error.message == "secret K (vault:desk/b#k): nothing at desk/b"
    assert (state.failed_bots, set(state.bots)) == ({"two"}, {"one"})
    fleet.shelf.value = None
    state = fleet.state(fleet.bot("two", K="vault:desk/a#k"))
    assert [(one.warning, "does not answer" in one.message) for one in state.errors] == [(True, True)]
    assert fleet.secrets.troubled
    assert state.failed_bots == {"two"}
    fleet.shelf.value = "back"
    assert fleet.state({"notes": "1"}).errors == ()
    fleet.secrets.identities = type(fleet.secrets.identities)()
    state = fleet.state({"notes": "2"})
    assert [(one.warning, one.bots) for one in state.errors] == [(True, ("one",))]
    fresh = FleetSecrets(KEY, None, {"vault": fleet.shelf})
    assert [one.warning for one in fleet.state({"notes": "3"}, fresh).errors] == [False]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("sops:../d.yaml#a", "lies in the fleet's folder"),
        ("vault:desk#k", "begins with the mount"),
        ("valt:desk/a#k", 'no secret of the kind "valt"'),
        ({"from": "sops", "path": "x"}, '"path" is not for "from: sops"'),
        ({"from": "nomad", "path": "desk/a"}, 'needs "key"'),
        ({"from": "sops", "file": "a", "restart_on_change": True}, "restarts the bot anyway"),
        ({"file": "a"}, '"from" is missing'),
        ("hunter2-hunter2-hunter2:x", "of the kind that is written there"),
    ],
)
def test_a_reference_that_is_none_is_told(fleet: Fleet, written: object, words: str) -> None:
    """In words that never repeat what may be a value."""
    (error,) = fleet.state(fleet.bot("one", K=written)).errors
    assert words in error.message
    assert "hunter2" not in f"{error}{error.excerpt}"
