"""The one error of access control."""

from schemas.errors import HerdsmanError


class AccessDenied(HerdsmanError):
    """A request without the right to what it asks for.

    `status`: 401 asks for a credential, 403 says that the one given is not enough, 421 that the request
    was meant for another name, 429 to wait for `wait` seconds. `reason` is a constant for programs.
    """

    def __init__(
        self, status: int, reason: str, message: str, next_step: str = "", wait: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.next_step = next_step
        self.wait = wait
