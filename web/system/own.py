"""The parts that every process with a web service has: itself, its answers, its streams."""

import asyncio
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

from telemetry.names import Health
from web.documents.system import SystemFact, SystemPart
from web.system.health import Probe
from web.system.rates import Rate

_MANY_FILES = 0.8
"""Share of the open files allowed, above which it is told as a warning."""


def count_process(health: Health) -> None:
    """Have `/metrics` tell of this process."""
    health.reads("herdsman_process_memory_bytes", lambda: memory() or 0.0)
    health.reads("herdsman_process_cpu_seconds_total", time.process_time)
    health.reads("herdsman_process_open_files", lambda: float(open_files()))


def process_probe(started_at: float, clock: Callable[[], float] = time.time) -> Probe:
    """Return what tells of this process: CPU, memory, files, threads."""
    cpu = Rate(lambda: time.process_time())

    async def probe() -> SystemPart:
        files, most = open_files(), resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        share = cpu()
        full = most > 0 and files > _MANY_FILES * most
        return SystemPart(
            "process",
            "warning" if full else "ok",
            f"{files} of {most} files are open" if full else f"Python {platform.python_version()}",
            "raise the limit of open files (ulimit -n, or LimitNOFILE= of its systemd unit)" if full else "",
            facts=[
                SystemFact("up", clock() - started_at, "s"),
                SystemFact("CPU", None if share is None else share * 100, "percent", "of one core"),
                SystemFact("memory", memory(), "bytes", "resident"),
                SystemFact("open files", float(files), "", f"of {most}"),
                SystemFact("tasks", float(len(asyncio.all_tasks()))),
                SystemFact("machine", f"{platform.node()}, {os.cpu_count()} cores, {platform.system()}"),
            ],
        )

    return probe


def live_probe(health: Health) -> Probe:
    """Return what tells of the live channel."""
    messages = Rate(lambda: health.value("herdsman_live_messages_total"))

    async def probe() -> SystemPart:
        viewers = health.value("herdsman_live_subscribers")
        slow = health.value("herdsman_live_resets_total", reason="slow")
        return SystemPart(
            "live",
            "ok",
            f"{viewers:.0f} {'page or client follows' if viewers == 1 else 'pages and clients follow'} it",
            facts=[
                SystemFact("viewers", viewers),
                SystemFact("messages", messages(), "per_second"),
                SystemFact("dropped", slow, "", "readers that did not keep up and fetched anew"),
                SystemFact("resumed too late", health.value("herdsman_live_resets_total", reason="unknown")),
            ],
        )

    return probe


def web_probe(health: Health) -> Probe:
    """Return what tells of the answers to requests."""
    answered = Rate(lambda: _requests(health)[0])

    async def probe() -> SystemPart:
        total, failed, seconds = _requests(health)
        return SystemPart(
            "web",
            "ok",
            "requests are answered" if total else "no request was answered yet",
            facts=[
                SystemFact("requests", answered(), "per_second"),
                SystemFact("since the start", total),
                SystemFact("mean time", seconds / total if total else None, "s"),
                SystemFact("failed", failed, "", "answers of 500 and above since the start"),
            ],
        )

    return probe


def _requests(health: Health) -> tuple[float, float, float]:
    """Return how many requests were answered, how many failed, and their seconds."""
    rows = health.registry.counter_rows("herdsman_http_requests_total")
    total = sum(rows.values())
    failed = sum(number for labels, number in rows.items() if dict(labels).get("status", "") >= "500")
    return total, failed, health.histogram("herdsman_http_request_seconds").total()


def open_files() -> int:
    """Return how many files this process holds open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def memory() -> float | None:
    """Return the resident bytes of this process, None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return float(pages * resource.getpagesize())
