"""`herdsman env`: the services that a person works with, by name."""

import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import click

from cli.connection import Client, RequestRefused, ServiceUnavailable
from cli.env_names import env_names
from cli.environments import (
    LOCAL,
    Environment,
    checked_name,
    read_environments,
    write_environments,
)
from cli.known_service import Service, find_service, implied_environment, named
from cli.output import Cell, Column, output_option, paint, print_data, table
from cli.token_store import choose_place, forget_token, keep_token, read_token
from schemas.errors import HerdsmanError, UsageError
from web.documents.access import WhoAmI

_PATIENCE = 3.0
"""Seconds that a service may take to answer before it is called unreachable."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """An environment as it is listed."""

    name: str
    url: str
    current: bool
    protected: bool
    reachable: bool
    scope: str
    """What its token may do, "" where that is not known."""
    token: str
    """Where the token is kept: keyring, file, or "data folder" for the local service."""
    ca_file: str
    message: str
    """Why it cannot be used, "" where it can."""


@click.group()
def env() -> None:
    """Work with services by name: `--env NAME` on any command, or one as the current one.

    \b
    herdsman env add desk --url https://herdsman.desk.example --protected
    herdsman env use desk
    herdsman status --env desk
    """  # noqa: D301


@env.command()
@click.argument("name")
@click.option("--url", required=True, help="The service's address, such as https://herdsman.example.")
@click.option(
    "--token-file", type=click.Path(path_type=Path), help="A file with its token; - is standard input."
)
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates (PEM) to trust for it.")
@click.option("--protected", is_flag=True, help="Ask before every command that changes something there.")
@click.option(
    "--store",
    type=click.Choice(["auto", "keyring", "file"]),
    default="auto",
    show_default=True,
    help="Where its token is kept: a file of mode 0600, or the system's keyring (auto: where one is).",
)
@click.option("--replace", is_flag=True, help="Take the place of the environment of this name.")
def add(
    name: str,
    url: str,
    token_file: Path | None,
    ca_file: Path | None,
    protected: bool,
    store: str,
    replace: bool,
) -> None:
    """Add the service at --url as NAME. Its token is asked for, or read from --token-file or standard input.

    \b
    herdsman env add desk --url https://herdsman.desk.example --protected
    herdsman token create laptop --scope operate | herdsman env add here --url http://127.0.0.1:8420
    """  # noqa: D301
    environments = read_environments()
    before = environments.known.get(checked_name(name))
    if before and not replace:
        raise UsageError(f"there is an environment {name} already ({before.url}): --replace changes it")
    trusted = str(ca_file.absolute()) if ca_file else ""
    one = Environment(name, checked_url(url), trusted, protected, choose_place(store))
    token = take_token(name, token_file)
    scope, trouble = look(Service(one.url, token, trusted))
    if before:
        forget_token(before)
    keep_token(one, token)
    write_environments(environments.with_one(one))
    where = "the keyring" if one.kept_in == "keyring" else "a file that only you can read"
    click.echo(f"added      {describe(one)}; its token is in {where}")
    click.echo(f"token      scope {scope}" if scope else paint(f"warning    {trouble}", "yellow"))
    click.echo(f"next       herdsman env use {name}, or --env {name} on any command")


@env.command()
@click.argument("name", shell_complete=env_names)
def use(name: str) -> None:
    """Make NAME the environment that commands mean; `local` is the service on this machine."""
    environments = read_environments()
    one = None if name == LOCAL else environments.named(name)
    write_environments(dataclasses.replace(environments, current=one.name if one else ""))
    click.echo(f"commands now mean {describe(one)}")


@env.command()
def current() -> None:
    """Print the environment that a command without --env means."""
    one = implied_environment()
    if one is None and not read_environments().current:
        click.echo(describe(None))
    elif one is None:
        click.echo(f"{describe(None)}, by HERDSMAN_URL, HERDSMAN_DATA or HERDSMAN_ENV")
    else:
        click.echo(describe(one))


@env.command()
@click.argument("name", shell_complete=env_names)
def remove(name: str) -> None:
    """Forget NAME and its token on this machine; the token stays valid until `herdsman token revoke`."""
    environments = read_environments()
    one = environments.named(name)
    forget_token(one)
    write_environments(environments.without(name))
    click.echo(f"removed    {name} ({one.url}) and its token on this machine")


@env.command(name="list")
@output_option
def list_environments(output: str) -> None:
    """List the environments: which is current, protected, reachable, and what its token may do."""
    environments = read_environments()
    implied = implied_environment()
    known = [environments.known[name] for name in sorted(environments.known)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda one: listed(one, one == implied), known))
    found.insert(0, local_service(implied is None))
    if output in ("json", "yaml"):
        print_data([dataclasses.asdict(one) for one in found], output)
        return
    click.echo("\n".join(lines_of(found)))


def lines_of(found: list[Listed]) -> list[str]:
    """Return the table; `*` marks the current one, and under one that cannot be used stands why."""
    titles = ("", "NAME", "ADDRESS", "PROTECTED", "REACHABLE", "SCOPE", "TOKEN IN")
    rows = [
        [
            Cell("*" if one.current else " "),
            Cell(one.name),
            Cell(one.url or "-"),
            Cell("yes" if one.protected else "no"),
            Cell("yes" if one.reachable else "no", None if one.reachable else "red"),
            Cell(one.scope or "-"),
            Cell(one.token or "-"),
        ]
        for one in found
    ]
    title, *lines = table([Column(text) for text in titles], rows)
    told = [title]
    for one, line in zip(found, lines, strict=True):
        told.append(line)
        if one.message:
            told.append(paint(f"     {one.message}", "bright_black"))
    return told


def listed(one: Environment, is_current: bool) -> Listed:
    """Ask one environment's service who its token is."""
    try:
        scope, trouble = look(Service(one.url, read_token(one), one.ca_file))
    except HerdsmanError as error:
        scope, trouble = "", str(error)
    return Listed(
        one.name, one.url, is_current, one.protected, bool(scope), scope, one.kept_in, one.ca_file, trouble
    )


