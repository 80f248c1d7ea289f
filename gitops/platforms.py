"""What bots need of a machine: the oldest interpreters, and the C library of what is built here."""

import platform

OLDEST = (3, 11)
"""The oldest minor version of Python that a bot may run on."""

OLDEST_NODE = 20
"""The oldest major version of Node.js that a bot may run on."""


def glibc() -> str:
    """Return this machine's version of glibc, such as "2.36"; "" for another C library."""
    name, version = platform.libc_ver()
    return version if name == "glibc" else ""
