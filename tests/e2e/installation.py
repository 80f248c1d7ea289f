"""herdsman as others have it: a wheel, installed with its locked dependencies outside of the checkout."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.service import CHECKOUT, Service
from tests.unit.deploy.containerfile import copied

UV = [sys.executable, "-m", "uv"]


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of the sources in `source` into `folder`, with the dashboard that is built there."""
    environment = Service(folder).environment() | {"HERDSMAN_SKIP_DASHBOARD": "1"}
    command = [*UV, "build", "-q", "--wheel", "--no-build-isolation", "--out-dir", str(folder)]
    subprocess.run([*command, "--python", sys.executable, str(source)], check=True, env=environment)
    return next(folder.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel as docs/install.md says, into a virtual environment at `folder`; return the command."""
    environment = Service(folder).environment()
    subprocess.run([*UV, "venv", "-q", "--python", sys.executable, str(folder)], check=True, env=environment)
    command = [*UV, "pip", "install", "-q", "--python", str(folder / "bin" / "python")]
    locked = str(CHECKOUT / "requirements" / "run.txt")
    subprocess.run([*command, "--require-hashes", "-r", locked], check=True, env=environment)
    subprocess.run([*command, "--no-deps", str(wheel)], check=True, env=environment)
    return folder / "bin" / "herdsman"


def newer_sources(folder: Path) -> Path:
    """Copy the sources as a later version has them: its number, its launcher and its jobs are others.

    Nothing of what the user declares has changed, and neither has the database. What is copied is what the
    container image copies, so that its build has all that it needs.
    """
    for name in copied():
        source, target = CHECKOUT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("dashboard", "__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    replace(folder / "pyproject.toml", r'^version = ".*"$', f'version = "{NEWER}"')
    replace(folder / "controller" / "launcher" / "text.py", r"\Z", "\n# A later version.\n")
    rendering = "controller/schedulers/nomad/job.py"
    replace(folder / rendering, r"\Z", RENDERING)
    return folder


NEWER = "99.0.0"
RENDERING = '''

_render = render


def render(*arguments, **options):
    """Render the job as a later version does."""
    job = _render(*arguments, **options)
    job["Meta"]["later"] = "yes"
    return job
'''


def replace(path: Path, pattern: str, text: str) -> None:
    """Change a file; it must have what is to be changed."""
    changed, count = re.subn(pattern, lambda _: text, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, f"{path} has no {pattern}"
    path.write_text(changed)
