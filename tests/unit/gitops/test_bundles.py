import asyncio
import hashlib
import io
import marshal
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from gitops import bundles as bundles_module
from gitops.build import build_desired_state
from gitops.bundles import BundleStore
from gitops.dependencies import install_environment, is_empty, may_build, reason_of, refers_to_files
from gitops.reading import CommitReader
from schemas.bot import ProgramVersion
from schemas.errors import BuildFailed
from tests.unit.gitops.fleets import Clone, bot_file, program_files

PYTHON = f"3.{sys.version_info.minor}"


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def store(tmp_path):
    return BundleStore(tmp_path / "bundles")


def program(clone: Clone, **files: str | bytes) -> ProgramVersion:
    """Commit a program with these files beside its own, and return it."""
    extra = {f"programs/maker/{name}": content for name, content in files.items()}
    clone.commit({**program_files(), "bots/a.yaml": bot_file("alpha"), **extra})
    with CommitReader(clone.store, clone.head) as reader:
        return build_desired_state(reader).bots["alpha"].program


def names(bundle) -> list[str]:
    with tarfile.open(bundle.path) as tar:
        return tar.getnames()


def wheel(name: str = "tiny", version: str = "1.0", source: str = "answer = 42\n") -> bytes:
    """Make a wheel with one module."""
    content = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{name}.py", source)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return content.getvalue()


LOCAL = "--no-index\n--find-links wheels\n"


async def test_a_program_becomes_an_archive_of_its_folder(clone, store):
    """The bundle holds the folder's files with their modes, and its name is the digest of its bytes."""
    clone.write({**program_files(), "programs/maker/run.sh": "#!/bin/sh\n"})
    (clone.path / "programs/maker/run.sh").chmod(0o755)
    clone.link("programs/maker/link.py", "main.py")
    bundle = await store.code(clone.store, program(clone, **{"lib/x.py": "x = 1\n"}))
    assert bundle.digest == hashlib.sha256(bundle.path.read_bytes()).hexdigest()
    assert bundle.size == bundle.path.stat().st_size
    with tarfile.open(bundle.path) as tar:
        members = {member.name: member for member in tar}
        assert tar.extractfile("lib/x.py").read() == b"x = 1\n"
    assert set(members) >= {"bot-config.yaml", "main.py", "run.sh", "link.py", "lib/x.py"}
    assert (members["run.sh"].mode, members["main.py"].mode) == (0o755, 0o644)
    assert members["link.py"].linkname == "main.py"
    assert all((m.uid, m.gid, m.uname, m.mtime) == (0, 0, "", 315532800) for m in members.values())


async def test_the_same_tree_gives_the_same_bytes(clone, store, tmp_path):
    """Two stores make identical archives of one tree; another tree gives another."""
    version = program(clone)
    first = await store.code(clone.store, version)
    second = await BundleStore(tmp_path / "other").code(clone.store, version)
    assert first.digest == second.digest
    assert first.path.read_bytes() == second.path.read_bytes()
    third = await store.code(clone.store, program(clone, **{"main.py": "y = 1\n"}))
    assert third.digest != first.digest


async def test_a_bundle_is_built_once(clone, store, monkeypatch):
    """Many requests at once, and later ones, share one build; also after one of them was cancelled."""
    version = program(clone)
    built: list[int] = []
    write = bundles_module.write_archive
    monkeypatch.setattr(
        bundles_module, "write_archive", lambda *arguments: built.append(1) or write(*arguments)
    )
    requests = [asyncio.ensure_future(store.code(clone.store, version)) for _ in range(20)]
    await asyncio.sleep(0)
    requests[0].cancel()
    found = await asyncio.gather(*requests[1:])
    assert len(set(found)) == 1
    await store.code(clone.store, version)
    assert len(built) == 1


