"""What a compiled program's folder must hold so that it can be built, checked before it is tried. Pure."""

import posixpath
from collections.abc import Iterator, Mapping

from gitops.compiling.choice import CARGO_BUILT, CMAKE_BUILT
from gitops.tree import TreeEntry
from schemas.bot import COMPILED
from schemas.errors import ManifestError
from schemas.program import ProgramManifest

_NEEDED: Mapping[str, Mapping[str, str | None]] = {
    "rust": {"Cargo.toml": "cargo init", "Cargo.lock": "cargo generate-lockfile"},
    "gcc": {"CMakeLists.txt": None},
}
_BUILT = {"rust": CARGO_BUILT, "gcc": CMAKE_BUILT}
_RUN = ("python", "nodejs", *COMPILED)


def names_a_built_file(runtime: str, entrypoint: str) -> bool:
    """Return whether an entrypoint names what the build makes, which is no file of the folder."""
    return any(
        runtime.startswith(kind) and posixpath.normpath(entrypoint).startswith(built)
        for kind, built in _BUILT.items()
    )


def build_errors(
    manifest: ProgramManifest, folder: str, entries: Mapping[str, TreeEntry]
) -> Iterator[ManifestError]:
    """Yield what keeps a program from being built; a warning where herdsman cannot run its runtime at all."""
    runtime = manifest.runtime
    if not runtime.startswith(_RUN):
        message = f"herdsman cannot run programs of the runtime {runtime} yet; its bots will not start"
        error = manifest.document.error(("runtime",), message)
        yield ManifestError(
            error.file, error.line, error.column, error.pointer, message, excerpt=error.excerpt, warning=True
        )
    needed = next((files for kind, files in _NEEDED.items() if runtime.startswith(kind)), {})
    for name, suggestion in needed.items():
        entry = entries.get(posixpath.join(folder, name))
        if entry is None or not entry.is_file:
            message = f"The runtime {runtime} needs the file {name} in {folder}"
            yield manifest.document.error(("runtime",), message, suggestion)
