"""`herdsman init`: a fleet repository to start from, connected to the running service."""

import shutil
import subprocess
import sys
from pathlib import Path

import click

from cli.connection import reason_of, service_options, trust
from cli.known_service import Service, find_service
from cli.scaffold import fleet_files, program_files, write_missing
from schemas.errors import HerdsmanError, UsageError

REMOTE = "herdsman"
UNKNOWN_AUTHOR = ("-c", "user.name=herdsman", "-c", "user.email=herdsman@localhost")
"""Who commits where git knows nobody."""
PATIENCE = 3.0
"""Seconds that the service may take to say that it is there."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--connect-only", is_flag=True, help="Write no files: only connect an existing repository.")
@service_options
def init(
    folder: Path, connect_only: bool, url: str | None, token_file: Path | None, data: Path | None
) -> None:
    """Start a fleet repository in FOLDER with a first bot, and add the service as its git remote.

    In a repository that exists, files that are there are left alone. The token is never written: git asks
    `herdsman git-credential` for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    created = not (folder / ".git").exists()
    if created:
        git(folder, "init", "--quiet", "--initial-branch=main")
    written = [] if connect_only else write_template(folder)
    for path in written:
        click.echo(f"wrote      {path}")
    committed = created and bool(written) and commit(folder)
    connect(folder, url, token_file, data)
    branch = git_output(folder, "symbolic-ref", "--short", "HEAD") or "main"
    steps = [] if committed or not written else ["git add . && git commit -m 'First bot'"]
    go = [f"cd {folder}"] if folder != Path() else []
    click.echo("next       " + " && ".join([*go, *steps, f"git push {REMOTE} {branch}"]))


def write_template(folder: Path) -> list[str]:
    """Write the files of a new fleet that are not there yet and return their paths."""
    return write_missing(folder, fleet_files() | program_files("hello", "python3.11", "realtime"))


def commit(folder: Path) -> bool:
    """Commit the template, as herdsman where git does not know who the person is; False where git refuses."""
    git(folder, "add", ".")
    known = git_output(folder, "var", "GIT_AUTHOR_IDENT") and git_output(folder, "var", "GIT_COMMITTER_IDENT")
    author = () if known else UNKNOWN_AUTHOR
    command = ["git", "-C", str(folder), *author, "commit", "--quiet", "-m", "First bot"]
    done = subprocess.run(command, capture_output=True, check=False)
    if not known and not done.returncode:
        click.echo(
            "committed  as herdsman, since git does not know you yet: `git config --global user.name NAME` "
            "and `git config --global user.email ADDRESS`"
        )
    return done.returncode == 0


def connect(folder: Path, url: str | None, token_file: Path | None, data: Path | None) -> None:
    """Add the running service as a remote with its credential helper, where one runs."""
    try:
        service = find_service(url, token_file, data)
    except (HerdsmanError, OSError) as error:
        click.echo(f"no remote  {error}; run `herdsman init --connect-only` once it runs")
        return
    add_remote(folder, service)
    silence = why_silent(service)
    click.echo(f"remote     {REMOTE} -> {service.url}/git/fleet.git")
    if silence:
        click.echo(
            f"           nothing answers there now ({silence}): start it before you push, or name "
            "another with `herdsman init --connect-only --url URL`"
        )


def why_silent(service: Service) -> str:
    """Return why the service does not answer, "" where it does: the one started last may have ended."""
    import httpx

    try:
        httpx.get(f"{service.url}/livez", timeout=PATIENCE, trust_env=False, verify=trust(service))
    except (httpx.HTTPError, UsageError) as error:
        return reason_of(error)
    return ""


def add_remote(folder: Path, service: Service) -> None:
    """Point the remote at the service and let git ask us alone for the token."""
    address = f"{service.url}/git/fleet.git"
    known = subprocess.run(
        ["git", "-C", str(folder), "remote", "set-url", REMOTE, address], capture_output=True, check=False
    )
    if known.returncode:
        git(folder, "remote", "add", REMOTE, address)
    if service.ca_file:
        git(folder, "config", f"http.{service.url}.sslCAInfo", service.ca_file)
    key = f"credential.{service.url}.helper"
    git(folder, "config", "--replace-all", key, "")
    # Only `get` is ours: git also tells helpers to store and to erase, and would wait for us each time.
    helper = f"!f() {{ test \"$1\" != get || '{own_command()}' git-credential get; }}; f"
    git(folder, "config", "--add", key, helper)


def own_command() -> str:
    """Return the path of this very command, so that git finds it outside a virtual environment too."""
    found = Path(sys.argv[0])
    return (
        str(found.resolve())
        if found.name == "herdsman" and found.exists()
        else shutil.which("herdsman") or "herdsman"
    )


def git(folder: Path, *arguments: str) -> None:
    """Run git, or say why it failed."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip()}")


def git_output(folder: Path, *arguments: str) -> str:
    """Return what git prints, "" where it fails."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
