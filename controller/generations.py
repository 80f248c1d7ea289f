"""What was asked of a bot, counted, so that it can be told whether a status speaks of it already. Pure."""

from dataclasses import replace

from controller.status import BotStatus


def counted(status: BotStatus, before: BotStatus | None, asked: str, *, reached: bool) -> BotStatus:
    """Return the status with its generations.

    `asked` names what is asked of the bot now, "" where that is not known; `reached` says that it is so, or
    that it was tried. A status of an older herdsman, which counted otherwise, begins anew.
    """
    known = before if before is not None and before.asked else None
    generation, observed = (known.generation, known.observed_generation) if known else (0, 0)
    same = known is not None and asked in ("", known.asked)
    generation += 0 if same or not asked else 1
    return replace(
        status,
        generation=generation,
        observed_generation=generation if reached and asked else min(observed, generation),
        asked=asked or (known.asked if known else ""),
    )
