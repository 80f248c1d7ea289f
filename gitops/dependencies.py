"""Installing a program's dependencies into a folder, with uv: wheels only, a time-out, nothing of ours.

A program asks for building from source itself: with `--no-binary NAME` in its requirements.txt, or with
`no-binary-package` or `no-build = false` under `[tool.uv]` in its pyproject.toml.
"""

import asyncio
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

from gitops.process import CommandTimedOut, plain_environment, run_async, scrub
from gitops.runtimes import Interpreter
from schemas.errors import BuildFailed

INSTALL_TIMEOUT = 900.0
"""Seconds that one installation may take."""

_LOG_END = 8000
_REASON = 400
"""Characters of the reason in the message itself; the log has the rest."""
_PASSED = ("UV_", "PIP_")
_OURS = re.compile(r"HERDSMAN|NOMAD|TOKEN_FILE")
_UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}
_REFERS = re.compile(
    r"^\s*(-[rcef]|--requirement|--constraint|--editable|--find-links|\.|/|file:)|@\s*(file:|\.)",
    re.MULTILINE,
)
_REQUIREMENT = re.compile(r"^\s*[^#\s]", re.MULTILINE)


def refers_to_files(requirements: bytes) -> bool:
    """Return whether a requirements file needs other files of its folder."""
    return _REFERS.search(requirements.decode("utf-8", "replace")) is not None


def is_empty(requirements: bytes) -> bool:
    """Return whether a requirements file asks for nothing."""
    return _REQUIREMENT.search(requirements.decode("utf-8", "replace")) is None


async def install(
    folder: Path, file: str, python: Interpreter, target: Path, seconds: float = INSTALL_TIMEOUT
) -> None:
    """Install what `file` (requirements.txt or uv.lock, in the program's folder) asks for into `target`.

    Ended after so many seconds. Raises BuildFailed with the end of the log.
    """
    sources = await asyncio.to_thread(may_build, folder)
    requirements = folder / file
    if file == "uv.lock":
        requirements = target.parent / "requirements.txt"
        await _uv(folder, seconds, *_EXPORT, "--output-file", str(requirements))
    await _uv(
        folder,
        seconds,
        *("pip", "install", "--quiet", "--target", str(target), "--python", str(python.path)),
        *(() if sources else ("--only-binary", ":all:")),
        *("--requirement", str(requirements)),
    )
    await asyncio.to_thread(target.mkdir, exist_ok=True)
    await _compile(python, target, seconds)


_COMPILING = """\
import compileall, py_compile, re
compileall.compile_dir(
    ".", quiet=2, force=True, rx=re.compile("/tests?/"), stripdir=".", workers=0,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
"""
"""On all cores, without packages' own tests: a third of the files of scientific ones, which no bot imports.

The byte code is valid whatever time the unpacked files bear, and holds no path of this machine. Files that
cannot be compiled, such as templates, are left as they are.
"""


async def _compile(python: Interpreter, target: Path, seconds: float) -> None:
    """Add byte code: bots cannot keep what they would compile, and would do it at every start."""
    command = (str(python.path), "-I", "-S", "-c", _COMPILING)
    await run_installer(command, target, plain_environment(), seconds)


_EXPORT = ("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-header")


async def _uv(folder: Path, seconds: float, *arguments: str) -> None:
    command = [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments]
    await run_installer(command, folder, install_environment(), seconds)


async def run_installer(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float, noise: str = ""
) -> None:
    """Run an installer in a folder; its process group is ended after so many seconds.

    Raises BuildFailed with the end of the log, and in its text the first line that does not match `noise`.
    """
    name = Path(command[0]).name
    try:
        finished = await run_async(command, cwd=folder, environment=environment, timeout=seconds)
    except CommandTimedOut as error:
        raise BuildFailed(
            f"Installing the dependencies took longer than {seconds:g} s and was ended"
        ) from error
    except OSError as error:
        raise BuildFailed(f"{name} could not be started: {error}") from error
    if finished.code != 0:
        log = scrub((finished.stdout + finished.stderr).decode(errors="replace")).strip()
        told = [line for line in log.splitlines() if not noise or not re.match(noise, line.strip())]
        raise BuildFailed(f"The dependencies could not be installed: {reason_of(told)}", log[-_LOG_END:])


def reason_of(log: Sequence[str]) -> str:
    """Return why an installer failed, of bounded length: its first line, and the cause where uv gives one."""
    lines = [line.strip().lstrip("×│├╰─▶ ") for line in log]
    start = next((number for number, line in enumerate(lines) if line), None)
    if start is None:
        return "no reason was given"
    end = next((number for number in range(start, len(lines)) if not lines[number]), len(lines))
    cause = " ".join(lines[start + 1 : end]).removeprefix("cause: ")
    first = lines[start].removeprefix("error: ")
    if not cause.startswith("Because"):
        return first[:_REASON]
    whole = f"{first.rstrip(':')}: {cause}"
    return whole if len(whole) <= _REASON else whole[: _REASON - 1] + "…"


def install_environment(ours: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what uv needs of the machine's settings (index, certificates, proxies, cache), and no more."""
    whole = os.environ if ours is None else ours
    settings = {
        name: value for name, value in whole.items() if name.startswith(_PASSED) and not _OURS.search(name)
    }
    for pip_name, uv_name in _UV_NAMES.items():
        if pip_name in settings and uv_name not in whole:
            settings[uv_name] = settings[pip_name]
    return plain_environment(settings)


def may_build(folder: Path) -> bool:
    """Return whether a program's own files ask for building packages from source."""
    requirements = folder / "requirements.txt"
    if requirements.is_file() and re.search(
        r"^\s*--no-binary\b", requirements.read_text(errors="replace"), re.MULTILINE
    ):
        return True
    project = folder / "pyproject.toml"
    try:
        settings = tomllib.loads(project.read_text()).get("tool", {}).get("uv", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    return settings.get("no-build") is False or bool(settings.get("no-binary-package"))
