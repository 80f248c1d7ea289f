"""Installing a Node program's locked dependencies, with npm: no scripts run, a time-out, nothing of ours."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from gitops.dependencies import run_installer
from gitops.process import plain_environment
from gitops.runtimes import Node
from schemas.errors import BuildFailed, RuntimeMissing

MODULES = "node_modules"
"""The one folder of a layer, which Node looks for beside the program's code."""

_COMMAND = (
    *("ci", "--ignore-scripts", "--omit=dev", "--install-links", "--no-audit", "--no-fund"),
    *("--no-update-notifier", "--no-progress", "--loglevel=error"),
)
_NOISE = r"npm (error( code .*)?|warn .*)$"
_SETTING = re.compile(r"npm_config_", re.IGNORECASE)
_SECRET = re.compile(r"auth|token|password|secret|key|user|email", re.IGNORECASE)


def is_empty_lock(lock: bytes) -> bool:
    """Return whether a package-lock.json asks for nothing; npm itself judges one that cannot be read."""
    packages = _packages(lock)
    return packages is not None and not any(packages)


def lock_refers_to_files(lock: bytes) -> bool:
    """Return whether a package-lock.json needs other files of its folder."""
    packages = _packages(lock) or {}
    return any(
        isinstance(entry, dict)
        and (entry.get("link") or str(entry.get("resolved", "")).startswith(("file:", ".", "/")))
        for entry in packages.values()
    )


def _packages(lock: bytes) -> Mapping[str, object] | None:
    try:
        packages = json.loads(lock).get("packages")
    except (ValueError, AttributeError, RecursionError):
        return None
    return packages if isinstance(packages, dict) else None


async def install_modules(folder: Path, node: Node, target: Path, seconds: float) -> None:
    """Install what package-lock.json in `folder` asks for into `target`/node_modules.

    Ended after so many seconds. Raises BuildFailed with the end of the log, and RuntimeMissing without npm.
    """
    home = target.parent / "home"
    await asyncio.to_thread(home.mkdir)
    command = [await asyncio.to_thread(_npm, node), *_COMMAND]
    await run_installer(command, folder, npm_environment(node, home), seconds, _NOISE)
    await asyncio.to_thread(_take, folder / MODULES, target)


def _npm(node: Node) -> str:
    beside = node.path.parent / "npm"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("npm")
    if found is None:
        raise RuntimeMissing(
            f"There is no npm beside {node.path}, nor on the PATH, to install dependencies with: install it"
        )
    return found


def npm_environment(node: Node, home: Path, ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the machine's settings for npm that are no credentials, and an empty home.

    A program's own .npmrc may name any registry and any variable, so that nothing secret may be in it.
    """
    whole = os.environ if ours is None else ours
    settings = {
        name: value
        for name, value in whole.items()
        if _SETTING.match(name) and not _SECRET.search(_SETTING.sub("", name)) and "@" not in value
    }
    plain = plain_environment(settings)
    path = f"{node.path.parent}{os.pathsep}{plain.get('PATH', os.defpath)}"
    return {**plain, "PATH": path, "HOME": str(home), "NODE_ENV": "production"}


def _take(modules: Path, target: Path) -> None:
    """Move what was installed into the layer's folder; nothing in it may lead out of it."""
    modules.mkdir(exist_ok=True)
    inside = modules.resolve()
    for place in modules.rglob("*"):
        if place.is_symlink() and not place.resolve().is_relative_to(inside):
            raise BuildFailed(
                f"The dependency {place.relative_to(modules)} is a link to a folder beside it: workspaces "
                "are not installed; pack it (npm pack) and depend on the packed file"
            )
    target.mkdir()
    modules.rename(target / MODULES)
