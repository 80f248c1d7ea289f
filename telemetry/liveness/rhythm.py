"""When in the week a bot is silent: markets close, and a bot of one is quiet then, week after week."""

from msgspec import Struct, field

SLOT = 900.0
"""Seconds of a slot; a week has 672."""
_WEEK = 672
_DAY = 96


class Rhythm(Struct):
    """One bit for each quarter of an hour of the week: did the bot run all through it, did it give a sign?"""

    ran: bytearray = field(default_factory=lambda: bytearray(_WEEK // 8))
    gave: bytearray = field(default_factory=lambda: bytearray(_WEEK // 8))
    slot: int = -1
    """The number of the slot under way since 1970, -1 before the first."""
    whole: bool = False
    """The bot ran and was heard of since the slot under way began."""
    week_ago: int = 0
    """Of the slot under way a week ago: 1 it was quiet, -1 it was not, 0 not known."""
    quiet_to: float = 0.0
    """Up to when a silence is the hour's and not the bot's, Unix seconds: with a slot to come to itself."""

    def move(self, now: float) -> None:
        """Go on to the slot of a moment: the one that ended is known, if the bot ran all through it."""
        slot = int(now // SLOT)
        if slot == self.slot:
            return
        following = slot == self.slot + 1
        if self.whole and following:
            _put(self.ran, self.slot, value=True)
        self.whole, self.slot = following, slot
        self.week_ago = self._known(slot) if following else 0
        _put(self.ran, slot, value=False)
        _put(self.gave, slot, value=False)
        if self.quiet:
            self.quiet_to = (slot + 2) * SLOT

    def sign(self) -> None:
        """Note a sign in the slot under way."""
        if self.slot >= 0:
            _put(self.gave, self.slot, value=True)

    def interrupted(self) -> None:
        """Note that the slot under way says nothing: the bot did not run, or was not heard."""
        self.whole = False

    @property
    def quiet(self) -> bool:
        """Whether the bot is quiet now, or soon: as it was a week ago; in its first week, for two days."""
        following = self._known(self.slot + 1)
        known = self.week_ago or following
        if known:
            return max(self.week_ago, following) > 0
        return any(
            self._known(slot - _DAY) > 0 and self._known(slot - 2 * _DAY) > 0
            for slot in (self.slot, self.slot + 1)
        )

    def _known(self, slot: int) -> int:
        if not _has(self.ran, slot):
            return 0
        return -1 if _has(self.gave, slot) else 1


def _put(bits: bytearray, slot: int, *, value: bool) -> None:
    place, bit = slot % _WEEK // 8, 1 << (slot % 8)
    bits[place] = bits[place] | bit if value else bits[place] & ~bit


def _has(bits: bytearray, slot: int) -> bool:
    return bool(bits[slot % _WEEK // 8] & 1 << (slot % 8))
