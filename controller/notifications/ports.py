"""What delivery needs of the world: somebody who sends."""

from typing import Protocol

from controller.notifications.wording import Message


class Sender(Protocol):
    """Sends messages to destinations by name."""

    async def send(self, message: Message) -> str:
        """Send one and return "", or why it did not arrive in words without any credential. Never raises."""
        ...
