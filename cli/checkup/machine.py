"""What herdsman needs of the machine that it runs on."""

import errno
import os
import re
import resource
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cli.checkup.finding import Finding, State
from gitops.secrets.age import find_identities
from schemas.errors import UsageError

OLDEST_GIT = (2, 30)
"""The oldest git whose http-backend, quarantine and push options are known to work here."""
FEWEST_INSTANCES = 128
FEWEST_WATCHES = 8192
FEWEST_FILES = 1024
LEAST_DISK = 1 << 30
COMFORTABLE_DISK = 5 << 30
SECRETS = ("admin-token", "herdsman.db", "telemetry.db", "bundle-key", "secrets-key", "sessions.json")
PRIVATE = ("git", "local")
"""Folders with what bots run on and keep: for their owner alone."""
_PATIENCE = 10.0


def age_identity() -> Finding:
    """Look at the age identities that the environment names; an option names others."""
    try:
        found = find_identities(())
    except UsageError as error:
        return Finding("age identity", State.MISSING, str(error), "docs/secrets.md")
    if not found.recipients:
        advice = (
            "for secrets that are encrypted in git: herdsman up --age-identity-file FILE; docs/secrets.md"
        )
        return Finding("age identity", State.OPTIONAL, "none in the environment", advice)
    return Finding("age identity", State.OK, f"opens what is encrypted for {', '.join(found.recipients)}")


def machine_findings(data: Path, listen: str, service_runs: bool) -> Iterator[Finding]:
    """Look at interpreters, tools, kernel limits, and the data folder with its disk and port."""
    yield pythons()
    yield from git()
    yield uv_tool()
    yield node()
    yield from compilers()
    yield age_identity()
    yield time_zones()
    yield from inotify(Path("/proc/sys/fs/inotify"))
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE))
    yield from folder(data)
    yield disk(data)
    yield port(listen, service_runs)


def pythons() -> Finding:
    """Look for interpreters that bots can run on."""
    from gitops.platforms import OLDEST
    from gitops.runtimes import interpreters

    found = interpreters()
    advice = f"install Python {OLDEST[0]}.{OLDEST[1]} or newer, for example `uv python install 3.11`"
    if not found:
        return Finding("python for bots", State.MISSING, "none", advice)
    return Finding("python for bots", State.OK, ", ".join(one.version for one in found.values()))


def git() -> Iterator[Finding]:
    """Look for git and for the server's half of it, which some systems package on its own."""
    found = output("git", "--version")
    numbers = re.search(r"(\d+)\.(\d+)", found or "")
    wanted = ".".join(map(str, OLDEST_GIT))
    advice = f"install git {wanted} or newer with your system's packages"
    if not numbers:
        yield Finding("git", State.MISSING, "none", advice)
        return
    new_enough = (int(numbers[1]), int(numbers[2])) >= OLDEST_GIT
    version = (found or "").removeprefix("git version ")
    yield Finding("git", State.OK if new_enough else State.MISSING, version, "" if new_enough else advice)
    backend = Path(output("git", "--exec-path") or "/") / "git-http-backend"
    if os.access(backend, os.X_OK):
        yield Finding("git http-backend", State.OK, str(backend))
    else:
        more = "install git's http-backend (package git-daemon on Alpine, git-core on Fedora); pushes need it"
        yield Finding("git http-backend", State.MISSING, "none", more)


def uv_tool() -> Finding:
    """Look for uv, which installs the dependencies of Python bots."""
    import uv

    try:
        return Finding("uv", State.OK, output(uv.find_uv_bin(), "--version") or "does not start")
    except FileNotFoundError:
        return Finding("uv", State.MISSING, "none", "install herdsman again: uv is one of its dependencies")


def node() -> Finding:
    """Look for Node.js, which only Node bots need."""
    version = output("node", "--version")
    if version:
        return Finding("node", State.OK, version)
    return Finding("node", State.OPTIONAL, "none", "for bots with the runtime nodejs20: install Node.js 20")


