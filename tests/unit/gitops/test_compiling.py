"""Programs in Rust and C++, built by the real cargo, CMake and g++, without any network."""

import asyncio
import os
import subprocess
import tarfile
import time
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest

from gitops.build import build_desired_state
from gitops.bundle import Bundle
from gitops.bundles import BundleStore
from gitops.compiling.records import BUILT, FAILED, INTERRUPTED, BuildRecords
from gitops.compiling.seclusion import possible
from gitops.compiling.steps import BuildLimits
from gitops.reading import CommitReader
from schemas.errors import BuildFailed, RuntimeMissing
from tests.unit.gitops.compiled import CMAKE, cpp_files, manifest, rust_files
from tests.unit.gitops.fleets import Clone
from tests.unit.gitops.test_bundles import names, program


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path / "clone")


@pytest.fixture
def store(tmp_path):
    return BundleStore(tmp_path / "bundles")


def printed(layer: Bundle, folder, link: str = "bot") -> str:
    """Unpack a layer and run what one of its links leads to."""
    with tarfile.open(layer.path) as tar:
        tar.extractall(folder, filter="data")
    return subprocess.run([folder / link], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("entrypoint", ["src/main.rs", "target/release/maker"])
async def test_a_rust_program_is_built_once_for_its_tree(clone, store, tmp_path, entrypoint):
    """The layer's link `bot` runs the binary; whatever else changes in the repository builds nothing."""
    told: list[str] = []
    version = program(clone, **rust_files(entrypoint))
    layer = await store.dependencies(clone.store, version, "", told.append)
    assert printed(layer, tmp_path / "run") == "made of rust\n"
    assert told[0].startswith("with rustc 1.")
    assert "compiling maker v1.0.0" in told
    clone.commit({"programs/other.txt": "changed"})
    with CommitReader(clone.store, clone.head) as reader:
        again = build_desired_state(reader).bots["alpha"].program
    assert await store.dependencies(clone.store, again, "3.12") == layer
    (record,) = store.compiler.records.all()
    assert (record.state, record.program, record.tree) == (BUILT, "maker", version.tree)
    assert "Compiling maker v1.0.0" in store.compiler.records.log(record)
    assert not list((tmp_path / "bundles" / "work").iterdir())


PART = "add_library(part SHARED part.cpp)\ntarget_link_libraries(maker part)\n"


@pytest.mark.parametrize("entrypoint", ["main.cpp", "build/maker"])
async def test_a_cpp_program_is_built_with_its_own_libraries(clone, store, tmp_path, entrypoint):
    """The executable finds a shared library of its own program wherever the layer is unpacked."""
    files = cpp_files(
        entrypoint,
        **{
            "CMakeLists.txt": f"{CMAKE}{PART}",
            "part.cpp": 'const char *made() { return "made of parts"; }\n',
            "main.cpp": "#include <cstdio>\nconst char *made();\nint main() { std::puts(made()); }\n",
        },
    )
    layer = await store.dependencies(clone.store, program(clone, **files), "")
    assert sorted(names(layer)) == ["bot", "built/libpart.so", "built/maker"]
    assert printed(layer, tmp_path / "run") == "made of parts\n"
    assert b"libstdc++.so" not in (tmp_path / "run" / "bot").read_bytes()


async def test_a_query_program_is_built_beside_the_bot(clone, store, tmp_path):
    """An entrypoint for queries becomes the link `query`."""
    files = rust_files(**{"src/bin/ask.rs": 'fn main() { println!("asked"); }\n'})
    files["bot-config.yaml"] = manifest("rust-stable", "src/main.rs", "src/bin/ask.rs")
    layer = await store.dependencies(clone.store, program(clone, **files), "")
    assert printed(layer, tmp_path / "run", "query") == "asked\n"


@pytest.mark.parametrize(
    ("files", "reason", "shown"),
    [
        (
            rust_files(**{"src/main.rs": "fn main() { let _ = prise; }\n"}),
            "The build failed: cannot find value `prise` in this scope (src/main.rs:1:21)",
            "fn main() { let _ = prise; }",
        ),
        (
            cpp_files(**{"main.cpp": "int main() {\n  return prise;\n}\n"}),
            "The build failed: ‘prise’ was not declared in this scope (main.cpp:2:10)",
            "return prise;",
        ),
        (
            cpp_files(**{"CMakeLists.txt": f"{CMAKE}find_package(Nowhere REQUIRED)\n"}),
            'The build failed: By not providing "FindNowhere.cmake" in CMAKE_MODULE_PATH',
            "CMake Error at CMakeLists.txt:4 (find_package):",
        ),
        (
            rust_files(**{"Cargo.toml": '[package]\nname = "maker"\nversion = "2.0.0"\n'}),
            "Cargo.lock does not fit Cargo.toml: bring it up to date with `cargo generate-lockfile`",
            "--locked",
        ),
        (
            rust_files("target/release/taker"),
            "The entrypoint target/release/taker is no executable of Cargo.toml, which has "
            'target/release/maker; did you mean "target/release/maker"?',
            "",
        ),
        (
            cpp_files(**{"CMakeLists.txt": f"{CMAKE}add_executable(again main.cpp)\n"}),
            "The entrypoint main.cpp belongs to several executables; name one: build/again, build/maker",
            "",
        ),
        (
            cpp_files(**{"CMakeLists.txt": CMAKE.rpartition("add")[0]}),
            "The entrypoint main.cpp is not built: CMakeLists.txt has no executable",
            "",
        ),
    ],
)
async def test_a_failing_build_says_why_and_where(clone, store, files, reason, shown):
    """The first error with its place is the reason, its lines come along, the log is kept whole."""
    with pytest.raises(BuildFailed) as caught:
        await store.dependencies(clone.store, program(clone, **files), "")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert shown in caught.value.log
    (record,) = store.compiler.records.all()
    assert (record.state, record.message) == (FAILED, str(caught.value))
    assert str(caught.value) in store.compiler.records.log(record)


async def test_a_failed_build_is_not_tried_again_at_once(clone, store):
    """The bots of a program that does not build share one try of it; a change of the program is tried."""
    version = program(clone, **rust_files(**{"src/main.rs": "nonsense\n"}))
    for _ in range(2):
        with pytest.raises(BuildFailed):
            await store.dependencies(clone.store, version, "")
    (first,) = store.compiler.records.all()
    fixed = program(clone, **rust_files())
    assert await store.dependencies(clone.store, fixed, "")
    assert [record.state for record in store.compiler.records.all()] == [BUILT, FAILED]
    assert store.compiler.records.find("maker", version.tree) == first


GREEDY = 'fn main() { let hog = vec![1u8; 600 << 20]; println!("{}", hog.len()); loop {} }\n'
TELLING = """
use std::env::{var, vars};
fn main() {
    for (name, value) in vars() { println!("cargo:warning=E {name}={value}"); }
    println!("cargo:warning=HOME {}", std::fs::read_dir(var("HOME").unwrap()).unwrap().count());
    println!("cargo:warning=NICE {}", std::fs::read_to_string("/proc/self/stat").unwrap());
}
"""


async def test_a_build_has_so_much_memory(clone, tmp_path):
    """What a build script takes counts with the rest, and the whole family is ended."""
    store = BundleStore(tmp_path / "bundles", limits=BuildLimits(memory=400 << 20))
    with pytest.raises(BuildFailed, match=r"more than 400 MiB of memory \(herdsman up --build-memory\)"):
        await store.dependencies(clone.store, program(clone, **rust_files(**{"build.rs": GREEDY})), "")


async def test_a_build_has_so_much_time(clone, tmp_path):
    """A build that hangs is ended with everything that it started, also what left its session."""
    long = f"987.{os.getpid()}"  # nobody else on this machine sleeps for so long
    stay = f'execute_process(COMMAND sh -c "setsid sleep {long} & sleep {long}")\n'
    store = BundleStore(tmp_path / "bundles", limits=BuildLimits(seconds=3))
    files = cpp_files(**{"CMakeLists.txt": f"{CMAKE}{stay}"})
    with pytest.raises(BuildFailed, match=r"longer than 3 s \(herdsman up --build-timeout\)"):
        await store.dependencies(clone.store, program(clone, **files), "")
    assert not [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", long]]


async def test_a_build_sees_nothing_of_ours(clone, store, monkeypatch):
    """No variable of herdsman's reaches a build; its home is empty, its processes are nice."""
    for name in ("HERDSMAN_TOKEN", "NOMAD_TOKEN", "CARGO_REGISTRIES_OURS_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hush-hush@127.0.0.1:1")
    monkeypatch.setenv("CARGO_NET_RETRY", "7")
    await store.dependencies(clone.store, program(clone, **rust_files(**{"build.rs": TELLING})), "")
    log = store.compiler.records.log(store.compiler.records.all()[0])
    assert "hush-hush" not in log
    assert "E CARGO_NET_RETRY=7" in log
    assert "warning: maker@1.0.0: HOME 0" in log
    (stat,) = [line for line in log.splitlines() if ": NICE " in line]
    assert stat.rpartition(")")[2].split()[16] == "19"


SEEING = """
fn main() {
    for place in ["HIDDEN/secret", "HIDDEN/bundles"] {
        println!("cargo:warning={place} {}", std::path::Path::new(place).exists());
    }
    println!("cargo:warning=NEIGHBOUR {}", std::fs::read_dir("/proc").unwrap()
        .filter_map(|one| std::fs::read(one.unwrap().path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains("COMMAND")));
    println!("cargo:warning=NETWORK {}", std::fs::read_link("/proc/self/ns/net").unwrap().display());
    let networks = std::fs::read_to_string("/proc/net/dev").unwrap().lines().count() - 2;
    println!("cargo:warning=NETWORKS {} in all", networks);
}
"""


@pytest.fixture
def neighbour():
    """Another process of this machine; returns a part of its command line that nobody else has."""
    part = f"600.{os.getpid()}{time.monotonic_ns()}"
    with subprocess.Popen(["sleep", part]) as process:
        yield part
        process.kill()


@pytest.mark.parametrize("can_hide", [True, False])
async def test_a_build_sees_no_files_processes_and_network_of_the_machine(
    clone, tmp_path, monkeypatch, neighbour, can_hide
):
    """Where the machine lets us hide them; elsewhere it is built all the same."""
    if not can_hide:
        monkeypatch.setattr("gitops.compiling.seclusion.possible", lambda: False)
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret").write_text("hush-hush")
    store = BundleStore(data / "bundles", hidden=(tmp_path, data))
    seeing = SEEING.replace("HIDDEN", str(data)).replace("COMMAND", neighbour)
    files = rust_files(**{"build.rs": seeing})
    layer = await store.dependencies(clone.store, program(clone, **files), "")
    assert "bot" in names(layer)
    log = store.compiler.records.log(store.compiler.records.all()[0])
    hides = can_hide and possible()
    assert f"{data}/secret {str(not hides).lower()}" in log
    assert f"NEIGHBOUR {str(not hides).lower()}" in log
    assert (f"NETWORK {os.readlink('/proc/self/ns/net')}" in log) is not hides  # noqa: PTH115
    assert "NETWORKS 1 in all" in log or not hides


async def until(condition) -> None:
    """Return once something in another process is so."""
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 - what is awaited lies in another process
            await asyncio.sleep(0.02)


async def test_a_build_that_nobody_waits_for_is_ended(clone, store, tmp_path):
    """It is on record as interrupted, leaves nothing behind, and can be asked for again."""
    waiting = f'fn main() {{ while !std::path::Path::new("{tmp_path}/go").exists() {{}} }}\n'
    version = program(clone, **rust_files(**{"build.rs": waiting}))
    asked = [
        asyncio.create_task(store.dependencies(clone.store, version, "", told))
        for told in (lambda _: None, lambda _: None)
    ]
    record = store.compiler.records
    await until(lambda: bool(record.all()) and "Compiling" in record.log(record.all()[0]))
    asked[0].cancel()
    await asyncio.wait(asked[:1])
    assert not asked[1].done()
    asked[1].cancel()
    await asyncio.wait(asked)
    await until(lambda: record.all()[0].state == INTERRUPTED)
    (tmp_path / "go").touch()
    assert await store.dependencies(clone.store, version, "")
    assert record.all()[0].state == BUILT
    assert not list((tmp_path / "bundles" / "work").iterdir())


async def test_without_a_toolchain_what_was_built_stays_good(clone, store, tmp_path, monkeypatch):
    """A machine that lost its compiler hands out what it built, and says what to install for the rest."""
    version = program(clone, **cpp_files())
    layer = await store.dependencies(clone.store, version, "")
    monkeypatch.setattr("gitops.compiling.toolchains._folders", lambda: [tmp_path])
    assert await store.dependencies(clone.store, version, "") == layer
    other = program(clone, **cpp_files(**{"more.txt": "more"}))
    with pytest.raises(RuntimeMissing, match=r"no g\+\+ 12 or newer on this machine .*apt install"):
        await store.dependencies(clone.store, other, "")
    rust = program(clone, **rust_files())
    with pytest.raises(RuntimeMissing, match=r"no cargo on this machine .*https://rustup\.rs"):
        await store.dependencies(clone.store, rust, "")


async def test_a_runtime_that_is_not_run_yet_is_told(clone, store):
    """Neither built nor placed: the person is told so."""
    version = replace(program(clone), runtime="ghc96")
    with pytest.raises(RuntimeMissing, match="cannot run programs of the runtime ghc96 yet"):
        await store.dependencies(clone.store, version, "")


def test_a_build_that_herdsman_did_not_survive_is_on_record(tmp_path):
    """Records are read again by the next herdsman; what was being built is interrupted."""
    from tests.unit.gitops.test_build_records import record

    BuildRecords(tmp_path).note(record(1))
    assert [one.state for one in BuildRecords(tmp_path).all()] == [INTERRUPTED]


@pytest.mark.parametrize(
    ("files", "message", "suggestion"),
    [
        (rust_files(**{"Cargo.lock": None}), "needs the file Cargo.lock", "cargo generate-lockfile"),
        (rust_files(**{"Cargo.toml": None}), "needs the file Cargo.toml", "cargo init"),
        (cpp_files(**{"CMakeLists.txt": None}), "needs the file CMakeLists.txt", None),
        (cpp_files("mian.cpp"), 'There is no file "mian.cpp" in programs/maker', "main.cpp"),
        ({"bot-config.yaml": manifest("ghc96", "main.py")}, "cannot run programs of the runtime ghc96", None),
    ],
)
def test_what_cannot_be_built_is_found_before_a_push(clone, files, message, suggestion):
    """A missing file is named at its place; a runtime that is not run yet is warned of."""
    clone.commit({"programs/maker/main.py": ""})
    present = {name: content for name, content in files.items() if content is not None}
    with suppress(KeyError):  # its bot cannot be, which is what is wanted
        program(clone, **present)
    with CommitReader(clone.store, clone.head) as reader:
        (error, *_) = build_desired_state(reader).errors
    assert message in error.message
    assert error.suggestion == suggestion
    assert error.warning == ("ghc96" in message)
