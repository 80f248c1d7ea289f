"""Asks one bot one question: `python -I -S query.py`, beside its launcher and as its user.

The question is one line of JSON on stdin, `{"path", "params", "seconds"}` with the launcher's `order` where
`HERDSMAN_ORDER` does not hold it, or (in a job of its own) base64 of that in `HERDSMAN_QUERY`; the answer is
one line on stdout, or the file named by `HERDSMAN_QUERY_ANSWER`. See `query_answer.py`. The lease is never
looked at: a query is no copy of the bot. It always ends with 0; whatever goes wrong stands in the answer.
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

sys.path.append(__file__.rpartition("/controller/")[0] or ".")  # -I and -S leave the standard library alone

from controller.launcher.launcher import CREDENTIAL, read_order, take_values
from controller.launcher.processes import keep_private
from controller.launcher.query_answer import NO_ANSWER, NO_QUERIES, encoded, failure, parse
from controller.launcher.query_fresh import ask_fresh
from controller.launcher.query_live import ask_live

LONGEST = 30.0
_MOST_QUESTION = 1 << 20


def main() -> int:
    """Answer the question."""
    own = dict(os.environ)
    if CREDENTIAL in own:
        keep_private()
    try:
        answer = _answer(own)
    except Exception as error:  # noqa: BLE001 - whoever asked is told, and nobody else looks here
        answer = failure(NO_ANSWER, f"the query could not be carried out: {type(error).__name__}: {error}")
    text = encoded(answer)
    place = own.get("HERDSMAN_QUERY_ANSWER")
    if place:
        part = Path(f"{place}.part")
        part.write_text(text)
        part.replace(place)
    else:
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    return 0


def _answer(own: dict[str, str]) -> dict[str, Any]:
    given = own.pop("HERDSMAN_QUERY", "")
    question = parse(base64.b64decode(given) if given else sys.stdin.buffer.readline(_MOST_QUESTION + 1))
    order = question.get("order") or read_order([""], own)
    if order.get("handed"):
        take_values(order)
    seconds = min(float(question.get("seconds") or LONGEST), LONGEST)
    if order["type"] == "realtime":
        return ask_live(order, question["path"], question["params"], seconds)
    if not order.get("query_entrypoint"):
        return failure(NO_QUERIES, "its program has no entrypoints.query in bot-config.yaml")
    return ask_fresh(order, own, question["path"], question["params"], seconds)


if __name__ == "__main__":
    sys.exit(main())
