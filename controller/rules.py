"""A fleet's rules as one JSON document: the same in the database, beside the jobs, and for launchers.

Pure. A launcher reads `rules`, and of each `kill`, `scope`, `by` and `reason` (`launcher/kill_switch.py`).
"""

import json
from typing import Any

from controller.records import Rules, Suspension
from schemas.errors import UsageError

_MOST = 48_000
"""Bytes of the document; a Nomad variable takes 64 KiB. What is kept free is for kill switches."""
LONGEST_REASON = 500


def encode_rules(rules: Rules) -> str:
    """Return the document."""
    return json.dumps({"number": rules.number, "rules": [_document(one) for one in rules.rules]})


def decode_rules(text: str) -> Rules:
    """Return the rules of a document. Raises ValueError where it is none."""
    try:
        document = json.loads(text)
        return Rules(int(document["number"]), tuple(_rule(one) for one in document["rules"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no rules of a fleet: {error!r}") from error


def check_size(rules: Rules) -> None:
    """Raise UsageError where one suspension more is too many."""
    if len(encode_rules(rules)) > _MOST:
        raise UsageError(
            f"{len(rules.rules)} suspensions of labels, accounts and programs are in force, and there is no "
            "room for another one: resume some (`herdsman suspensions`), or use a label that they share"
        )


def newer(here: Rules, beside_jobs: Rules | None) -> Rules:
    """Return which rules hold: the newer ones, where a database or the scheduler came from a backup."""
    return here if beside_jobs is None or here.number > beside_jobs.number else beside_jobs


def _document(rule: Suspension) -> dict[str, Any]:
    return {
        "scope": rule.scope,
        "kill": rule.kill,
        "by": rule.by,
        "reason": rule.reason,
        "since": rule.since,
        "until": rule.until,
    }


def _rule(document: dict[str, Any]) -> Suspension:
    until = document.get("until")
    return Suspension(
        "",
        str(document["by"]),
        str(document["reason"]),
        float(document["since"]),
        None if until is None else float(until),
        str(document["scope"]),
        bool(document["kill"]),
    )
