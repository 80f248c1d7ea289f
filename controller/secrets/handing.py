"""The values of a bot's secrets on their way to its launcher."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from controller.clock import Clock
from controller.schedulers.protocol import HandedSecrets
from gitops.reading import CommitReader
from gitops.secrets.values import FleetSecrets
from schemas.bot import BotSpec
from schemas.errors import NotFound, SecretUnavailable


class Handing:
    """Gives the values of a spec to whoever launches it. `key` is the fleet's own.

    `repository` has the revisions that specs came from, `subfolder` is the fleet's folder in them.
    """

    def __init__(
        self, key: bytes, secrets: FleetSecrets, repository: Callable[[], Path], subfolder: str = ""
    ) -> None:
        self._key = key
        self._secrets = secrets
        self._repository = repository
        self._subfolder = subfolder

    async def of(self, spec: BotSpec, revision: str) -> HandedSecrets | None:
        """Return what a launch of the spec hands over, None for nothing. Raises SecretUnavailable."""
        if not any(one.handed for one in spec.secrets):
            return None
        values = await asyncio.to_thread(self._values, spec, revision)
        return handed(self._key, spec.name, values)

    async def watch(
        self, specs: Callable[[], Iterable[BotSpec]], clock: Clock, every: float, news: Callable[[], None]
    ) -> None:
        """Call `news` whenever a value outside git has changed that restarts its bot, or could not be had."""
        while True:
            await clock.sleep(every)
            watched = [spec for spec in specs() if any(one.watched for one in spec.secrets)]
            if self._secrets.troubled or (watched and await asyncio.to_thread(self._secrets.moved, watched)):
                news()

    def _values(self, spec: BotSpec, revision: str) -> dict[str, str]:
        known = self._secrets.values(spec)
        if known is not None:
            return known
        try:
            with CommitReader(self._repository(), revision, subfolder=self._subfolder) as reader:
                return self._secrets.reread(spec, reader)
        except NotFound:
            raise SecretUnavailable(
                f"the secrets of {spec.name} are those of revision {revision[:7]}, which is not here any more"
            ) from None


def handed(key: bytes, bot: str, values: Mapping[str, str]) -> HandedSecrets:
    """Return values with the name and the key of the box that they travel in; equal ones have the same."""
    text = json.dumps([bot, sorted(values.items())])
    identity = hmac.new(key, f"box {text}".encode(), "sha256").hexdigest()[:32]
    return HandedSecrets(identity, box_key(key, bot, identity), dict(values))


def box_key(key: bytes, bot: str, identity: str) -> str:
    """Return the key of one bot's box as hexadecimal text."""
    return hmac.new(key, f"box key {bot} {identity}".encode(), hashlib.sha256).hexdigest()
