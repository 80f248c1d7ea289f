"""Applying jobs as they are rendered now, their bots' content unchanged: what an upgrade changed."""

from collections.abc import Callable
from dataclasses import replace

from controller.content import Contents
from controller.database import Database
from controller.database.inventory import save_entries
from controller.fleet import Fleet
from controller.next_step import placing
from controller.ports import HandSecrets
from controller.records import InventoryEntry
from controller.schedulers.protocol import Launch, ObservedBot, Scheduler
from controller.watch import Watch
from schemas.bot import BotSpec
from schemas.errors import Conflict


class Refresher:
    """Compares and applies bots' last launches. Methods raise BuildFailed and the scheduler's errors."""

    def __init__(
        self,
        fleet: Fleet,
        scheduler: Scheduler,
        contents: Contents,
        database: Database,
        watch: Watch,
        python: str,
        touch: Callable[[str], None],
        hand: HandSecrets,
    ) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._contents = contents
        self._database = database
        self._watch = watch
        self._python = python
        self._touch = touch
        self._hand = hand

    async def outdated(self, name: str) -> bool:
        """Say whether a bot's job would be rendered otherwise now; False for one that was never applied."""
        entry = self._fleet.inventory.get(name)
        if entry is None or entry.spec is None or entry.halted or name not in self._fleet.observed:
            return False
        return bool(await self._scheduler.outdated(await self._launch(entry, entry.spec)))

    async def refresh(self, entry: InventoryEntry, spec: BotSpec) -> bool:
        """Apply what is applied once more, as it is rendered now; say whether that changed the bot's job."""
        name = entry.bot
        seen = self._fleet.observed.get(name)
        launch = await self._launch(entry, spec)
        if not await self._scheduler.outdated(launch):
            return False
        self._must_still_hold(entry, seen)
        with self._watch.changing(name):
            token = await self._scheduler.apply(launch, seen.token if seen else None)
            self._watch.expect(placing(seen, spec, self._fleet.id, entry.revision, token))
            layer = launch.dependencies.key if launch.dependencies else ""
            # What was asked for while it was applied (a stop, a newer spec) stands in the newest entry.
            newest = self._fleet.inventory.get(name, entry)
            fresh = replace(newest, token=token, code=launch.code.key, dependencies=layer)
            self._fleet.inventory[name] = fresh
        self._touch(name)
        await self._database.run(lambda connection: save_entries(connection, [fresh]))
        return True

    def _must_still_hold(self, entry: InventoryEntry, seen: ObservedBot | None) -> None:
        """Raise Conflict where the bot was suspended, pushed or moved while its job was compared."""
        name, fleet = entry.bot, self._fleet
        now = fleet.observed.get(name)
        moved = seen is None or now is None or now.token != seen.token or fleet.inventory.get(name) != entry
        if moved or fleet.suspended(name) or fleet.difference(name).wants:
            raise Conflict(f"{name} was changed meanwhile: ask again once that is done")

    async def _launch(self, entry: InventoryEntry, spec: BotSpec) -> Launch:
        """Return the launch of a bot as it was applied last."""
        code, dependencies = await self._contents.of(spec.program, lambda _text: None)
        if spec.renamed_from and self._fleet.is_used(spec.renamed_from):
            spec = replace(spec, renamed_from="")
        secrets = await self._hand(spec, entry.revision)
        python = self._python if dependencies else ""
        return Launch(spec, entry.revision, code, dependencies, python, secrets=secrets)
