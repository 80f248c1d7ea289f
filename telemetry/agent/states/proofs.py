"""Which allocations of this node are the bots' that they say they are: what the service has shown.

The labels of an allocation lie where its bot may write. Until the service has asked the scheduler, what an
allocation says of a state counts for nothing: neither is it saved, nor does it stand in the way of another's.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import HerdsmanError, StateRefused
from schemas.labels import AllocationLabels
from schemas.state import StateClaim
from telemetry.agent.allocation import Allocation
from telemetry.agent.states.desk import Desk
from telemetry.names import Health

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 15.0
_AT_ONCE = 8
_log = logging.getLogger("herdsman.agent")


@dataclass(slots=True)
class _Proof:
    """What is known of one allocation: nothing yet, or what the service said."""

    ours: bool | None = None
    next_at: float = 0.0
    delay: float = 0.0
    task: "asyncio.Task[None] | None" = None


class Proofs:
    """Asks the service about each allocation once, again and again while it cannot say."""

    def __init__(self, desk: Desk, health: Health) -> None:
        self._desk, self._health = desk, health
        self._proofs: dict[str, _Proof] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def proven(self, allocations: Iterable[Allocation]) -> list[Allocation]:
        """Return those that are shown to be what they say; begin to ask about the others."""
        listed = {one.labels.allocation: one for one in allocations}
        for name in self._proofs.keys() - listed.keys():
            task = self._proofs.pop(name).task
            if task is not None:
                task.cancel()
        moment = time.monotonic()
        for name, one in listed.items():
            proof = self._proofs.setdefault(name, _Proof())
            if proof.ours is None and proof.task is None and moment >= proof.next_at:
                proof.task = asyncio.create_task(self._prove(one.labels, proof))
        return [one for name, one in listed.items() if self._proofs[name].ours]

    async def settle(self) -> None:
        """Wait for the answers under way."""
        if tasks := [proof.task for proof in self._proofs.values() if proof.task is not None]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Ask no longer."""
        tasks = [proof.task for proof in self._proofs.values() if proof.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prove(self, labels: AllocationLabels, proof: _Proof) -> None:
        try:
            async with self._slots:
                await self._desk.prove(StateClaim(labels.fleet, labels.allocation), labels.bot)
        except StateRefused as error:
            proof.ours = False
            self._health.count("herdsman_agent_states_refused_total")
            _log.warning("%s", error)
        except HerdsmanError as error:
            if not proof.delay:
                _log.info("bot %s: its state waits for the service: %s", labels.bot, error)
            proof.delay = min(proof.delay * 2 or _FIRST_DELAY, _LONGEST_DELAY)
            proof.next_at = time.monotonic() + proof.delay
        else:
            proof.ours = True
        finally:
            proof.task = None
