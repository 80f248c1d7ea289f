"""One object for many equal values."""

from schemas.bot import Lease
from schemas.sharing import shared
from tests.unit.schemas.samples import INSTANCE, bot


def test_bots_of_one_policy_share_it() -> None:
    """What two bots declare alike is kept once; what differs is each bot's own."""
    first, second = bot(INSTANCE), bot(INSTANCE.replace("sma-btc", "sma-eth"))
    assert first.name != second.name
    assert first.lease is second.lease
    assert first.restart is second.restart
    assert first.resources is second.resources
    assert first.liveness is second.liveness
    own = bot(INSTANCE + "herdsman: {lease: {ttl: 60s}}\n")
    assert own.lease.ttl == 60
    assert first.lease == Lease()


def test_values_of_other_types_stay_apart() -> None:
    """Equal is not the same: whole numbers, fractions and truth keep their types."""
    assert [type(shared(value)) for value in (1, 1.0, True)] == [int, float, bool]
