"""What the fleet looks out for, as it was known last: rules and limits hold while git is away at a start."""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from schemas.alert_rules import read_rules
from schemas.errors import StoreUnavailable
from schemas.fleet import Watching
from schemas.risk import read_risk
from telemetry.stores import KeptStates

_LOG = logging.getLogger(__name__)
_EVERY = 5.0
_FLEET = "fleet"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Watching).decode


class KeptWatching:
    """Knows what `now` says, and until it says anything what it said in an earlier life."""

    def __init__(self, store: KeptStates, now: Callable[[], Watching | None]) -> None:
        self._store = store
        self._now = now
        self._kept: Watching | None = None
        self._loaded = False

    def current(self) -> Watching | None:
        """Return what the fleet looks out for, None where that was never known."""
        now = self._now()
        return self._kept if now is None else now

    async def run(self) -> None:
        """Load what was kept, then keep what changes, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable:
                pass  # the next look is soon
            except Exception:  # noqa: BLE001 - nobody would begin this task again
                _LOG.exception("what the fleet looks out for cannot be kept")
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Load what was kept, once; keep what is another now. Raises StoreUnavailable."""
        if not self._loaded:
            _, states = await self._store.load()
            self._kept = _read(states)
            self._loaded = True
        now = self._now()
        if now is not None and now != self._kept:
            await self._store.save(0, {_FLEET: _encode(now)})
            self._kept = now


def _read(states: list[bytes]) -> Watching | None:
    """Return what was kept; None where this herdsman cannot read it any more."""
    try:
        for state in states:
            found = _decode(state)
            read_rules(found.rules)
            for limits in found.accounts.values():
                read_risk(limits)
            return found
    except Exception:  # noqa: BLE001 - of another version: git tells it soon
        _LOG.exception("what the fleet looked out for before cannot be read")
    return None
