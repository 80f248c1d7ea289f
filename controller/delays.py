"""Why a bot's change waits, in a constant and in words."""

from dataclasses import dataclass

from controller.status import Reason


@dataclass(frozen=True, slots=True)
class Delay:
    """What a change waits for; `until` is when it ends, where a clock alone ends it (Unix seconds).

    `lasting`: it may take long, or a person, so that nobody who follows a pass waits for it.
    """

    reason: Reason
    text: str
    until: float | None = None

    @property
    def lasting(self) -> bool:
        """Whether nobody should wait for its end."""
        return self.reason in (Reason.WAITS_FOR_WINDOW, Reason.ROLLOUT_HALTED)
