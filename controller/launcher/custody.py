"""The bot's state before a start, while it runs, after its end: never an older copy, never an empty folder.

Where the newest state is not in this node's folder, the node's agent is asked to bring it, through a file
beside the logs (`herdsman-state.json`); its answer is another (`herdsman-state-answer.json`). See
`schemas/state.py` for both. A node that has the newest state needs no agent.
"""

import posix
import time

from controller.launcher.files import make_folder, read, replace
from controller.launcher.keeper import Keeper, now
from controller.launcher.text import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from controller.launcher.loop import Loop
    from controller.launcher.reporting import Reports

_PATIENCE = 10.0
"""Seconds that an agent has to answer; bringing a large state takes it longer, and it says so."""
_LONGEST = 900.0
"""Seconds after which an agent that began to bring a state counts as gone."""
_LOOK = 0.1
_CALL = 3.0


class Custody:
    """One bot's state under one launcher."""

    def __init__(self, order: "dict[str, Any]", keeper: Keeper, reports: "Reports") -> None:
        self._order, self._keeper, self._reports = order, keeper, reports
        self._state: str = order["paths"]["state"]
        self._allocation: str = order["paths"]["allocation"]
        self._wanted_since = 0.0
        self._former = ""
        self._former_token = 0

    def fetch(self, loop: "Loop") -> str:
        """Have the newest state in the bot's folder; return "" once it is there, else what is missing.

        The lease is held. An agent that is silent is told as such.
        """
        lease = self._keeper.lease
        self._former, self._former_token = "", 0
        if not lease.place and self._order["former_state"] and not _exists(self._state):
            if not lease.look_back(_CALL):
                return lease.reason
            self._former = self._order["former_state"].rpartition("/")[2]
            self._former_token = lease.placed
            if lease.place in ("", self._order["node"]):
                _take_over(self._order["former_state"], self._state)
        message = self._brought(loop) if self._is_elsewhere() else ""
        if message:
            return message
        make_folder(self._state, 0o700)
        self._keeper.entrusted = True
        return self._record()

    def _is_elsewhere(self) -> bool:
        """Whether this node's folder is not known to be the newest."""
        place = self._keeper.lease.place
        return bool(place) and (place != self._order["node"] or not _exists(self._state))

    def _record(self) -> str:
        """Record that this holder has the state, before the bot can change it; return why that failed."""
        lease = self._keeper.lease
        if self._former and not lease.place:
            lease.place = self._order["node"]  # so that the former name is never looked at again
        on_this_machine = lease.deadline_free and lease.place in ("", self._order["node"])
        if not self._keeper.settle() and not on_this_machine:
            return lease.reason
        if self._former:
            lease.leave_former(_CALL)
        self._wanted_since = 0.0
        self._tell("held")
        return ""

    def end(self) -> None:
        """Tell the agent that nothing of this holder writes the state any more."""
        if self._keeper.lease.token:
            self._tell("ended")

    def _tell(self, phase: str) -> None:
        lease = self._keeper.lease
        said = {
            "token": lease.token,
            "phase": phase,
            "place": {"node": lease.place, "token": lease.placed},
            "source": self._former or self._order["bot"],
            "lost_node": self._order["state"]["on_lost_node"],
            "waited": now() - self._wanted_since if self._wanted_since else 0.0,
            "former": self._former,
            "former_token": self._former_token,
        }
        try:
            replace(f"{self._allocation}/herdsman-state.json", encode(said), 0o644)
        except OSError:  # a full disk: nothing is saved until there is room, and the lease knows the holder
            return

    def _brought(self, loop: "Loop") -> str:
        """Ask the agent for the state, and put it in place; return what is missing."""
        self._wanted_since = self._wanted_since or now()
        self._tell("wanted")
        answer = self._answer(loop)
        if answer.get("status") == "restored":
            missing = self._put_in_place(str(answer.get("folder")))
            if not missing:
                message, reason = str(answer.get("message")), "loss" if answer.get("loss") else ""
                self._reports.write("state_restored", reason=reason, message=message)
            return missing
        return str(answer.get("message") or self._silence())

    def _silence(self) -> str:
        place = self._keeper.lease.place
        where = (
            f"its newest state is on node {place}" if place and place != "@store" else "its state is saved"
        )
        return f"{where}, and the agent of this node has not brought it: does `herdsman agent` run here?"

    def _answer(self, loop: "Loop") -> "dict[str, Any]":
        """Wait for the answer to this holder; an empty one where there is none in time."""
        began = now()
        while not loop.stop and not self._keeper.lost():
            answer = self._heard()
            if answer and answer.get("status") != "bringing":
                return answer
            if now() - began >= (_LONGEST if answer else _PATIENCE):
                return {}
            loop.pause(_LOOK)
        return {"message": "the wait for its state was ended"}

    def _heard(self) -> "dict[str, Any]":
        try:
            answer = decode(read(f"{self._allocation}/herdsman-state-answer.json", links=False) or "{}")
        except ValueError:
            return {}
        ours = isinstance(answer, dict) and answer.get("token") == self._keeper.lease.token
        return answer if ours else {}

    def _put_in_place(self, name: str) -> str:
        """Let the folder that the agent filled be the state folder; what lay there is kept beside it."""
        beside = self._state.rpartition("/")[0]
        own = self._state.rpartition("/")[2]
        if not name.startswith(f".{own}.restored-") or "/" in name:
            return "the agent's answer names no folder of this bot"
        try:
            if _exists(self._state):
                posix.rename(self._state, f"{beside}/.{own}.replaced-{time.time():.0f}")
            posix.rename(f"{beside}/{name}", self._state)
        except OSError as error:
            return f"the state that was brought here cannot be put in place: {error}"
        return ""


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def _take_over(former: str, state: str) -> None:
    """Move the state of a renamed bot to its new name, where it lies on this node."""
    make_folder(state.rpartition("/")[0])
    try:
        posix.rename(former, state)
    except OSError:
        return
