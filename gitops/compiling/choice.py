"""Which of a program's executables an entrypoint means. Pure."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import BuildFailed
from schemas.suggestions import nearest

CARGO_BUILT, CMAKE_BUILT = "target/release/", "build/"
"""What an entrypoint begins with that names what cargo, or CMake, builds; any other names a source file."""


@dataclass(frozen=True, slots=True)
class Executable:
    """One executable that a program builds.

    `target` is its name for the build tool, `path` where it is built, relative to the folder that an
    entrypoint names (`target/release/`, `build/`) or that it is taken from; `sources` are its source files,
    relative to the program's folder. `libraries` are shared libraries of the program that it may load.
    """

    target: str
    path: str
    sources: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


def choose(entrypoint: str, found: Sequence[Executable], built: str, file: str) -> Executable:
    """Return the executable that an entrypoint means: by where it is built, or by one of its source files.

    `built` begins an entrypoint of the first form; `file` is where a program names its executables. Raises
    BuildFailed where none is meant, or more than one.
    """
    path = posixpath.normpath(entrypoint)
    if path.startswith(built):
        meant = [one for one in found if one.path == path.removeprefix(built)]
    else:
        meant = [one for one in found if path in one.sources]
    if len(meant) == 1:
        return meant[0]
    names = sorted(f"{built}{one.path}" for one in meant or found)
    if meant:
        raise BuildFailed(
            f"The entrypoint {entrypoint} belongs to several executables; name one: {', '.join(names)}"
        )
    if not found:
        raise BuildFailed(f"The entrypoint {entrypoint} is not built: {file} has no executable")
    close = nearest(path, names)
    hint = f'; did you mean "{close}"?' if close else ""
    raise BuildFailed(
        f"The entrypoint {entrypoint} is no executable of {file}, which has {', '.join(names)}{hint}"
    )
