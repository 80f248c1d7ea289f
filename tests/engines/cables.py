"""Faults of a cluster's network beyond a cable that is out: one direction alone, towards some alone, slow.

A blocked way is a route into nothing, so the other side's packets still arrive. A slow cable is a second one
with a relay of raw frames in between, which holds back what comes towards the machine.
"""

import ctypes
import fcntl
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tests.engines.cluster import Cluster, Machine
from tests.engines.processes import CHECKOUT, ServerProcess, launch

_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)
"""ETHTOOL_STXCSUM, STSO, SGSO, SGRO: what leaves frames unfinished, which a relay would pass on so."""
_EVERY_PROTOCOL = 0x0003
_OUTGOING = 4
_LARGEST = 65536


def _route(change: str, machine: Machine, others: Iterable[Machine]) -> None:
    for other in others:
        route = ["route", change, "blackhole", f"{other.address}/32"]
        subprocess.run(["ip", "-n", machine.namespace, *route], check=True, capture_output=True)


def block(machine: Machine, others: Iterable[Machine]) -> None:
    """Let nothing pass from a machine to the others; what they send still arrives."""
    _route("add", machine, others)


def unblock(machine: Machine, others: Iterable[Machine]) -> None:
    """Let it pass again."""
    _route("del", machine, others)


class SlowCable:
    """Holds back by `seconds` whatever is sent to one machine, until `close`."""

    def __init__(self, cluster: Cluster, machine: Machine, seconds: float) -> None:
        self._hub, self._cable = cluster.hub, machine.cable
        self._ends = f"{machine.name}-a", f"{machine.name}-b"
        every = [*cluster.servers, *cluster.clients, *([cluster.desk] if cluster.desk else [])]
        for one in every:
            _finish_frames(cluster.within(one), "eth0")
        _finish_frames([], cluster.hub)
        near, far = self._ends
        self._ip("link", "add", near, "type", "veth", "peer", "name", far)
        _finish_frames(["nsenter", f"--net=/run/netns/{cluster.hub}"], far)
        self._ip("link", "set", near, "up")
        self._ip("link", "set", self._cable, "nomaster")
        self._ip("link", "set", far, "master", "bridge", "up")
        self._relay = self._start(cluster.root / f"{machine.name}-relay.log", near, seconds)

    def _start(self, log: Path, near: str, seconds: float) -> ServerProcess:
        relay = [sys.executable, "-m", "tests.engines.cables", near, self._cable, str(seconds)]
        command = ["nsenter", f"--net=/run/netns/{self._hub}", *relay]
        return launch(command, log, {"PYTHONPATH": str(CHECKOUT)})

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", "-n", self._hub, *arguments], check=True, capture_output=True)

    def close(self) -> None:
        """Put the ordinary cable back."""
        self._relay.stop(grace=1)
        self._ip("link", "del", self._ends[0])
        self._ip("link", "set", self._cable, "master", "bridge")


def _finish_frames(within: list[str], device: str) -> None:
    """Have a machine send whole frames with their check sums in them."""
    command = [*within, sys.executable, "-m", "tests.engines.cables", "finish", device]
    subprocess.run(command, check=True, cwd=CHECKOUT)


def _switch_off(device: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for offload in _OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", offload, 0))
            request = struct.pack("16sP", device.encode(), ctypes.addressof(value))
            fcntl.ioctl(control, _SIOCETHTOOL, request)


def _open(device: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    opened.bind((device, 0))
    return opened


def _carry(source: socket.socket, target: socket.socket, seconds: float) -> None:
    waiting: deque[tuple[float, bytes]] = deque()
    arrived = threading.Semaphore(0)

    def deliver() -> None:
        while arrived.acquire():
            due, frame = waiting.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                target.send(frame)
            except OSError:  # as a cable does, it loses what cannot be taken
                continue

    threading.Thread(target=deliver, daemon=True).start()
    while True:
        frame, origin = source.recvfrom(_LARGEST)
        if origin[2] != _OUTGOING:
            waiting.append((time.monotonic() + seconds, frame))
            arrived.release()


def _relay(near: str, machine: str, seconds: float) -> None:
    ends = _open(near), _open(machine)
    threading.Thread(target=_carry, args=(ends[1], ends[0], 0.0), daemon=True).start()
    _carry(ends[0], ends[1], seconds)


if __name__ == "__main__":
    if sys.argv[1] == "finish":
        _switch_off(sys.argv[2])
    else:
        _relay(sys.argv[1], sys.argv[2], float(sys.argv[3]))