def local_service(is_current: bool) -> Listed:
    """Ask the service that is found by itself, as a command with `--env local` would."""
    before = named.set(LOCAL)
    try:
        service = find_service()
        scope, trouble = look(service)
    except (HerdsmanError, OSError):
        return Listed(LOCAL, "", is_current, False, False, "", "", "", "none runs: `herdsman up` starts one")
    finally:
        named.reset(before)
    protected = service.protected
    return Listed(
        LOCAL, service.url, is_current, protected, bool(scope), scope, "data folder", service.ca_file, trouble
    )


def look(service: Service) -> tuple[str, str]:
    """Return the scope of the service's token and "", or "" and why the service cannot be asked.

    Raises RequestRefused where the service does not take the token.
    """
    try:
        return Client(service, patience=_PATIENCE).get("/api/v1/whoami", WhoAmI).scope, ""
    except ServiceUnavailable as error:
        return "", str(error)
    except RequestRefused as error:
        raise RequestRefused(f"{service.url} does not take this token: {error}") from error


def take_token(name: str, file: Path | None) -> str:
    """Return the token from a file or standard input, or ask for it without showing it. Raises UsageError."""
    if file is not None and str(file) != "-":
        token = file.read_text().strip()
    elif file is None and sys.stdin.isatty():
        token = click.prompt(f"token for {name}", hide_input=True, err=True).strip()
    else:
        token = sys.stdin.read().strip()
    if not token or any(letter.isspace() for letter in token):
        raise UsageError("no token was given: type it, pipe it in, or name a file that holds it alone")
    return str(token)


def checked_url(url: str) -> str:
    """Return a service's address without its trailing slash. Raises UsageError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f'--url "{url}" is no address: give http://HOST:PORT or https://HOST')
    if parts.username or parts.password:
        raise UsageError("--url holds a credential: leave it out, the token is asked for")
    return url.rstrip("/")


def describe(one: Environment | None) -> str:
    """Return an environment in a line."""
    if one is None:
        return f"{LOCAL}: the service found by itself on this machine"
    return f"{one.name}: {one.url}{' (protected)' if one.protected else ''}"
