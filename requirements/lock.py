"""Write the hashed requirement files from pyproject.toml's dependencies and groups.

uv does not read the groups of a project that it does not manage, so they are resolved here (PEP 735).
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def resolve(groups: dict[str, list[Any]], name: str) -> list[str]:
    """Return the requirement lines of one group with its included groups unfolded."""
    lines: list[str] = []
    for entry in groups[name]:
        if isinstance(entry, str):
            lines.append(entry)
        else:
            lines.extend(resolve(groups, entry["include-group"]))
    return lines


def compile_file(requirements: list[str], target: Path, upgrade: bool, *constraints: str) -> None:
    """Pin and hash the requirements into the target file; `constraints` are options that name other files."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "-q", "--universal", "--generate-hashes"),
        *("--no-emit-index-url", "--no-header", "--no-annotate", "--python-version", "3.11"),
        *(["--upgrade"] if upgrade else []),
        *constraints,
        *("-o", str(target), "-"),
    ]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True)


def main() -> None:
    """Lock what runs, and what developing needs on top of it."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    run = project["project"]["dependencies"]
    upgrade = "--upgrade" in sys.argv
    compile_file(run, HERE / "run.txt", upgrade)
    compile_file(["uv"], HERE / "uv.txt", upgrade)
    dev = resolve(project["dependency-groups"], "dev")
    compile_file([*run, *dev], HERE / "dev.txt", upgrade)
    bench = resolve(project["dependency-groups"], "bench")
    # Beside what is installed for tests: at its versions.
    compile_file([*run, *dev, *bench], HERE / "bench.txt", upgrade, "-c", str(HERE / "dev.txt"))


if __name__ == "__main__":
    main()
