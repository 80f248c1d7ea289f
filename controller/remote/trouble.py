"""What can go wrong between the processes, in words."""

from schemas.errors import HerdsmanError


class NoController(HerdsmanError):
    """No controller leads, or the one that did ended: nothing is carried out now."""

    transient = True


class NotLeading(HerdsmanError):
    """This controller does not lead (any more): whatever it was about to do is the new leader's to do."""

    transient = True
