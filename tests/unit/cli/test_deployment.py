"""Deploying a folder: what of it is taken along."""

from pathlib import Path

from cli.deployment.program_folder import ProgramFolder
from cli.scaffold import program_files


def written(folder: Path, runtime: str) -> Path:
    """Write a new program of a runtime into a folder, and return where it is."""
    for path, text in program_files("sma", runtime, "realtime").items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder / "programs" / "sma"


def test_what_a_build_leaves_behind_stays_behind(tmp_path: Path) -> None:
    """cargo's target and CMake's build are no part of a program; elsewhere a folder `build` is."""
    for runtime, built in (("rust-stable", "target"), ("gcc13", "build")):
        program = written(tmp_path / runtime, runtime)
        (program / built / "release").mkdir(parents=True)
        copy = tmp_path / f"copy-{runtime}"
        assert ProgramFolder.open(program).copy_to(copy) == [built]
        assert not (copy / built).exists()
        assert (copy / ".gitignore").read_text() == f"/{built}/\n"
    program = written(tmp_path / "python", "python3.11")
    (program / "build").mkdir()
    assert ProgramFolder.open(program).copy_to(tmp_path / "copy") == []
