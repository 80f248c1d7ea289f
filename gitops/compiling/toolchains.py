"""The compilers of this machine: Rust's, and C++'s with CMake. Looked for at every call, tried out once."""

import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitops.platforms import glibc
from gitops.process import CommandTimedOut, plain_environment, run
from schemas.errors import RuntimeMissing

OLDEST_GCC = 12
"""The oldest major version of g++ that builds programs of the runtime gcc13: it knows C++20."""
MEANT_GCC = 13

RUST_ADVICE = "install Rust (https://rustup.rs), with `cargo` on the PATH"
CMAKE_ADVICE = "install CMake 3.20 or newer and `make` or `ninja` (Debian: apt install cmake make)"
GCC_ADVICE = f"install g++ {MEANT_GCC}, or any from {OLDEST_GCC} on (Debian: apt install g++)"

_OLDEST_CMAKE = (3, 20)
_GCC_NAME = re.compile(r"g\+\+(-\d+)?")
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Rust:
    """A Rust toolchain: its version ("1.95.0"), and the real files of cargo and rustc (no rustup between)."""

    version: str
    cargo: Path
    rustc: Path

    @property
    def name(self) -> str:
        """Return what builds are said to be made with."""
        return f"rustc {self.version}"

    @property
    def described(self) -> str:
        """Return the toolchain and where it is."""
        return f"{self.name} ({self.cargo})"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders that it needs."""
        return self.cargo.parent.parent, self.rustc.parent.parent


@dataclass(frozen=True, slots=True)
class Gcc:
    """A C++ toolchain: g++ of a version ("12.2.0"), gcc beside it, CMake, and what CMake drives."""

    version: str
    cxx: Path
    cc: Path
    cmake: Path
    generator: str
    maker: Path

    @property
    def name(self) -> str:
        """Return what builds are said to be made with."""
        return f"g++ {self.version}"

    @property
    def described(self) -> str:
        """Return the toolchain and where it is."""
        return f"{self.name} ({self.cxx}), {self.cmake}, {self.maker}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders that it needs."""
        return tuple(path.resolve().parent.parent for path in (self.cxx, self.cmake, self.maker))


Toolchain = Rust | Gcc


def find_toolchain(runtime: str) -> Toolchain:
    """Return what builds programs of a compiled runtime. Raises RuntimeMissing with how to get it."""
    if not glibc():
        raise RuntimeMissing(
            "Compiled programs are built for Linux with glibc, and this machine has another C library"
        )
    return find_rust() if runtime.startswith("rust") else find_gcc()


def find_rust() -> Rust:
    """Return the Rust toolchain of this machine. Raises RuntimeMissing."""
    for folder in _folders():
        cargo = folder / "cargo"
        if os.access(cargo, os.X_OK) and (found := _try_rust(cargo, _changed(cargo), _rustup_home(cargo))):
            return found
    raise RuntimeMissing(f"There is no cargo on this machine to build Rust programs with: {RUST_ADVICE}")


def find_gcc() -> Gcc:
    """Return the C++ toolchain nearest to g++ 13, and CMake. Raises RuntimeMissing."""
    compilers = {path: version for path in _gccs() if (version := _version_of(path, _changed(path)))}
    usable = {path: version for path, version in compilers.items() if _major(version) >= OLDEST_GCC}
    if not usable:
        have = f" (there is {', '.join(sorted(compilers.values()))})" if compilers else ""
        raise RuntimeMissing(
            f"There is no g++ {OLDEST_GCC} or newer on this machine to build C++ programs with{have}: "
            f"{GCC_ADVICE}"
        )
    cxx = min(usable, key=lambda path: _distance(_major(usable[path])))
    cmake = _which("cmake")
    if cmake is None or _numbers(_version_of(cmake, _changed(cmake))) < _OLDEST_CMAKE:
        raise RuntimeMissing(
            f"There is no CMake 3.20 or newer on this machine to build C++ programs with: {CMAKE_ADVICE}"
        )
    cc = cxx.with_name(cxx.name.replace("g++", "gcc"))
    for name, generator in (("ninja", "Ninja"), ("make", "Unix Makefiles")):
        maker = _which(name)
        if maker is not None:
            return Gcc(usable[cxx], cxx, cc if cc.exists() else cxx, cmake, generator, maker)
    raise RuntimeMissing(f"There is neither ninja nor make on this machine: {CMAKE_ADVICE}")


def _folders() -> list[Path]:
    """Return where compilers lie: the PATH, and the usual folders."""
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep) if name]
    folders += [Path.home() / ".cargo" / "bin", Path("/usr/local/bin"), Path("/usr/bin")]
    return list(dict.fromkeys(folders))


def _which(name: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join(map(str, _folders())))
    return Path(found) if found else None


def _gccs() -> list[Path]:
    found = [
        path
        for folder in _folders()
        if folder.is_dir()
        for path in sorted(folder.glob("g++*"))
        if _GCC_NAME.fullmatch(path.name) and os.access(path, os.X_OK)
    ]
    return list(dict.fromkeys(found))


def _distance(major: int) -> tuple[bool, int]:
    """Order compilers: 13 itself, then the newer ones, then the older."""
    return major < MEANT_GCC, abs(major - MEANT_GCC)


def _rustup_home(cargo: Path) -> str:
    """Return where rustup keeps its toolchains, where `cargo` is one of its stand-ins; "" where it is not."""
    if cargo.resolve().name != "rustup":
        return ""
    places = [Path(os.environ["RUSTUP_HOME"])] if os.environ.get("RUSTUP_HOME") else []
    places += [cargo.parent.parent.parent / ".rustup", Path.home() / ".rustup"]
    return str(next((place for place in places if (place / "toolchains").is_dir()), places[-1]))


@cache
def _try_rust(cargo: Path, changed: int, rustup_home: str) -> Rust | None:
    """Find out the real cargo and rustc, once for each time that the file changed."""
    tools = {"cargo": cargo, "rustc": cargo.with_name("rustc")}
    if rustup_home:
        extra = {"RUSTUP_HOME": rustup_home, "RUSTUP_AUTO_INSTALL": "0"}
        for tool in tools:
            which: list[str | Path] = [cargo.parent / "rustup", "which", tool]
            asked = _output([*which, "--toolchain", "stable"], extra) or _output(which, extra)
            if not asked:
                return None
            tools[tool] = Path(asked)
    version = _version_of(tools["rustc"], changed)
    return Rust(version, tools["cargo"], tools["rustc"]) if version and tools["cargo"].exists() else None


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@cache
def _version_of(path: Path, _changed: int) -> str:
    """Return the version that a tool tells of itself, "" where it does not."""
    # g++ and CMake tell it as the last word of a line, rustc as its second.
    match = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", re.sub(r"\([^)]*\)", "", _output([path, "--version"])))
    return match[1] if match else ""


def _output(command: list[str | Path], extra: dict[str, str] | None = None) -> str:
    try:
        asked = run(command, environment=plain_environment(extra), timeout=_PATIENCE)
    except (OSError, CommandTimedOut):
        return ""
    return asked.stdout.decode(errors="replace").strip() if asked.code == 0 else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def _major(version: str) -> int:
    return int(version.partition(".")[0])