async def test_a_store_finds_its_bundles_again(clone, store, tmp_path, monkeypatch):
    """A new process finds what an earlier one built, and clears what it left half done."""
    version = program(clone)
    bundle = await store.code(clone.store, version)
    (tmp_path / "bundles/work/half").write_text("x")
    again = BundleStore(tmp_path / "bundles")
    assert again.find(bundle.digest) == bundle
    monkeypatch.setattr(bundles_module, "write_archive", None)
    assert await again.code(clone.store, version) == bundle
    assert list((tmp_path / "bundles/work").iterdir()) == []
    assert again.find("0" * 64) is None
    assert again.find("../../etc/passwd") is None


async def test_a_damaged_bundle_is_built_again(clone, store, tmp_path):
    """A file that was cut short, or is gone, is not handed out."""
    version = program(clone)
    bundle = await store.code(clone.store, version)
    bundle.path.write_bytes(b"cut")
    again = BundleStore(tmp_path / "bundles")
    assert again.find(bundle.digest) is None
    assert (await again.code(clone.store, version)).path.stat().st_size == bundle.size
    bundle.path.unlink()
    assert (await again.code(clone.store, version)).path.exists()


async def test_only_what_is_retained_stays(clone, store):
    """Bundles without a reference are deleted, those with one are kept, also where two keys share bytes."""
    kept = await store.code(clone.store, program(clone))
    dropped = await store.code(clone.store, program(clone, **{"main.py": "z = 1\n"}))
    shared = await store.files("one", {"a": b"1"})
    await store.files("two", {"a": b"1"})
    await store.retain({kept.key, "two"})
    assert store.find(kept.digest) == kept
    assert store.find(dropped.digest) is None
    assert not dropped.path.exists()
    assert store.find(shared.digest).key == "two"
    assert shared.path.exists()


async def test_files_of_ours_become_a_bundle(store):
    """A mapping of files is packed; new content under the same key is a new bundle."""
    first = await store.files("launcher", {"launcher.py": b"1", "lib/x.py": b"2"})
    assert names(first) == ["launcher.py", "lib/x.py"]
    second = await store.files("launcher", {"launcher.py": b"3"})
    assert second.digest != first.digest
    assert store.find(second.digest) == second


async def test_a_link_that_leads_out_is_never_packed(clone, store):
    """Even if asked to, the store packs no link out of the folder."""
    clone.write(program_files())
    clone.link("programs/maker/out", "../../../secret")
    clone.commit()
    tree = clone.git("rev-parse", "HEAD:programs/maker").stdout.strip()
    version = program(Clone(clone.path.parent / "other"))
    leading_out = ProgramVersion(
        version.name, version.version, version.type, version.runtime, "main.py", "", "programs/maker", tree
    )
    with pytest.raises(BuildFailed, match="leads out"):
        await store.code(clone.store, leading_out)


async def test_dependencies_are_installed_into_a_layer(clone, store):
    """What requirements.txt asks for can be imported from the layer."""
    version = program(
        clone, **{"requirements.txt": f"{LOCAL}tiny==1.0\n", "wheels/tiny-1.0-py3-none-any.whl": wheel()}
    )
    layer = await store.dependencies(clone.store, version, PYTHON)
    assert "tiny.py" in names(layer)
    assert any(name.endswith(".pyc") for name in names(layer))


async def test_byte_code_is_good_wherever_a_layer_lies(clone, store, tmp_path):
    """It is valid whatever time its file bears, and names no path of the machine that made it."""
    version = program(
        clone, **{"requirements.txt": f"{LOCAL}tiny==1.0\n", "wheels/tiny-1.0-py3-none-any.whl": wheel()}
    )
    layer = await store.dependencies(clone.store, version, PYTHON)
    (compiled,) = [name for name in names(layer) if name.endswith(".pyc")]
    with tarfile.open(layer.path) as tar:
        content = tar.extractfile(compiled).read()
    assert int.from_bytes(content[4:8], "little") == 0b01, "by the source's hash, unchecked"
    assert marshal.loads(content[16:]).co_filename == "tiny.py"


