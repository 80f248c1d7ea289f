"""Following lines live: each is printed once, also over a cut stream and a restart of the service."""

import time
from collections.abc import Callable
from urllib.parse import urlencode

import click
import msgspec

from cli.connection import Client, ServiceUnavailable
from web.documents.series import EventsAnswer, LogEvent

MOST_REMEMBERED = 20_000
PAGE = 1000
OVERLAP = 5.0
"""Seconds before the newest line from which on lines are read again after a cut: some come late."""


class Tail:
    """Prints lines that a search finds, and goes on with live ones, where the stream was cut as well."""

    def __init__(
        self,
        client: Client,
        query: dict[str, str | None],
        *,
        as_json: bool,
        line: Callable[[LogEvent], str],
    ) -> None:
        self._client = client
        self._query = query
        self._as_json = as_json
        self._line = line
        self._seen: dict[str, None] = {}
        self._newest: float | None = None
        self._overlap = 0.0

    @property
    def topic(self) -> str:
        """The live topic of the search."""
        return f"logs:{urlencode({name: value for name, value in self._query.items() if value})}"

    def show(self, events: list[LogEvent]) -> None:
        """Print the events that were not printed yet."""
        for event in events:
            if event.id in self._seen:
                continue
            self._seen[event.id] = None
            if len(self._seen) > MOST_REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._newest = max(event.time, self._newest or event.time)
            click.echo(msgspec.json.encode(event).decode() if self._as_json else self._line(event))

    def follow(self, position: str) -> None:
        """Print live lines until Ctrl-C, also over a restart of the service."""
        self._newest = self._newest or time.time()
        told = False
        while True:
            try:
                for identity, event, data in self._client.stream(self.topic, position):
                    position, told = identity or position, False
                    if event == "reset":
                        self.catch_up()
                    elif event == "log":
                        self.show([msgspec.json.decode(data, type=LogEvent)])
            except ServiceUnavailable as error:
                if not told:
                    click.echo(f"{error}; trying again", err=True)
                told = True
            time.sleep(1)

    def catch_up(self) -> None:
        """Print all that was missed, page by page: the stream could not go on where it was cut."""
        start = str((self._newest or time.time()) - self._overlap)
        self._overlap = OVERLAP  # at first, lines before the newest are those that were not asked for
        cursor = ""
        while True:
            answer = self._client.get(
                "/api/v1/logs",
                EventsAnswer,
                **{**self._query, "limit": PAGE, "start": start, "order": "oldest", "cursor": cursor},
            )
            self.show(answer.events)
            cursor = answer.next_cursor
            if not cursor:
                return