def compilers() -> Iterator[Finding]:
    """Look for what builds compiled programs, which only those need."""
    from gitops.compiling.seclusion import possible
    from gitops.compiling.toolchains import find_toolchain
    from schemas.errors import RuntimeMissing

    there = 0
    for subject, runtime in (("cargo", "rust-stable"), ("cmake and g++", "gcc13")):
        try:
            yield Finding(subject, State.OK, find_toolchain(runtime).described)
            there += 1
        except RuntimeMissing as missing:
            advice = f"for programs with the runtime {runtime}: {str(missing).partition(': ')[2] or missing}"
            yield Finding(subject, State.OPTIONAL, "none", advice)
    if there and possible():
        yield Finding("builds", State.OK, "hidden from herdsman's files, processes and network")
    elif there:
        advice = "a program's build can read this user's files: allow user namespaces (unshare, mount)"
        yield Finding("builds", State.WARNING, "not hidden from herdsman's files", advice)


def inotify(folder: Path) -> Iterator[Finding]:
    """Look at the kernel's limits on watched files: the agent follows each bot's log files."""
    for name, fewest in (("max_user_instances", FEWEST_INSTANCES), ("max_user_watches", FEWEST_WATCHES)):
        try:
            limit = int((folder / name).read_text())
        except (OSError, ValueError):
            yield Finding(f"inotify {name}", State.WARNING, "unknown", "this kernel does not tell its limits")
            continue
        if limit >= fewest:
            yield Finding(f"inotify {name}", State.OK, str(limit))
        else:
            advice = f"`sysctl fs.inotify.{name}={fewest}`, and keep it in /etc/sysctl.d/"
            yield Finding(f"inotify {name}", State.WARNING, str(limit), advice)


def time_zones() -> Finding:
    """Look for the time zone data that schedules are read by: the system's, else our own copy."""
    import zoneinfo

    known = zoneinfo.available_timezones()
    if "Europe/Paris" in known:
        return Finding("time zones", State.OK, f"{len(known)} known")
    return Finding("time zones", State.MISSING, "none", "install the package tzdata, or herdsman again")


def open_files(limits: tuple[int, int]) -> Finding:
    """Look how many files a process of this user may open: each bot, page and connection takes some."""
    soft, hard = limits
    subject, found = "open files", f"{soft} ({'no limit' if hard < 0 else hard} at most)"
    if soft < 0 or soft >= FEWEST_FILES:
        return Finding(subject, State.OK, found)
    return Finding(
        subject, State.WARNING, found, f"`ulimit -n {FEWEST_FILES}`, or LimitNOFILE in the service's unit"
    )


def folder(data: Path) -> Iterator[Finding]:
    """Look at the data folder: writable for this user, and what is secret in it for nobody else."""
    place = nearest(data)
    if not os.access(place, os.W_OK | os.X_OK):
        advice = "choose another with --data, or let this user own it"
        yield Finding("data folder", State.MISSING, f"{place} cannot be written", advice)
        return
    yield Finding("data folder", State.OK, str(data) if data.exists() else f"{data} (not made yet)")
    for name in (*SECRETS, *PRIVATE):
        file = data / name
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            mode = f"{stat.S_IMODE(file.stat().st_mode):04o}"
            right = "700" if name in PRIVATE else "600"
            yield Finding(
                f"data {name}", State.MISSING, f"others may read it ({mode})", f"`chmod {right} {file}`"
            )


def disk(data: Path) -> Finding:
    """Look at the space that is left where the data folder is."""
    free = shutil.disk_usage(nearest(data)).free
    found = f"{free / (1 << 30):.1f} GiB free"
    if free < LEAST_DISK:
        return Finding("disk", State.MISSING, found, "make room: below 1 GiB logs and series cannot be kept")
    if free < COMFORTABLE_DISK:
        return Finding(
            "disk", State.WARNING, found, "series, logs and bundles grow: 5 GiB or more is comfortable"
        )
    return Finding("disk", State.OK, found)


def port(listen: str, service_runs: bool) -> Finding:
    """Look whether the address that the service answers on is free, or is its own already."""
    host, _, number = listen.rpartition(":")
    subject = f"port {number}"
    if service_runs:
        return Finding(subject, State.OK, "herdsman answers there")
    try:
        with socket.create_server((host or "127.0.0.1", int(number)), reuse_port=False):
            return Finding(subject, State.OK, "free")
    except (OSError, ValueError, OverflowError) as error:
        reason = "taken by another program" if taken(error) else getattr(error, "strerror", "") or str(error)
        return Finding(subject, State.WARNING, reason, "`herdsman up --listen 127.0.0.1:PORT` takes another")


def taken(error: Exception) -> bool:
    """Say whether an address could not be had because somebody has it."""
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that there is."""
    return next((one for one in (path, *path.absolute().parents) if one.exists()), Path("/"))


def output(*command: str) -> str | None:
    """Return what a program prints; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
