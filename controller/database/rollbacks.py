"""What holds bots at other revisions than git's newest: pins, updates on trial, specs that are refused."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from controller.database.documents import decode_pin, decode_refusal, decode_trial, encode
from controller.database.tables import pins, refusals, trials
from controller.database.upsert import upsert
from controller.rollback.overlay import Overlays
from controller.rollback.records import Pin, Refusal, Trial


def load_overlays(connection: Connection) -> Overlays:
    """Return everything that holds bots."""
    refused: defaultdict[str, dict[str, Refusal]] = defaultdict(dict)
    for row in connection.execute(select(refusals)):
        refused[row.bot][row.digest] = decode_refusal(row.refusal)
    return Overlays({row.subject: decode_pin(row.pin) for row in connection.execute(select(pins))}, refused)


def load_trials(connection: Connection) -> dict[str, Trial]:
    """Return the updates that have yet to get healthy, by bot."""
    return {row.bot: decode_trial(row.trial) for row in connection.execute(select(trials))}


def save_pin(connection: Connection, pin: Pin) -> None:
    """Write a pin over the subject's earlier one."""
    upsert(connection, pins, [{"subject": pin.subject, "pin": encode(pin)}])


def drop_pin(connection: Connection, subject: str) -> None:
    """End a pin."""
    connection.execute(delete(pins).where(pins.c.subject == subject))


def save_trials(connection: Connection, begun: Sequence[Trial]) -> None:
    """Write trials over those of the same bots."""
    upsert(connection, trials, [{"bot": one.bot, "trial": encode(one)} for one in begun])


def end_trial(connection: Connection, trial: Trial) -> None:
    """End a trial, unless another one of its bot has begun."""
    same = (trials.c.bot == trial.bot, trials.c.trial == encode(trial))
    connection.execute(delete(trials).where(*same))


def drop_trial(connection: Connection, bot: str) -> None:
    """Forget a bot's trial."""
    connection.execute(delete(trials).where(trials.c.bot == bot))


def save_refusals(connection: Connection, refused: Sequence[Refusal]) -> None:
    """Write refusals over those of the same bots and digests."""
    rows = [{"bot": one.bot, "digest": one.digest, "refusal": encode(one)} for one in refused]
    upsert(connection, refusals, rows)


def drop_refusals(connection: Connection, bot: str) -> None:
    """Refuse nothing of a bot any more."""
    connection.execute(delete(refusals).where(refusals.c.bot == bot))
