"""Ports for the servers of tests that nobody else takes between being chosen and being used, nor later.

They lie below those that the kernel gives by itself: to whoever connects, or binds port 0. Each is this
process's own until it ends, by a lock that every process of tests heeds: several run at once.
"""

import contextlib
import errno
import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PORTS = range(10_100, 20_000)
"""Browsers refuse 10,080, Nomad gives those from 20,000 on to its tasks, and Linux those from 32,768 on."""

_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody uses now, and that only this process is given from now on."""
    found: list[int] = []
    while len(found) < count:
        port = next(_candidates())
        if claim(f"port-{port}") and _is_free(host, port):
            found.append(port)
    return found


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]


def claim(name: str) -> bool:
    """Take a name for as long as this process lives; False where one of the tests' processes has it."""
    descriptor = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    return True


@cache
def _candidates() -> Iterator[int]:
    """Return one walk through all ports for this process: in an order of its own, so that few are tried."""
    low, high = map(int, _KERNEL.read_text().split())
    ports = outside(PORTS, low, high)
    return iter(random.SystemRandom().sample(ports, len(ports)))


def outside(ports: range, low: int, high: int) -> list[int]:
    """Return the ports that the kernel does not give, from `low` to `high`; all, where it has all of them."""
    return [port for port in ports if not low <= port <= high] or list(ports)


@cache
def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"herdsman-claims-{os.geteuid()}"
    folder.mkdir(exist_ok=True)
    return folder


def _is_free(host: str, port: int) -> bool:
    """Whether a server can listen there; what an earlier one left behind for a minute is no hindrance."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True
