"""Looks after the states of all bots of this node: saves what changed, brings what is wanted, in time.

A changed folder is saved at most every ten seconds, one that changes without end all the same; a bot's end is
followed by a last save, marked as final: only that one may be restored elsewhere without a word.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from schemas.errors import Conflict, HerdsmanError, NotFound, StateRefused
from schemas.state import HeldState, StateAnswer
from telemetry.agent.allocation import Allocation
from telemetry.agent.states.bringer import Bringer
from telemetry.agent.states.desk import Desk
from telemetry.agent.states.folder import Snapshot, look
from telemetry.agent.states.living import Living
from telemetry.agent.states.looking import Key, Looks
from telemetry.agent.states.notes import read_held, write_answer
from telemetry.agent.states.proofs import Proofs
from telemetry.agent.states.saver import Saved, Saver, Whose
from telemetry.agent.states.turns import Turn, Turns
from telemetry.names import Health

_TICK = 0.5
_LOOK_EVERY = 2.0
_GAP = 10.0
"""Seconds between two saves of a bot that runs."""
_FIRST_DELAY, _LONGEST_DELAY = 2.0, 10.0
"""Seconds between two tries; no longer than between two saves: a bot elsewhere may wait for the last one."""
_AT_ONCE = 4
_LAST_SAVES = 4.0
_LAST_PAUSE = 0.05
_NAMED = 10
_WAIT = 2.0
"""Seconds that a round waits for folders that do not answer; those that do then are of a later one."""
_log = logging.getLogger("herdsman.agent")


@dataclass(slots=True)
class _Charge:
    """One bot of this node, under its newest holder."""

    whose: Whose
    folder: Path
    held: HeldState
    owner: os.stat_result
    saved: Saved = field(default_factory=Saved)
    answered: int = 0
    fenced: int = 0
    next_at: float = 0.0
    delay: float = 0.0
    task: "asyncio.Task[None] | None" = None
    told: str = ""

    @property
    def busy(self) -> bool:
        return self.task is not None and not self.task.done()


class Caretaker:
    """Cares for the states below `root` (`<fleet>/<bot>`) of what `allocations` returns.

    `spool` is a folder of ours for copies under way; `gap` the seconds between two saves of a running bot,
    `last_saves` those that `finish` may take.
    """

    def __init__(
        self,
        desk: Desk,
        root: Path,
        spool: Path,
        *,
        health: Health | None = None,
        gap: float = _GAP,
        look_every: float = _LOOK_EVERY,
        looks: Looks | None = None,
        turns: Turns | None = None,
        last_saves: float = _LAST_SAVES,
    ) -> None:
        self._saver = Saver(desk, root, spool)
        self._bringer = Bringer(desk, root)
        self._desk, self._root = desk, root
        self._health = health or Health()
        self._proofs = Proofs(desk, self._health)
        self._gap, self._look_every, self._last_saves = gap, look_every, last_saves
        self._charges: dict[Key, _Charge] = {}
        self._living = Living()
        self._looks = looks or Looks(root)
        self._turns = turns or Turns(_AT_ONCE)
        self._turns_to_bring = Turns(_AT_ONCE)
        self._looked_at = 0.0

    async def run(self, allocations: Callable[[], Iterable[Allocation]]) -> None:
        """Care until cancelled."""
        await asyncio.to_thread(self._saver.clear)
        try:
            while True:
                try:
                    await self._round(allocations())
                except Exception:  # noqa: BLE001 - the care for the other bots must not end by what nobody foresaw
                    _log.exception("a round of the states failed; there is another soon")
                await asyncio.sleep(_TICK)
        finally:
            self._looks.close()
            await self._proofs.close()
            tasks = [charge.task for charge in self._charges.values() if charge.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def finish(self, allocations: Callable[[], Iterable[Allocation]]) -> None:
        """Save what is not saved, now; what cannot be in a few seconds is saved by the next agent, and named.

        What has ended comes first; none waits for a folder that does not answer.
        """
        for charge in self._charges.values():
            charge.next_at = 0.0
        self._turns.hurry()
        looks, unseen, late = self._looks.anew(), dict.fromkeys(self._charges), False
        try:
            async with asyncio.timeout(self._last_saves):
                self._learn(allocations())
                self._begin({})
                unseen.update(dict.fromkeys(self._charges))
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._save_last(looks, unseen))
                    group.create_task(self._learn_late(allocations))
                while tasks := [one.task for one in self._charges.values() if one.busy and one.task]:
                    await asyncio.wait(tasks)
        except TimeoutError:
            late = True
        except Exception:  # noqa: BLE001 - the agent's last lines are sent all the same
            _log.exception("the last saves of the states failed")
        finally:
            looks.close()
        missing = {key for key in unseen if self._needs_look(key)}
        missing |= {key for key, one in self._charges.items() if one.busy and one.held.phase != "wanted"}
        if late or missing:
            self._name_unsaved(missing)

    async def _learn_late(self, allocations: Callable[[], Iterable[Allocation]]) -> None:
        """Save also those of which it was not known yet whose they are: none of them needs a look."""
        await self._proofs.settle()
        self._learn(allocations())
        self._begin({})

    async def _save_last(self, looks: Looks, unseen: dict[Key, None]) -> None:
        """Save what changed as soon as its folder answers; `unseen` keeps those that did not answer.

        A bot whose save is under way is looked at after it: its bot may have written since that began.
        """
        while unseen:
            for key in [key for key in unseen if not self._needs_look(key)]:
                del unseen[key]
            idle = [key for key in unseen if not self._charges[key].busy]
            idle.sort(key=self._looks.has_not_answered)
            seen = await looks.at(idle, _LAST_PAUSE)
            seen = {key: one for key, one in seen.items() if not self._is_busy(key)}
            for key in seen:
                unseen.pop(key, None)
            self._begin(self._changed(seen), last=True)
            if unseen and not seen:
                await asyncio.sleep(_LAST_PAUSE)

    def _is_busy(self, key: Key) -> bool:
        return key in self._charges and self._charges[key].busy

    def _needs_look(self, key: Key) -> bool:
        """Whether only a look says that there is something to save."""
        charge = self._charges.get(key)
        if charge is None or charge.held.phase != "held" or charge.fenced == charge.held.token:
            return False
        return not self._is_final(charge)

    def _name_unsaved(self, keys: set[Key]) -> None:
        bots = sorted(bot for _, bot in keys)
        more = f" and {len(bots) - _NAMED} more" if len(bots) > _NAMED else ""
        named = f" (of {', '.join(bots[:_NAMED])}{more})" if bots else ""
        _log.warning("not every state could be saved%s; what is missing is saved at the next start", named)

    def _learn(self, allocations: Iterable[Allocation]) -> None:
        listed = list(allocations)
        self._attend(self._proofs.proven(listed), {one.labels.allocation for one in listed})

    async def _round(self, allocations: Iterable[Allocation]) -> None:
        self._learn(allocations)
        self._begin({})
        moment = time.monotonic()
        if moment >= self._looked_at + self._look_every:
            self._looked_at = moment
            idle = [key for key, one in self._charges.items() if one.held.phase != "wanted" and not one.busy]
            changed = self._changed(await self._looks.at(idle, _WAIT))
            running = [
                (one.whose, one.held.token, one.owner.st_mtime)
                for one in self._charges.values()
                if one.held.phase == "held"
            ]
            await self._looks.beside(partial(self._living.look, running), _WAIT)
            self._begin(changed)

    def _begin(self, changed: Mapping[Key, Snapshot], *, last: bool = False) -> None:
        """Begin what is to be done now: `changed` are to be saved, the `last` time without a pause."""
        moment = time.monotonic()
        for key, charge in self._charges.items():
            is_early = moment < charge.next_at and not (last and key in changed)
            if charge.busy or (is_early and not self._is_new(charge)):
                continue
            if charge.held.phase == "wanted":
                if charge.answered != charge.held.token:
                    charge.task = asyncio.create_task(self._bring(charge))
            elif self._must_save(charge, changed.get(key)):
                charge.task = asyncio.create_task(self._save(charge))

    def _is_new(self, charge: _Charge) -> bool:
        """Whether it is about something that was not tried yet, which no pause between two saves holds up."""
        if charge.held.phase == "wanted":
            return True
        ended = self._is_final(charge) and not charge.saved.final
        return not charge.delay and (ended or charge.saved.token != charge.held.token)

    def _attend(self, allocations: list[Allocation], listed: set[str]) -> None:
        """Learn what launchers say; of several of one bot the newest holder counts.

        `allocations` are proven to be what they say, `listed` is all there are.
        """
        newest: dict[Key, tuple[Allocation, HeldState, os.stat_result]] = {}
        for allocation in allocations:
            found = read_held(allocation.folder)
            labels = allocation.labels
            if found is None or not _is_name(labels.fleet) or not _is_name(labels.bot):
                continue
            key = (labels.fleet, labels.bot)
            if key not in newest or newest[key][1].token <= found[0].token:
                newest[key] = (allocation, *found)
        for key in newest.keys() & self._charges.keys():
            if (
                newest[key][1].token < self._charges[key].held.token
            ):  # the newer one's folder was deleted first
                del newest[key]
        self._let_go(self._charges.keys() - newest.keys(), listed)
        for key, (allocation, held, owner) in newest.items():
            labels = allocation.labels
            whose = Whose(labels.fleet, labels.bot, labels.node, labels.allocation)
            charge = self._charges.get(key)
            if charge is None:
                self._charges[key] = _Charge(whose, allocation.folder, held, owner)
            else:
                if held.token != charge.held.token:
                    charge.next_at = charge.delay = 0.0
                charge.whose, charge.folder = whose, allocation.folder
                charge.held, charge.owner = held, owner

    def _let_go(self, keys: Iterable[Key], listed: set[str]) -> None:
        """Forget bots whose folder was deleted, as is done once they have ended: after their last save."""
        for key in list(keys):
            charge = self._charges[key]
            is_there = charge.whose.allocation in listed and charge.folder.is_dir()
            if is_there or charge.busy:
                continue
            if charge.held.phase == "held":
                charge.held = replace(charge.held, phase="ended")
            if charge.held.phase == "wanted" or not self._must_save(charge, None):
                del self._charges[key]

    def _changed(self, seen: Mapping[Key, Snapshot | OSError]) -> dict[Key, Snapshot]:
        """Return how those folders look that are not as they were saved."""
        found = {}
        for key, one in seen.items():
            if isinstance(one, OSError):
                _log.warning("the state of %s cannot be read: %s", key[1], one)
            elif key in self._charges and one.marks != self._charges[key].saved.marks:
                found[key] = one
        return found

    def _must_save(self, charge: _Charge, changed: Snapshot | None) -> bool:
        held, saved = charge.held, charge.saved
        if charge.fenced == held.token:
            return False
        if self._is_final(charge):
            return not (saved.final and saved.token == held.token)
        return saved.token != held.token or changed is not None

    def _is_final(self, charge: _Charge) -> bool:
        """Whether nothing writes the state any more: the launcher said so, or nothing of it is left."""
        return charge.held.phase == "ended" or self._living.are_gone(charge.whose, charge.held.token)

    async def _bring(self, charge: _Charge) -> None:
        held = charge.held
        async with self._turns_to_bring.one() as turn:
            try:
                bringing = StateAnswer(held.token, "bringing")
                await turn.on_disk(partial(write_answer, charge.folder, bringing))
                answer = await self._bringer.bring(charge.whose, held, charge.owner, turn)
                await turn.on_disk(partial(write_answer, charge.folder, answer))
            except OSError as error:
                _log.warning("bot %s: its launcher cannot be answered: %s", charge.whose.bot, error)
                return
        charge.answered = held.token
        if answer.status == "restored":
            charge.saved = Saved()
            self._health.count("herdsman_agent_states_restored_total")
            _log.info("bot %s: brought its state here: %s", charge.whose.bot, answer.message)

    async def _save(self, charge: _Charge) -> None:
        whose, held, final, bot = charge.whose, charge.held, self._is_final(charge), charge.whose.bot
        async with self._turns.one() as turn:
            try:
                known = await self._needless(whose, held, charge.saved, turn, final=final)
                if charge.held.phase == "held" and charge.held.token != held.token:
                    return  # the next holder writes there already: it is saved as that one's
                if known is not None:
                    charge.saved = known
                    return
                charge.saved = await self._saver.save(whose, held, charge.saved, turn, final=final)
            except (Conflict, StateRefused) as error:
                charge.fenced = held.token
                self._health.count("herdsman_agent_states_refused_total")
                _log.warning("bot %s: %s", bot, error)
            except (HerdsmanError, OSError) as error:
                self._failed(charge, str(error))
            else:
                charge.delay, charge.told = 0.0, ""
                charge.next_at = time.monotonic() + self._gap
                self._health.count("herdsman_agent_states_saved_total")

    async def _needless(
        self, whose: Whose, held: HeldState, saved: Saved, turn: Turn, *, final: bool
    ) -> Saved | None:
        """Return what is saved, where there is nothing to add to it; None where there may be.

        A bot that never kept anything leaves no version behind, and what an earlier agent saved as its
        holder's last is not saved again. Raises NotFound where a state is gone with its folder.
        """
        folder = self._root / whose.fleet / whose.bot
        if saved.version and saved.token == held.token:
            if saved.files and not await turn.on_disk(folder.is_dir):
                raise NotFound(f"{folder} is gone: its newest state stays version {saved.version}")
            return None
        newest = await self._desk.newest(whose.claim, whose.bot)
        same = newest is not None and (newest.token, newest.final) == (held.token, True)
        later = newest is not None and newest.token > held.token and newest.node == whose.node
        if newest is not None and (same or (later and final)):
            return Saved(held.token, newest.number, final=True)
        if newest is not None and newest.files and not await turn.on_disk(folder.is_dir):
            raise NotFound(f"{folder} is gone: its newest state stays version {newest.number}")
        seen = await turn.on_disk(partial(look, self._root, whose.fleet, whose.bot))
        if newest is None and not seen.marks and not seen.skipped and not held.place.node:
            return Saved(held.token, 0, final)
        return None

    def _failed(self, charge: _Charge, message: str) -> None:
        charge.delay = min(charge.delay * 2 or _FIRST_DELAY, _LONGEST_DELAY)
        charge.next_at = time.monotonic() + charge.delay
        self._health.count("herdsman_agent_states_failed_total")
        if message != charge.told:
            _log.warning("bot %s: its state is not saved now, tried again: %s", charge.whose.bot, message)
            charge.told = message


def _is_name(text: str) -> bool:
    """Whether a label names a folder and nothing else."""
    return bool(text) and "/" not in text and "\0" not in text and not text.startswith(".")
