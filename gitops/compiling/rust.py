"""Building a Rust program: its packages are fetched, then `cargo build --release --locked --offline`."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitops.compiling.choice import CARGO_BUILT, Executable, choose
from gitops.compiling.steps import Workshop, build_environment, cargo_settings, carry_out, output_of
from gitops.compiling.toolchains import Rust
from schemas.errors import BuildFailed

_PROGRESS = re.compile(r"(Compiling|Downloading|Downloaded|Updating|Fetching)\s+\S.*")


async def build_rust(
    shop: Workshop, rust: Rust, entrypoints: Sequence[str], cargo_home: Path
) -> list[Executable]:
    """Build the binaries of these entrypoints and return them in their order. Raises BuildFailed."""
    environment = rust_environment(shop, rust, cargo_home)
    cargo = str(rust.cargo)
    await carry_out(shop, [cargo, "fetch", "--locked"], environment, _progress, online=True)
    describing = [cargo, "metadata", "--format-version=1", "--no-deps", "--locked", "--offline"]
    binaries = _binaries(await output_of(shop, describing, environment), shop.program)
    wanted = [choose(entrypoint, binaries, CARGO_BUILT, "Cargo.toml") for entrypoint in entrypoints]
    for binary in dict.fromkeys(wanted):
        package, _, name = binary.target.partition("/")
        build = [cargo, "build", "--release", "--locked", "--offline", "--package", package, "--bin", name]
        await carry_out(shop, [*build, "--jobs", str(shop.limits.jobs)], environment, _progress)
    return [_built(binary, shop.out) for binary in wanted]


def rust_environment(shop: Workshop, rust: Rust, cargo_home: Path) -> dict[str, str]:
    """Return what cargo sees; the downloads are shared by all builds."""
    fixed = {
        "CARGO_HOME": str(cargo_home),
        "CARGO_TARGET_DIR": str(shop.out),
        "CARGO_TERM_COLOR": "never",
        "CARGO_TERM_PROGRESS_WHEN": "never",
        "CARGO_INCREMENTAL": "0",
        "RUSTC": str(rust.rustc),
    }
    return build_environment(shop, [rust.cargo.parent, rust.rustc.parent], cargo_settings() | fixed)


def _binaries(metadata: str, folder: Path) -> list[Executable]:
    """Return the binaries that a program can build, from what `cargo metadata` prints."""
    described: Mapping[str, Any] = json.loads(metadata)
    return [
        Executable(
            target=f"{package['name']}/{target['name']}",
            path=target["name"],
            sources=(os.path.relpath(target["src_path"], folder.resolve()),),
        )
        for package in described["packages"]
        for target in package["targets"]
        if "bin" in target["kind"]
    ]


def _built(binary: Executable, out: Path) -> Executable:
    path = f"release/{binary.path}"
    if not (out / path).is_file():
        raise BuildFailed(f"The build failed: cargo built no {CARGO_BUILT}{binary.path}")
    return Executable(binary.target, path, binary.sources)


def _progress(line: str) -> str:
    match = _PROGRESS.match(line)
    return re.sub(r"\s*\(.*", "", match[0]).lower().replace("  ", " ") if match else ""
