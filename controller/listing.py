"""A revision as a list shows it: its most urgent changes, and all of them counted. Pure."""

from collections import Counter
from dataclasses import replace

from controller.records import Change, ChangeState, RevisionRecord, Tally

MOST = 100
"""Changes of one revision in a list: a push may change ten thousand bots."""
_URGENCY = {ChangeState.FAILED: 0, ChangeState.DEGRADED: 1, ChangeState.WAITING: 2, ChangeState.HELD: 2}


def listed(record: RevisionRecord, bot: str = "", most: int = MOST) -> RevisionRecord:
    """Return a whole record cut down for a list: without fields, and with `bot`'s change alone if named."""
    chosen = [change for change in record.changes if not bot or change.bot == bot]
    chosen.sort(key=urgency)
    return replace(
        record,
        changes=tuple(replace(change, fields=()) for change in chosen[:most]),
        tally=record.tally or tally_of(record.changes),
    )


def urgency(change: Change) -> tuple[int, str]:
    """Return by what changes are sorted: what failed, what crashed, what is waited for, then by name."""
    return _URGENCY.get(change.state, 3), change.bot


def tally_of(changes: tuple[Change, ...]) -> tuple[Tally, ...]:
    """Count changes by action and state."""
    counted = Counter((change.action, change.state) for change in changes)
    return tuple(Tally(action, state, bots) for (action, state), bots in sorted(counted.items()))
