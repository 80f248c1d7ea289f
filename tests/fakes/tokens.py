"""A token store in memory."""

from schemas.errors import Conflict, NotFound
from web.access.tokens import Token


class MemoryTokenStore:
    """Keeps tokens in a dict, as the database keeps them in a table; revoked digests are remembered."""

    def __init__(self) -> None:
        self.kept: dict[str, Token] = {}
        self.digests: set[str] = set()
        self.touched: list[tuple[str, float]] = []

    async def tokens(self) -> list[Token]:
        return list(self.kept.values())

    async def add_token(self, token: Token, by: str) -> None:
        if token.digest in self.digests:
            raise Conflict("known before")
        self.digests.add(token.digest)
        self.kept[token.id] = token

    async def revoke_token(self, token: Token, by: str, now: float) -> None:
        if self.kept.pop(token.id, None) is None:
            raise NotFound(token.name)

    async def touch_token(self, token_id: str, now: float) -> None:
        self.touched.append((token_id, now))
