"""To which account and currency a ledger belongs, where its lines leave one out."""

from collections.abc import Collection, Iterable

from telemetry.trading.ledger import Ledger


def belonging(
    one: Ledger, ledgers: Collection[Ledger], account: str = "", currency: str = ""
) -> tuple[str, str]:
    """Return the account and currency of one of a bot's ledgers, "" where they are not known.

    What its lines leave out is what the manifest says (`account`, `currency`), else the only one that the
    bot names in this mode: a currency near the account, an account at all.
    """
    if one.account and one.currency:
        return one.account, one.currency
    mates = [other for other in ledgers if other.mode == one.mode]
    own = one.account or account or _sole(mates, [other.account for other in mates])
    near = [other for other in mates if other.account in ("", own) or not one.account]
    return own, one.currency or currency or _sole(near, [other.currency for other in near])


def _sole(ledgers: Iterable[Ledger], names: Iterable[str]) -> str:
    """Return the only name there is, "" where none or several are.

    What merely transfers name counts where nothing else names any.
    """
    named = [(ledger.tells, name) for ledger, name in zip(ledgers, names, strict=True) if name]
    found = {name for tells, name in named if tells} or {name for _, name in named}
    return found.pop() if len(found) == 1 else ""
