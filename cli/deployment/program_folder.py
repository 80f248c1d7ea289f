"""The folder with a person's program: read, checked, and copied without what is no part of it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.deployment.text import read
from schemas.errors import InvalidManifests, UsageError
from schemas.program import ProgramManifest, parse_program

MANIFEST = "bot-config.yaml"
LEFT_OUT = frozenset(
    {".git", ".hg", ".venv", "venv", "node_modules", "target", "__pycache__", ".mypy_cache", ".ruff_cache"}
    | {".pytest_cache", ".idea", ".vscode", ".DS_Store", ".env"}
)
"""Never part of a program: other repositories, what is installed or built, editors, local secrets."""


@dataclass(frozen=True, slots=True)
class ProgramFolder:
    """A program as its author has it."""

    path: Path
    manifest: ProgramManifest

    @classmethod
    def open(cls, path: Path) -> "ProgramFolder":
        """Read the folder's manifest. Raises UsageError and InvalidManifests."""
        if not path.is_dir():
            raise UsageError(f"{path}: no such folder")
        file = path / MANIFEST
        if not file.is_file():
            raise UsageError(
                f"{path} is no program: it holds no {MANIFEST}. "
                "`herdsman new NAME` writes one to start from, `herdsman schema program` says what it needs"
            )
        manifest, errors = parse_program(str(file), file.read_bytes())
        wrong = tuple(error for error in errors if not error.warning)
        if manifest is None or wrong:
            raise InvalidManifests(wrong)
        return cls(path.resolve(), manifest)

    def copy_to(self, target: Path) -> list[str]:
        """Make the target hold this folder's files and no others; return what was left out, by path."""
        left_out: list[str] = []

        def ignore(folder: str, names: list[str]) -> list[str]:
            built = {"build"} if "CMakeLists.txt" in names else set()
            ignored = [name for name in names if name in LEFT_OUT | built]
            left_out.extend(os.path.relpath(Path(folder) / name, self.path) for name in ignored)
            return ignored

        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(self.path, target, symlinks=True, ignore=ignore)
        return sorted(name for name in left_out if Path(name).name not in ("__pycache__", ".git"))


def find_program(root: Path, name: str) -> Path | None:
    """Return the folder in a fleet that holds the program of this name."""
    for file in _manifests(root):
        if read(file.read_text(errors="replace")).get("name") == name:
            return file.parent
    return None


def _manifests(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        if MANIFEST in names:
            yield Path(folder) / MANIFEST
