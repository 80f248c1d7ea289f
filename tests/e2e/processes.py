"""Processes below a service, which may end while they are looked at."""

from collections.abc import Iterable

import psutil


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that still live."""
    return [one for one in processes if _lives(one)]


def named(process: psutil.Process) -> str:
    """Return a process's command line, else its name; "" where it has ended meanwhile."""
    try:
        return " ".join(process.cmdline()) or process.name()
    except psutil.NoSuchProcess:  # and ZombieProcess, which is one
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
