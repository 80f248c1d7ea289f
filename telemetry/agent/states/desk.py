"""Where an agent hands saved states in and gets them from: the service, over HTTP or in the same process."""

from typing import Protocol
from urllib.parse import quote

import httpx
import msgspec

from schemas.errors import Conflict, HerdsmanError, NotFound, StateDamaged, StoreUnavailable, UsageError
from schemas.state import SaveAnswer, StateSave, StateVersion

_TIMEOUT = 60.0
_KINDS: dict[int, type[HerdsmanError]] = {
    400: UsageError,
    404: NotFound,
    409: Conflict,
    413: UsageError,
    422: StateDamaged,
}


class Desk(Protocol):
    """Takes and gives saved states; see `controller.state.saved.SavedStates`, which fulfils it."""

    async def offer(self, bot: str, save: StateSave) -> SaveAnswer:
        """Offer a version. Raises Conflict where it is that of a fenced copy."""
        ...

    async def upload(self, bot: str, sha256: str, data: bytes) -> None:
        """Hand in a content that was missing."""
        ...

    async def newest(self, bot: str) -> StateVersion | None:
        """Return the newest version, None where nothing was saved."""
        ...

    async def download(self, bot: str, sha256: str) -> bytes:
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

    async def offer(self, bot: str, save: StateSave) -> SaveAnswer:
        """Offer a version."""
        answer = await self._ask("POST", bot, "versions", content=msgspec.json.encode(save))
        return msgspec.json.decode(answer.content, type=SaveAnswer)

    async def upload(self, bot: str, sha256: str, data: bytes) -> None:
        """Hand in a content."""
        await self._ask("PUT", bot, f"objects/{sha256}", content=data)

    async def newest(self, bot: str) -> StateVersion | None:
        """Return the newest version."""
        answer = await self._ask("GET", bot, "versions/newest")
        return msgspec.json.decode(answer.content, type=StateVersion | None)

    async def download(self, bot: str, sha256: str) -> bytes:
        """Return a content."""
        return (await self._ask("GET", bot, f"objects/{sha256}")).content

    async def _ask(self, method: str, bot: str, path: str, content: bytes | None = None) -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"} if content is not None else {}
        try:
            answer = await self._client.request(
                method, f"/api/v1/states/{quote(bot, safe='')}/{path}", content=content, headers=headers
            )
        except httpx.HTTPError as error:
            raise StoreUnavailable(
                f"the service does not answer: {type(error).__name__}: {error}".rstrip(": ")
            ) from None
        if answer.is_success:
            return answer
        raise _KINDS.get(answer.status_code, StoreUnavailable)(_said(answer))


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the service answered {answer.status_code}: {answer.text[:200]}"
