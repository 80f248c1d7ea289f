"""Puts a bot's code and its layer side by side, as Node needs them; runs in a process of its own.

Node looks for `node_modules` in the folder of the importing file and above it (`import` knows no search
path), and both are shared by many bots: hence a copy of the code, with a link to the layer's folder in it.
"""

import shutil
import sys
from pathlib import Path

_MODULES = "node_modules"


def make_view(code: Path, layer: Path, view: Path) -> None:
    """Make the folder `view` of the code with the layer's modules; it appears whole or not at all."""
    part = view.with_name(f"{view.name}.part")
    shutil.rmtree(part, ignore_errors=True)

    def left_out(folder: str, _names: list[str]) -> set[str]:
        return {_MODULES} if Path(folder) == code else set()

    shutil.copytree(code, part, symlinks=True, ignore=left_out)
    (part / _MODULES).symlink_to(layer / _MODULES)
    part.rename(view)


if __name__ == "__main__":
    try:
        make_view(*map(Path, sys.argv[1:4]))
    except (OSError, shutil.Error) as trouble:
        sys.stderr.write(f"the program's folder cannot be made: {trouble}\n")
        sys.exit(1)
