"""A value outside git that changes: noticed by a look now and then, and its bot is updated like by a push."""

import asyncio
from dataclasses import replace
from pathlib import Path

from controller.controller import Controller
from controller.secrets.handing import Handing
from gitops.secrets.values import FleetSecrets
from schemas.errors import SecretStoreDown
from schemas.secret_reference import SecretReference
from tests.unit.controller.examples import spec
from tests.unit.controller.harness import World

KEY = b"k" * 32
REFERENCE = SecretReference("K", "vault:desk/a#k", restart_on_change=True)


class Shelf:
    """One value."""

    value: str | None = "first"

    def read(self, place: str, key: str) -> str:
        if self.value is None:
            raise SecretStoreDown("the shelf does not answer")
        return self.value


async def test_a_changed_value_updates_its_bot_and_no_other(tmp_path: Path) -> None:
    """The next look after the change builds the revision anew; an unchanged value builds nothing."""
    shelf = Shelf()
    secrets = FleetSecrets(KEY, outside={"vault": shelf})
    world = World(tmp_path)
    world.secrets = Handing(KEY, secrets, lambda: tmp_path)

    def bot() -> object:
        digest = secrets.digest_of("alpha", REFERENCE, {"K": str(shelf.value)})
        known = replace(REFERENCE, digest=digest)
        return spec("alpha", digest=f"declared-{digest}", secrets=(known,))

    async def waits(controller: Controller, seconds: float) -> None:
        await world.clock.advance(seconds)

    secrets._remember({bot().digest: {"K": "first"}}, {})
    async with world.life() as controller:
        await world.push([bot(), spec("beta")], 1)
        await world.until(lambda: len(world.scheduler.applied) == 2)
        builds = world.source.builds
        await waits(controller, 61)
        assert world.source.builds == builds
        shelf.value = "second"
        secrets._remember({bot().digest: {"K": "second"}}, {})
        world.source.push([bot(), spec("beta")], 1)
        async with asyncio.timeout(90):
            while len(world.scheduler.applied) < 3:  # a look is a thread's, and takes as long as it takes
                await waits(controller, 1)
        assert [name for name, _ in world.scheduler.applied].count("beta") == 1
        launch = world.scheduler.jobs["alpha"].launch
        assert launch is not None
        assert launch.secrets is not None
        assert dict(launch.secrets.values) == {"K": "second"}
        assert "second" not in repr(launch)
