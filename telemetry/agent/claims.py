"""Which allocation a log file belongs to, where a bot gave another's file a second name among its own.

Such a hard link shows one file in two places. The allocation that had it under its only name, or that the
checkpoint knows it of, keeps it: nobody's own output is ever refused for a link that another made.
"""

import os
from collections.abc import Mapping

from telemetry.agent.tail import Place


class Claims:
    """Files by their inode, and whose they are; `places` is what the checkpoint knows."""

    def __init__(self, places: Mapping[str, Mapping[str, Place]] | None = None) -> None:
        known = (places or {}).items()
        self._owners = {place.inode: name for name, files in known for place in files.values()}
        self._refused: set[tuple[str, int]] = set()

    def refuses(self, allocation: str, status: os.stat_result) -> bool:
        """Say whether a file in an allocation's folder is another's; it stays so for good."""
        inode = status.st_ino
        if (allocation, inode) in self._refused:
            return True
        if status.st_nlink == 1:
            self._owners[inode] = allocation  # a number that was given out anew is the new file's
            return False
        if self._owners.get(inode, allocation) == allocation:
            return False
        self._refused.add((allocation, inode))
        return True

    def is_new(self, allocation: str, status: os.stat_result) -> bool:
        """Say whether a file has not been refused before."""
        return (allocation, status.st_ino) not in self._refused

    def forget(self, allocation: str) -> None:
        """Let go of an allocation that is no more."""
        self._owners = {inode: name for inode, name in self._owners.items() if name != allocation}
        self._refused = {one for one in self._refused if one[0] != allocation}
