"""Node's dependency layers, installed by the real npm without any network."""

import io
import json
import shutil
import tarfile

import pytest

from gitops.build import build_desired_state
from gitops.bundles import BundleStore
from gitops.node_dependencies import is_empty_lock, lock_refers_to_files, npm_environment
from gitops.reading import CommitReader
from gitops.runtimes import Node, find_node, nodes
from schemas.errors import BuildFailed, RuntimeMissing
from tests.unit.gitops.fleets import Clone, program_files
from tests.unit.gitops.test_bundles import names, program

MANIFEST = "programs/maker/bot-config.yaml"


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def store(tmp_path):
    return BundleStore(tmp_path / "bundles")


def packed(ran: str = "") -> bytes:
    """Make a package of one module, with a script that would leave a file at `ran`."""
    package = {"name": "tiny", "version": "1.0.0", "scripts": {"install": f"touch {ran}"} if ran else {}}
    files = {"package/package.json": json.dumps(package), "package/index.js": "exports.answer = 42;\n"}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return content.getvalue()


def lock(packages: dict[str, object], **wanted: str) -> str:
    root = {"name": "maker", "version": "1.0.0", "dependencies": wanted}
    return json.dumps({"lockfileVersion": 3, "requires": True, "packages": {"": root, **packages}})


TINY = {"node_modules/tiny": {"version": "1.0.0", "resolved": "file:tiny.tgz"}}


def node_files(ran: str = "", **more: str | bytes) -> dict[str, str | bytes]:
    """Return a Node program's files that depend on one package."""
    wanted = {"tiny": "file:tiny.tgz"}
    return {
        "bot-config.yaml": str(program_files()[MANIFEST]).replace("python3.11", "nodejs20"),
        "package.json": json.dumps({"name": "maker", "version": "1.0.0", "dependencies": wanted}),
        "package-lock.json": lock(TINY, **wanted),
        "tiny.tgz": packed(ran),
        **more,
    }


async def test_locked_packages_are_installed_and_run_no_script(clone, store, tmp_path):
    """The layer is the folder node_modules; what a package would run at its installation is not run."""
    version = program(clone, **node_files(str(tmp_path / "ran")))
    assert version.dependencies == "package-lock.json"
    layer = await store.dependencies(clone.store, version, "3.11")
    assert "node_modules/tiny/index.js" in names(layer)
    assert all(name.startswith("node_modules/") for name in names(layer))
    assert not (tmp_path / "ran").exists()
    assert f"-nodejs20-{find_node().major}-" in layer.key
    assert await store.dependencies(clone.store, version, "3.12") == layer


async def test_a_failing_npm_shows_the_end_of_its_log(clone, store):
    """A lock that does not fit package.json fails the build, with npm's words."""
    files = node_files()
    files["package.json"] = json.dumps({"name": "maker", "dependencies": {"other": "file:tiny.tgz"}})
    with pytest.raises(BuildFailed, match="could not be installed") as caught:
        await store.dependencies(clone.store, program(clone, **files), "")
    assert "npm ci" in str(caught.value)
    assert "package.json" in caught.value.log


async def test_an_installation_that_hangs_is_ended(clone, tmp_path):
    """An installation has so many seconds."""
    store = BundleStore(tmp_path / "bundles", install_timeout=0.001)
    with pytest.raises(BuildFailed, match="took longer than"):
        await store.dependencies(clone.store, program(clone, **node_files()), "")


async def test_a_workspace_is_refused_with_what_to_do(clone, store):
    """A dependency that is a folder beside the modules would be missing in the layer."""
    files = node_files()
    package = {"name": "maker", "version": "1.0.0", "workspaces": ["part"]}
    files["package.json"] = json.dumps(package)
    files["part/package.json"] = json.dumps({"name": "part", "version": "1.0.0"})
    packages = {
        "": package,
        "node_modules/part": {"resolved": "part", "link": True},
        "part": {"version": "1.0.0"},
    }
    files["package-lock.json"] = json.dumps({"lockfileVersion": 3, "requires": True, "packages": packages})
    with pytest.raises(BuildFailed, match="npm pack"):
        await store.dependencies(clone.store, program(clone, **files), "")


async def test_no_packages_need_no_layer(clone, store):
    """A lock of nothing installs nothing."""
    files = node_files(**{"package.json": '{"name": "maker"}', "package-lock.json": lock({})})
    assert await store.dependencies(clone.store, program(clone, **files), "") is None


async def test_a_machine_without_node_says_so(clone, store, tmp_path, monkeypatch):
    """Without Node.js nothing is installed, and the error says what is missing."""
    version = program(clone, **node_files())
    monkeypatch.setattr("gitops.runtimes._folders", lambda versions: [tmp_path])
    with pytest.raises(RuntimeMissing, match=r"no Node\.js 20 or newer on this machine to install"):
        await store.dependencies(clone.store, version, "")


def test_nodes_are_those_that_run_and_are_new_enough(tmp_path, monkeypatch):
    """A program that is no Node.js, or an old one, is not taken; the oldest of the others is."""
    for folder, text in (
        ("a", "echo v18.2.0"),
        ("b", "exit 1"),
        ("c", "echo v24.1.0"),
        ("d", "echo v22.0.1"),
    ):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "node"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    monkeypatch.setattr("gitops.runtimes._folders", lambda versions: [tmp_path / name for name in "abcde"])
    assert list(nodes()) == [22, 24]
    assert find_node() == Node(22, "22.0.1", tmp_path / "d" / "node")
    shutil.rmtree(tmp_path / "d")
    assert find_node().major == 24


def test_npm_gets_the_machines_settings_and_no_credential(tmp_path):
    """Settings of npm are handed on, but nothing that opens a door, and no home with a .npmrc in it."""
    given = {
        "npm_config_registry": "https://registry.example/",
        "NPM_CONFIG_CACHE": "/cache",
        "NPM_CONFIG__AUTH": "secret",
        "npm_config_//registry.example/:_authToken": "secret",
        "npm_config_proxy": "http://me:secret@proxy.example",
        "HERDSMAN_TOKEN": "secret",
        "NPM_TOKEN": "secret",
    }
    environment = npm_environment(find_node(), tmp_path, given)
    assert environment["npm_config_registry"] == "https://registry.example/"
    assert environment["NPM_CONFIG_CACHE"] == "/cache"
    assert environment["HOME"] == str(tmp_path)
    assert not [value for value in environment.values() if "secret" in value]


@pytest.mark.parametrize(
    ("text", "empty", "refers"),
    [
        (lock({}), True, False),
        (lock({"node_modules/x": {"resolved": "https://registry.example/x.tgz"}}), False, False),
        (lock({"node_modules/x": {"version": "1.0.0"}}), False, False),
        (lock(TINY), False, True),
        (lock({"node_modules/x": {"resolved": "x", "link": True}}), False, True),
        ("[]", False, False),
        ("no json", False, False),
    ],
)
def test_locks_are_read_for_what_they_need(text, empty, refers):
    """Only a lock that stands alone may share its layer between trees."""
    assert is_empty_lock(text.encode()) is empty
    assert lock_refers_to_files(text.encode()) is refers


def test_packages_without_a_lock_are_warned_of(clone):
    """Dependencies that nothing would install are named, with the command that locks them."""
    files = node_files()
    del files["package-lock.json"]
    program(clone, **files)
    with CommitReader(clone.store, clone.head) as reader:
        (error,) = build_desired_state(reader).errors
    assert (error.warning, error.suggestion) == (True, "npm install --package-lock-only")
    assert "no package-lock.json" in error.message
