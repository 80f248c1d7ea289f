"""`herdsman deploy DIR`: from a program's folder to a healthy bot in one command."""

import time
from pathlib import Path
from typing import Any

import click

from cli.connection import Client, service_options
from cli.deployment.arrival import await_healthy, show_first_lines
from cli.deployment.program_folder import MANIFEST, ProgramFolder, find_program
from cli.deployment.repository import Repository, git_environment, open_repository
from cli.deployment.text import next_version, parse_parameters, read, with_values
from cli.known_service import find_service
from schemas.errors import InvalidManifests, UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default=".")
@click.option("--bot", default="", help="The bot's name (else the program's).")
@click.option(
    "--set", "given", multiple=True, metavar="KEY=VALUE", help="A key of the bot's manifest; repeatable."
)
@click.option("--branch", default="main", show_default=True, help="The branch that the service deploys.")
@click.option(
    "--no-bump", is_flag=True, help="Fail where changed code has no new version, instead of raising it."
)
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait until the bot is healthy.")
@service_options
def deploy(
    folder: Path,
    bot: str,
    given: tuple[str, ...],
    branch: str,
    no_bump: bool,
    timeout: float,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
) -> None:
    """Bring the program in DIR to a healthy bot: copy, check, commit, push, wait, show its first lines.

    Inside a clone of the fleet that clone is used; elsewhere one is kept for you. Where the code changed and
    the version did not, the patch version is raised, also in DIR. Exit code 0 where the bot is healthy.
    """
    began = time.monotonic()
    values = parse_parameters(given)
    program = ProgramFolder.open(folder)
    service = find_service(url, token_file, data)
    client = Client(service)
    bot = bot or program.manifest.name
    environment = git_environment(service, token_file, data)
    with open_repository(program.path, service, branch, environment) as fleet:
        base = fleet.fetch()
        home = put_program(program, fleet)
        version = settle_version(program, fleet, home, base, no_bump)
        manifest = put_bot(program, fleet, bot, {"version": version} | values)
        check(fleet, bot, home)
        earlier = fleet.ahead(base)
        revision = fleet.commit(f"Deploy {bot}: {program.manifest.name} {version}", [home, manifest])
        pushed = time.monotonic()
        if revision == base:
            tell("unchanged", f"the service has it all at {revision[:7]}")
        else:
            along = (
                f", with {earlier} earlier commit{'' if earlier == 1 else 's'} of this clone"
                if earlier
                else ""
            )
            client.approve(
                f"{bot} ({read(manifest.read_text()).get('mode', 'dry')}) becomes {program.manifest.name} "
                f"{version} by a push of {revision[:7]}{along}"
            )
            tell("pushing", f"{revision[:7]} to {service.url}{along}")
            fleet.push(lambda line: click.echo(f"           {line}".rstrip()))
        keep_version(program, version)
    arrived = await_healthy(client, bot, version, timeout)
    ended = time.monotonic()
    spent = f"{pushed - began:.1f} s to check and commit, {ended - pushed:.1f} s to push and until it is so"
    tell(arrived.health.lower(), f"{bot} {version} after {ended - began:.1f} s ({spent})")
    if arrived.health == "Suspended":
        click.echo(f"           {arrived.message}\n           herdsman resume {bot}   to let it run")
        return
    show_first_lines(client, arrived)
    tell("next", f"herdsman logs -f {bot}")


def tell(what: str, text: str) -> None:
    """Print one step that is done."""
    click.echo(f"{what:<11}{text}")


def put_program(program: ProgramFolder, fleet: Repository) -> Path:
    """Bring the program's files into the fleet, where they are not there already, and return their folder."""
    if program.path.is_relative_to(fleet.root):
        return program.path
    name = program.manifest.name
    home = find_program(fleet.root, name) or fleet.root / "programs" / name
    left_out = program.copy_to(home)
    where = "" if fleet.managed else f" in {fleet.root}"
    tell("copied", f"{program.path} to {home.relative_to(fleet.root)}{where}")
    if left_out:
        tell("left out", ", ".join(left_out))
    return home


def settle_version(program: ProgramFolder, fleet: Repository, home: Path, base: str, no_bump: bool) -> str:
    """Return the version of what is deployed; changed content under an old version gets the next one."""
    own = program.manifest.version
    before = str(read(fleet.content(base, home / MANIFEST)).get("version", ""))
    if not fleet.differs(base, home):
        return own
    version = next_version(own, before)
    if version != own:
        if no_bump:
            raise UsageError(
                f"the code changed, and {own} is not newer than {before}: raise it in {MANIFEST}"
            )
        set_version(home / MANIFEST, version)
    was = f", was {before}" if before and before != version else ""
    tell("program", f"{program.manifest.name} {version}{was}")
    return version


def keep_version(program: ProgramFolder, version: str) -> None:
    """Write a raised version into the person's own folder as well."""
    if version != program.manifest.version:
        set_version(program.path / MANIFEST, version)
        tell("version", f"{program.manifest.version} -> {version} in {program.path / MANIFEST}")


def set_version(file: Path, version: str) -> None:
    """Put a version into a manifest."""
    file.write_text(with_values(file.read_text(), {"version": version}, str(file)))


def put_bot(program: ProgramFolder, fleet: Repository, bot: str, values: dict[str, Any]) -> Path:
    """Write the bot's manifest, or these values into the one there is, and return its path."""
    file = find_bot(fleet, bot) or fleet.root / "bots" / f"{bot}.yaml"
    kind = f"{program.manifest.type.value}/{program.manifest.name}"
    text = file.read_text() if file.exists() else f"name: {bot}\ntype: {kind}\nmode: dry\n"
    if read(text).get("type") != kind:
        raise UsageError(
            f"{bot} is another program's bot ({read(text).get('type')}): name this one with --bot"
        )
    changed = with_values(text, values, str(file))
    what = "changed" if file.exists() else "new"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or changed != text:
        file.write_text(changed)
        tell("bot", f"{file.relative_to(fleet.root)} ({what})")
    return file


def find_bot(fleet: Repository, bot: str) -> Path | None:
    """Return the manifest of a bot of this name in the fleet: YAML, or JSON (which is YAML too)."""
    folder = fleet.root / "bots"
    for file in sorted(one for ending in ("*.yaml", "*.yml", "*.json") for one in folder.rglob(ending)):
        if read(file.read_text(errors="replace")).get("name") == bot:
            return file
    return None


def check(fleet: Repository, bot: str, home: Path) -> None:
    """Check the fleet with the deployment in it. Raises InvalidManifests with what is wrong about the bot."""
    from gitops.states import state_of_folder

    state = state_of_folder(fleet.root)
    under = home.relative_to(fleet.root).as_posix()
    wrong = tuple(
        error
        for error in state.errors
        if not error.warning
        and (bot in error.bots or error.file.startswith(f"{under}/") or f"/{bot}.y" in f"/{error.file}")
    )
    if wrong:
        raise InvalidManifests(wrong)
    count = len(state.bots)
    tell("checked", f"{count} bot{'' if count == 1 else 's'}")
