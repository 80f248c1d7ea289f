"""Giving VictoriaMetrics lines of samples: what is refused as a whole is given in parts, down to a line.

A sample that it does not take must not hold the others up, nor may a proxy that takes only small requests.
Nothing is left out where the server, or what stands in its place, takes nothing at all.
"""

from collections.abc import Callable, Sequence

import httpx

from schemas.errors import StoreUnavailable

_PATH = "/api/v1/import/prometheus"
_IN_PARTS = frozenset({400, 413, 422})
"""Answers that may be about a line, or about how many there are."""
_MOST_REFUSED = 100
"""Lines of one request that are left out at most: where there are more it is the server that is wrong."""
Unavailable = Callable[[str], StoreUnavailable]


async def give(client: httpx.AsyncClient, lines: Sequence[str], unavailable: Unavailable) -> dict[str, str]:
    """Return once all lines were taken, but those that are refused: line -> what the answer was.

    Raises what `unavailable` makes of a reason where the server takes nothing; all must then come again.
    """
    answer = await _post(client, lines, unavailable)
    if _is_taken(answer):
        return {}
    if answer.status_code not in _IN_PARTS or not _is_taken(await _post(client, [], unavailable)):
        raise unavailable(_said(answer))
    refused: dict[str, str] = {}
    parts = _halves(lines) if len(lines) > 1 else [lines]
    while parts:
        part = parts.pop()
        answer = await _post(client, part, unavailable)
        if _is_taken(answer):
            continue
        if answer.status_code not in _IN_PARTS or len(refused) >= _MOST_REFUSED:
            raise unavailable(_said(answer))
        if len(part) > 1:
            parts += _halves(part)
        else:
            refused[part[0]] = _said(answer)
    if len(refused) == len(lines) > 1:
        raise unavailable(_said(answer))
    return refused


async def _post(client: httpx.AsyncClient, lines: Sequence[str], unavailable: Unavailable) -> httpx.Response:
    try:
        return await client.post(_PATH, content="".join(lines).encode())
    except httpx.HTTPError as error:
        raise unavailable(f"{type(error).__name__} {error}".strip()) from error


def _is_taken(answer: httpx.Response) -> bool:
    """Say whether it is an acknowledgement: a good answer that holds a text is another's, or an error."""
    return answer.is_success and not answer.content.strip()


def _said(answer: httpx.Response) -> str:
    return f"it answered {answer.status_code}: {answer.text[:200]}"


def _halves(lines: Sequence[str]) -> list[Sequence[str]]:
    middle = len(lines) // 2
    return [lines[middle:], lines[:middle]]