async def test_what_cannot_be_compiled_is_installed_as_it_is(clone, store):
    """A template that only looks like Python costs nobody a deploy."""
    files = {
        "requirements.txt": f"{LOCAL}tiny==1.0\n",
        "wheels/tiny-1.0-py3-none-any.whl": wheel(source="{{ name }} = (\n"),
    }
    layer = await store.dependencies(clone.store, program(clone, **files), PYTHON)
    assert "tiny.py" in names(layer)
    assert not [name for name in names(layer) if name.endswith(".pyc")]


async def test_a_store_may_be_named_by_a_relative_path(clone, tmp_path, monkeypatch):
    """The installer works in another folder and still finds the program."""
    monkeypatch.chdir(tmp_path)
    version = program(
        clone, **{"requirements.txt": f"{LOCAL}tiny==1.0\n", "wheels/tiny-1.0-py3-none-any.whl": wheel()}
    )
    layer = await BundleStore(Path("here")).dependencies(clone.store, version, PYTHON)
    assert "tiny.py" in names(layer)


async def test_code_alone_takes_no_install(clone, store, monkeypatch):
    """With the same requirements the layer is the one that is there, whatever else changed."""
    await store.dependencies(clone.store, program(clone, **{"requirements.txt": "# nothing\n"}), PYTHON)
    version = program(clone, **{"requirements.txt": "tiny==1.0\n"})
    key = None

    async def install(folder, file, python, target, seconds):
        target.mkdir()
        (target / "tiny.py").write_text("x = 1\n")

    monkeypatch.setattr(bundles_module, "install", install)
    first = await store.dependencies(clone.store, version, PYTHON)
    monkeypatch.setattr(bundles_module, "install", None)
    other = program(clone, **{"requirements.txt": "tiny==1.0\n", "main.py": "changed = 1\n"})
    assert other.tree != version.tree
    assert await store.dependencies(clone.store, other, PYTHON) == first
    assert key != first.key


async def test_no_requirements_need_no_layer(clone, store):
    """A program without a requirements file, or with an empty one, has no layer."""
    assert await store.dependencies(clone.store, program(clone), PYTHON) is None
    version = program(clone, **{"requirements.txt": "# later\n\n"})
    assert await store.dependencies(clone.store, version, PYTHON) is None


async def test_a_failing_installation_shows_the_end_of_its_log(clone, store):
    """A package that is not there fails the build, with uv's words; the next request tries again."""
    version = program(clone, **{"requirements.txt": f"{LOCAL}missing==9\n", "wheels/x": ""})
    with pytest.raises(BuildFailed, match="could not be installed") as caught:
        await store.dependencies(clone.store, version, PYTHON)
    assert "missing" in caught.value.log
    assert "Because missing was not found" in str(caught.value)
    with pytest.raises(BuildFailed):
        await store.dependencies(clone.store, version, PYTHON)


BOXED = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because nope was not found in the package registry and you
      require nope, your requirements are unsatisfiable.

      hint: look elsewhere
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            BOXED,
            "No solution found when resolving dependencies: Because nope was not found in the package "
            "registry and you require nope, your requirements are unsatisfiable.",
        ),
        ("error: No solution found\n  cause: Because of that.\n", "No solution found: Because of that."),
        ("error: no network\nsome more\n", "no network"),
        ("\n", "no reason was given"),
    ],
)
def test_an_installers_reason_is_one_line(log, reason):
    """The cause that uv draws over several lines is joined to its first line."""
    assert reason_of(log.splitlines()) == reason


SETUP = "from setuptools import setup\nsetup(name='src', version='1.0', py_modules=[])\n"


