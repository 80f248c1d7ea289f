"""Where an agent hands saved states in and gets them from: the service, over HTTP or in the same process."""

from typing import Protocol
from urllib.parse import quote

import httpx
import msgspec

from schemas.errors import (
    Conflict,
    HerdsmanError,
    NotFound,
    StateDamaged,
    StateRefused,
    StoreUnavailable,
    UsageError,
)
from schemas.state import SaveAnswer, StateClaim, StateSave, StateVersion

_TIMEOUT = 60.0
_KINDS: dict[int, type[HerdsmanError]] = {
    400: UsageError,
    404: NotFound,
    409: Conflict,
    413: UsageError,
    422: StateDamaged,
}


class Desk(Protocol):
    """Takes and gives saved states; see `controller.state.guarding.GuardedStates`, which fulfils it.

    Every call says on whose behalf it is. Raises StateRefused where that allocation is not the bot's.
    """

    async def prove(self, claim: StateClaim, bot: str) -> None:
        """Return where an allocation is the bot's that it says it is."""
        ...

    async def offer(self, claim: StateClaim, bot: str, save: StateSave) -> SaveAnswer:
        """Offer a version. Raises Conflict where it is that of a fenced copy."""
        ...

    async def upload(self, claim: StateClaim, bot: str, sha256: str, data: bytes) -> None:
        """Hand in a content that was missing."""
        ...

    async def newest(self, claim: StateClaim, bot: str) -> StateVersion | None:
        """Return the newest version, None where nothing was saved."""
        ...

    async def download(self, claim: StateClaim, bot: str, sha256: str) -> bytes:
        """Return a content, its checksum proven."""
        ...


class HttpDesk:
    """The service behind `url`; `token` needs the scope ingest. Every trouble is an error of ours."""

    def __init__(self, url: str, token: str, *, verify: bool | str = True) -> None:
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            verify=verify,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def prove(self, claim: StateClaim, bot: str) -> None:
        """Have the service look whose an allocation is."""
        await self._ask("GET", claim, bot, "claim")

    async def offer(self, claim: StateClaim, bot: str, save: StateSave) -> SaveAnswer:
        """Offer a version."""
        answer = await self._ask("POST", claim, bot, "versions", content=msgspec.json.encode(save))
        return msgspec.json.decode(answer.content, type=SaveAnswer)

    async def upload(self, claim: StateClaim, bot: str, sha256: str, data: bytes) -> None:
        """Hand in a content."""
        await self._ask("PUT", claim, bot, f"objects/{sha256}", content=data)

    async def newest(self, claim: StateClaim, bot: str) -> StateVersion | None:
        """Return the newest version."""
        answer = await self._ask("GET", claim, bot, "versions/newest")
        return msgspec.json.decode(answer.content, type=StateVersion | None)

    async def download(self, claim: StateClaim, bot: str, sha256: str) -> bytes:
        """Return a content."""
        return (await self._ask("GET", claim, bot, f"objects/{sha256}")).content

    async def _ask(
        self, method: str, claim: StateClaim, bot: str, path: str, content: bytes | None = None
    ) -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"} if content is not None else {}
        try:
            answer = await self._client.request(
                method,
                f"/api/v1/states/{quote(bot, safe='')}/{path}",
                params={"fleet": claim.fleet, "allocation": claim.allocation},
                content=content,
                headers=headers,
            )
        except httpx.HTTPError as error:
            raise StoreUnavailable(
                f"the service does not answer: {type(error).__name__}: {error}".rstrip(": ")
            ) from None
        if answer.is_success:
            return answer
        reason, text = _said(answer)
        if reason == StateRefused.__name__:
            raise StateRefused(text)
        raise _KINDS.get(answer.status_code, StoreUnavailable)(text)


def _said(answer: httpx.Response) -> tuple[str, str]:
    """Return the reason's constant, "" where there is none, and the text for people."""
    try:
        document = answer.json()
        return str(document.get("reason", "")), str(document["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", f"the service answered {answer.status_code}: {answer.text[:200]}"
