"""What the launcher's query program printed, as an answer or one of our errors. Pure."""

from typing import Any

import msgspec

from controller.launcher.query_answer import NO_HANDLER, NO_QUERIES, NOT_RUNNING, TIMED_OUT
from schemas.errors import HerdsmanError, QueryFailed, QueryRefused, QueryTimedOut


class _Answer(msgspec.Struct):
    """See `controller/launcher/query_answer.py`."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    reason: str = ""
    message: str = ""
    trace: str = ""
    available: list[Any] = []


_decode = msgspec.json.Decoder(_Answer).decode


def answer_of(bot: str, printed: bytes) -> str:
    """Return the JSON text of what a bot answered.

    Raises QueryRefused, QueryTimedOut or QueryFailed, as the document says.
    """
    try:
        answer = _decode(printed)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        shown = printed[-500:].decode("utf-8", "replace").strip()
        raise QueryFailed(f"{bot}: the query could not be carried out", trace=shown) from None
    if answer.status == "ok":
        return bytes(answer.data).decode()
    raise _trouble(bot, answer)


def _trouble(bot: str, answer: _Answer) -> HerdsmanError:
    text = f"{bot}: {answer.message}"
    if answer.reason in (NO_QUERIES, NOT_RUNNING):
        return QueryRefused(text)
    if answer.reason == TIMED_OUT:
        return QueryTimedOut(text)
    if answer.reason == NO_HANDLER and answer.available:
        text = f"{text}; there is {', '.join(map(str, answer.available))}"
    return QueryFailed(text, answer.trace, tuple(map(str, answer.available)))
