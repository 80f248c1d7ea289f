"""What a query's answer says: the document that `query.py` prints, one JSON object on one line.

`{"status": "ok", "data": ...}`, else `{"status": "error", "reason", "message"}` with `trace` (the program's
last words on stderr) and `available` (the paths that there are) where they are known.
"""

import json
from typing import Any

MOST_BYTES = 1 << 20
"""Bytes of an answer, as JSON; one that is longer is an error."""
MOST_TRACE = 8192

NO_QUERIES = "no_queries"
"""The program has no query entrypoint, and nothing answers on the bot's query port."""
NOT_RUNNING = "not_running"
NO_HANDLER = "no_handler"
RAISED = "raised"
TIMED_OUT = "timed_out"
TOO_LARGE = "too_large"
NO_ANSWER = "no_answer"


def failure(reason: str, message: str, trace: str = "", **more: Any) -> dict[str, Any]:
    """Return an answer that says what went wrong."""
    answer: dict[str, Any] = {"status": "error", "reason": reason, "message": message}
    if trace.strip():
        answer["trace"] = trace.strip()[-MOST_TRACE:]
    return answer | more


def meaning(document: Any, *, failed: bool, trace: str = "") -> dict[str, Any]:
    """Return the answer that a program's own document means.

    The public SDK wraps what a handler returned in `{"status": "ok", "data": ...}` and an error in
    `{"status": "error", "error": text}`; any other document is taken as it is.
    """
    if isinstance(document, dict) and document.get("status") == "ok" and "data" in document and not failed:
        return {"status": "ok", "data": document["data"]}
    if isinstance(document, dict) and document.get("status") == "error":
        message = str(document.get("error") or document.get("message") or "it says no more")
        if isinstance(document.get("available"), list):
            return failure(NO_HANDLER, message, available=[str(one) for one in document["available"][:100]])
        return failure(RAISED, message, trace)
    if failed:
        return failure(RAISED, "the query program failed", trace)
    return {"status": "ok", "data": document}


def parse(text: str | bytes) -> Any:
    """Return the value of a JSON text, null for the numbers that JSON does not know. Raises ValueError."""
    return json.loads(text, parse_constant=lambda _: None)


def encoded(answer: dict[str, Any]) -> str:
    """Return an answer as the one line that is printed."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode("utf-8", "replace")) > MOST_BYTES and answer["status"] == "ok":
        limit = MOST_BYTES >> 20
        return json.dumps(failure(TOO_LARGE, f"the answer is larger than {limit} MiB: ask for less of it"))
    return text
