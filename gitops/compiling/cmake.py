"""Building a C++ program: CMake's configure (which may fetch what the program declares), then its build."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gitops.compiling.choice import CMAKE_BUILT, Executable, choose
from gitops.compiling.steps import Workshop, build_environment, carry_out
from gitops.compiling.toolchains import Gcc
from schemas.errors import BuildFailed

_API = ".cmake/api/v1"
_PROGRESS = re.compile(r"\[\s*(\d+/\d+|\d+%)\]\s+\S.*")
_LIBRARIES = frozenset({"SHARED_LIBRARY", "MODULE_LIBRARY"})


async def build_cpp(shop: Workshop, gcc: Gcc, entrypoints: Sequence[str]) -> list[Executable]:
    """Build the executables of these entrypoints and return them in their order. Raises BuildFailed."""
    environment = build_environment(shop, [gcc.cmake.parent, gcc.cxx.parent, gcc.maker.parent], {})
    query = shop.out / _API / "query" / "codemodel-v2"
    query.parent.mkdir(parents=True)
    query.touch()
    await carry_out(shop, _configure(shop, gcc), environment, _progress, online=True)
    found = _executables(shop.out / _API / "reply")
    wanted = [choose(entrypoint, found, CMAKE_BUILT, "CMakeLists.txt") for entrypoint in entrypoints]
    build = [str(gcc.cmake), "--build", str(shop.out), "--parallel", str(shop.limits.jobs), "--target"]
    for one in dict.fromkeys(wanted):
        await carry_out(shop, [*build, one.target], environment, _progress)
    for one in wanted:
        if not (shop.out / one.path).is_file():
            raise BuildFailed(f"The build failed: CMake built no {CMAKE_BUILT}{one.path}")
    return wanted


def _configure(shop: Workshop, gcc: Gcc) -> list[str]:
    """Return the command that configures: Release, found by its own folder, needing only glibc of a node."""
    return [
        *(str(gcc.cmake), "-S", str(shop.program), "-B", str(shop.out), "-G", gcc.generator),
        "--no-warn-unused-cli",  # a program may have no C in it
        *(f"-DCMAKE_MAKE_PROGRAM={gcc.maker}", "-DCMAKE_BUILD_TYPE=Release"),
        *(f"-DCMAKE_CXX_COMPILER={gcc.cxx}", f"-DCMAKE_C_COMPILER={gcc.cc}"),
        *("-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON", "-DCMAKE_COLOR_DIAGNOSTICS=OFF"),
        "-DCMAKE_EXE_LINKER_FLAGS=-static-libstdc++ -static-libgcc",
    ]


def _executables(reply: Path) -> list[Executable]:
    """Return a program's executables, from what CMake answers to its file API (codemodel-v2)."""
    index = _read(max(reply.glob("index-*.json")))
    model = next(item for item in index["objects"] if item["kind"] == "codemodel")
    targets = [
        _read(reply / target["jsonFile"])
        for target in _read(reply / model["jsonFile"])["configurations"][0]["targets"]
    ]
    libraries = tuple(
        artifact["path"]
        for target in targets
        if target["type"] in _LIBRARIES
        for artifact in target.get("artifacts", ())
    )
    return [
        Executable(
            target["name"],
            target["artifacts"][0]["path"],
            tuple(source["path"] for source in target.get("sources", ())),
            libraries,
        )
        for target in targets
        if target["type"] == "EXECUTABLE" and target.get("artifacts")
    ]


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


def _progress(line: str) -> str:
    match = _PROGRESS.match(line)
    return f"compiling {match[1]}" if match else "configuring" if line.startswith("-- The CXX") else ""