async def test_nothing_is_built_from_source_unless_asked(clone, store, tmp_path):
    """A package that would run its own set-up script on this machine is refused."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        header = tarfile.TarInfo("src-1.0/setup.py")
        text = f"open({str(tmp_path / 'ran')!r}, 'w')\n{SETUP}".encode()
        header.size = len(text)
        tar.addfile(header, io.BytesIO(text))
    version = program(
        clone, **{"requirements.txt": f"{LOCAL}src==1.0\n", "wheels/src-1.0.tar.gz": content.getvalue()}
    )
    with pytest.raises(BuildFailed) as caught:
        await store.dependencies(clone.store, version, PYTHON)
    assert "no usable wheels" in caught.value.log
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("file", "text", "asked"),
    [
        ("requirements.txt", "--no-binary src\nsrc==1.0\n", True),
        ("requirements.txt", "src==1.0  # --no-binary src\n", False),
        ("pyproject.toml", "[tool.uv]\nno-binary-package = ['src']\n", True),
        ("pyproject.toml", "[tool.uv]\nno-build = false\n", True),
        ("pyproject.toml", "[project]\nname = 'x'\n", False),
        ("pyproject.toml", "[[[", False),
    ],
)
def test_a_program_asks_for_building_in_its_own_files(tmp_path, file, text, asked):
    """Building from source is asked for where the ecosystem's tools read it."""
    (tmp_path / file).write_text(text)
    assert may_build(tmp_path) is asked


async def test_a_lock_file_is_installed_as_locked(clone, store):
    """A program with pyproject.toml and uv.lock gets exactly what the lock names."""
    project = (
        '[project]\nname = "maker"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tiny"]\n'
    )
    digest = hashlib.sha256(wheel()).hexdigest()
    lock = (
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n\n'
        '[[package]]\nname = "maker"\nversion = "1"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "tiny" }]\n'
        '[package.metadata]\nrequires-dist = [{ name = "tiny" }]\n\n'
        '[[package]]\nname = "tiny"\nversion = "1.0"\nsource = { registry = "wheels" }\n'
        f'wheels = [{{ path = "tiny-1.0-py3-none-any.whl", hash = "sha256:{digest}" }}]\n'
    )
    settings = '[tool.uv]\nfind-links = ["wheels"]\nno-index = true\n'
    version = program(
        clone,
        **{
            "pyproject.toml": project + settings,
            "uv.lock": lock,
            "wheels/tiny-1.0-py3-none-any.whl": wheel(),
        },
    )
    assert version.dependencies == "uv.lock"
    layer = await store.dependencies(clone.store, version, PYTHON)
    assert "tiny.py" in names(layer)


async def test_an_interpreter_that_is_not_there_fails_the_build(clone, store):
    """A version of Python that this machine lacks is named, with those that it has."""
    version = program(clone, **{"requirements.txt": "tiny\n"})
    with pytest.raises(BuildFailed, match=r"no python3\.99 on this machine.*it has python3"):
        await store.dependencies(clone.store, version, "3.99")


def test_an_installation_gets_the_machines_index_and_nothing_of_ours():
    """Index settings are handed on, pip's also under uv's names; our secrets are not."""
    environment = install_environment(
        {
            "PIP_INDEX_URL": "https://index.example/simple",
            "PIP_FIND_LINKS": "/wheels",
            "UV_CACHE_DIR": "/cache",
            "HERDSMAN_TOKEN": "secret",
            "NOMAD_TOKEN": "secret",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    )
    assert environment["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert environment["UV_FIND_LINKS"] == "/wheels"
    assert environment["UV_CACHE_DIR"] == "/cache"
    assert "secret" not in environment.values()


@pytest.mark.parametrize(
    ("text", "refers"),
    [
        ("x==1\n# -r y\n", False),
        ("-r base.txt\n", True),
        ("--constraint c.txt\n", True),
        ("./here.whl\n", True),
        ("x @ file:///y\n", True),
        ("--find-links wheels\n", True),
        ("--index-url https://x/\nx>=1 ; python_version > '3'\n", False),
    ],
)
def test_requirements_that_need_other_files_are_known(text, refers):
    """Only a file that stands alone may share its layer between trees."""
    assert refers_to_files(text.encode()) is refers
    assert not is_empty(text.encode())
