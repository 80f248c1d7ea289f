"""The fleet's kill switch as one launcher hears of it, whatever has become of herdsman.

The fleet's rules are one Nomad variable, which bots may read and never write. It is read before every start
of the bot, and watched by a blocking query from then on: a switch that is turned on reaches all launchers of
a fleet within moments, by one write. Locally herdsman itself is the bots' parent, and there is no variable.
"""

import posix
import time

from controller.launcher.nomad_socket import NomadSocket, status_of
from controller.launcher.text import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Any

_BLOCKED_FOR = 60
"""Seconds after which Nomad answers though nothing has changed."""
_PATIENCE = 90.0
"""Seconds after which a query that brought no answer is given up: whoever held it may be gone."""
_LEAST, _MOST = 0.2, 5.0
"""Seconds between two queries: after one that told something, and after some that failed."""
_INDEX = b"x-nomad-index:"
_NEVER = 3600.0


class KillSwitch:
    """`reason` is why the bot must not run, "" while it may. Times are `keeper.now()` seconds."""

    def __init__(self, order: "dict[str, Any]", environment: dict[str, str]) -> None:
        options = order["lease"]["options"]
        path = options.get("rules_path", "")
        self.reason = ""
        self.refused = ""
        """Why the rules could not be read the last time, for people."""
        self._scopes = order.get("scopes", ())
        self._target = f"/v1/var/{path}?namespace={options.get('namespace') or 'default'}" if path else ""
        self._nomad = NomadSocket(environment) if path else None
        self._index = ""
        self._connection: socket | None = None
        self._heard = b""
        self._ask_at = self._until = 0.0
        self._pause = _LEAST

    @property
    def reading(self) -> int:
        """The descriptor that wakes once there is something to `attend`, -1 for none."""
        return self._connection.fileno() if self._connection is not None else -1

    def look(self, timeout: float) -> bool:
        """Read the rules now; False where they could not be read."""
        if self._nomad is None:
            return True
        try:
            answer = self._nomad.exchange("GET", self._target, b"", time.monotonic() + timeout)
            self._take(answer)
        except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
            self.refused = f"the fleet's kill switch cannot be read: {error}"
            return False
        return True

    def attend(self, moment: float) -> None:
        """Hear what has arrived, and ask again; nothing before the first `look`."""
        if self._nomad is None or not self._index:
            return
        try:
            if self._connection is not None:
                self._hear(self._connection, moment)
            if self._connection is None and moment >= self._ask_at:
                self._connection = self._nomad.ask(f"{self._target}&index={self._index}&wait={_BLOCKED_FOR}s")
                self._heard, self._until = b"", moment + _PATIENCE
        except (OSError, ValueError, IndexError, KeyError, TypeError):
            self._let_go()
            self._pause = min(2 * self._pause, _MOST)
            self._ask_at = moment + self._pause * (1 + posix.urandom(1)[0] / 255)

    def next_event(self, moment: float) -> float:
        """Return when `attend` has something to do though nothing arrives."""
        if self._nomad is None or not self._index:
            return moment + _NEVER
        return self._until if self._connection is not None else self._ask_at

    def _hear(self, connection: "socket", moment: float) -> None:
        try:
            while part := connection.recv(65536):
                self._heard += part
        except BlockingIOError:
            if moment >= self._until:
                raise TimeoutError("no answer in time") from None
            return
        self._let_go()
        self._take(self._heard)
        self._pause = _LEAST
        self._ask_at = moment + self._pause

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _take(self, answer: bytes) -> None:
        """Take an answer in. Raises ValueError where it tells nothing."""
        status, head, content = status_of(answer)
        if status in (403, 404):  # an older policy, or no switch was ever turned on: what is known stays
            self._index = _index_of(head) or "1"
            return
        if status != 200:
            raise ValueError(f"Nomad answers {status}")
        rules = decode(decode(content.decode())["Items"]["rules"])["rules"]
        found = [rule for rule in rules if rule["kill"] and rule["scope"] in self._scopes]
        self.reason = f'kill switch by {found[0]["by"]}: "{found[0]["reason"]}"' if found else ""
        self._index = _index_of(head)


def _index_of(head: bytes) -> str:
    """Return the index in an answer's head, "" where there is none."""
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(_INDEX)]
    return lines[0][len(_INDEX) :].strip().decode() if lines else ""
