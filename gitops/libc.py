"""The C library of this machine, which everything that is built here needs where it runs."""

import platform


def glibc() -> str:
    """Return this machine's version of glibc, such as "2.36"; "" for another C library."""
    name, version = platform.libc_ver()
    return version if name == "glibc" else ""
