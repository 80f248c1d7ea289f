#!/usr/bin/env python3
"""Runs Chromium so that it does not hear of this machine's networks that come and go.

Other tests make network namespaces and cables meanwhile. Chromium, told by the kernel, would give up every
request that just waits for a connection (ERR_NETWORK_CHANGED), also one to the loopback that never moved: a
page or a part of it is not read then. It is refused the socket on which the kernel tells (netlink, routes),
and takes the network as it is. Playwright starts this file in Chromium's place, hence the first line.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from pathlib import Path

CHROMIUM = Path(__file__).resolve().parents[2] / ".engines" / "bin" / "chromium"
SYSTEM_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The architecture as the kernel names it to a filter, and its number of socket(2)."""

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _ARCHITECTURE, _FAMILY, _PROTOCOL = 0, 4, 16, 32
"""Offsets in what a filter looks at: struct seccomp_data."""
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_NETLINK_ROUTE = 0


def refusal(architecture: int, number: int) -> bytes:
    """Return the filter that refuses sockets on which the kernel tells of addresses and routes."""
    looks = (
        (_ARCHITECTURE, architecture),
        (_NUMBER, number),
        (_FAMILY, int(socket.AF_NETLINK)),
        (_PROTOCOL, _NETLINK_ROUTE),
    )
    steps: list[tuple[int, int, int, int]] = []
    for index, (offset, value) in enumerate(looks):
        to_allow = 2 * (len(looks) - index - 1) + 1
        steps += [(_LOAD, 0, 0, offset), (_EQUAL, 0, to_allow, value)]
    steps += [(_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def hear_nothing() -> None:
    """Install the filter for this process and all that it starts; without seccomp all stays as it is."""
    known = SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return
    code = ctypes.create_string_buffer(refusal(*known))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code.raw) // 8, ctypes.addressof(code)))
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    if prctl(_NO_NEW_PRIVILEGES, 1, None, 0, 0) == 0:
        prctl(_SET_SECCOMP, _FILTER, ctypes.addressof(program), 0, 0)


if __name__ == "__main__":
    hear_nothing()
    os.execv(CHROMIUM, [str(CHROMIUM), *sys.argv[1:]])
