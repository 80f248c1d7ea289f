"""The floors of `samples`: what fetching the same numbers takes by bare statements, or by bare requests."""

import sqlite3
import time
from typing import Protocol

import httpx

from bench.walks import FLEET
from telemetry.stores import SeriesQuery


class Floor(Protocol):
    """Fetches what a store's answer is made of, and makes nothing of it."""

    name: str

    def chart(self, query: SeriesQuery) -> None:
        """Fetch the points of one query."""
        ...

    def newest(self, since: float) -> None:
        """Fetch the newest value of every series."""
        ...


class BareStatements:
    """SQL statements on the embedded store's file."""

    name = "a bare SQL statement"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def chart(self, query: SeriesQuery) -> None:
        """Fetch the rows that one query's points are made of."""
        step = round(query.step)
        table, column = ("rollup_10s", "last") if step and step % 10 == 0 else ("raw", "value")
        if step and step % 60 == 0:
            table = "rollup_1m"
        self._connection.execute(
            f"SELECT series, time, {column} FROM {table} WHERE series IN "
            "(SELECT id FROM series WHERE bot = ? AND (name = ? OR ? = '')) AND time BETWEEN ? AND ?",
            (query.bot, query.metric, query.metric, query.start * 1000, query.end * 1000),
        ).fetchall()

    def newest(self, since: float) -> None:
        """Fetch the newest row of every series."""
        self._connection.execute(
            "SELECT name, labels, time, value FROM latest JOIN series ON id = series WHERE time >= ?",
            (since * 1000,),
        ).fetchall()


class BareRequests:
    """HTTP requests to VictoriaMetrics, whose answers are left as they come."""

    name = "a bare HTTP request"

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def chart(self, query: SeriesQuery) -> None:
        """Ask for one query's points."""
        name = f'__name__="{query.metric}"' if query.metric else '__name__=~"bot_.*"'
        selector = f'{{{name},bot="{query.bot}",fleet="{FLEET}"}}'
        between = {"start": f"{query.start:.3f}", "end": f"{query.end:.3f}"}
        if not query.step:
            self._get("/api/v1/export", {"match[]": selector, **between})
            return
        expression = f"last_over_time({selector}[{query.step:g}s]) keep_metric_names"
        step = {"step": f"{query.step:g}s", "nocache": "1"}
        self._get("/api/v1/query_range", {"query": expression, **step, **between})

    def newest(self, since: float) -> None:
        """Ask for the newest value of everything, and for when it came."""
        selector = f'{{__name__=~"bot_.*",fleet="{FLEET}"}}[{time.time() - since:.0f}s]'
        for function in ("last_over_time", "tlast_over_time"):
            expression = f"{function}({selector}) keep_metric_names"
            self._get("/api/v1/query", {"query": expression, "nocache": "1"})

    def _get(self, path: str, parameters: dict[str, str]) -> None:
        self._client.get(path, params=parameters).raise_for_status()
