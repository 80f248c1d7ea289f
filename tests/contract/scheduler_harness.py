"""What the scheduler contract suite needs of a scheduler under test, and the bots that it runs there."""

import asyncio
import hashlib
import io
import json
import os
import signal
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cli.service.scheduling import local_interpreter
from controller.schedulers.local import LocalScheduler
from controller.schedulers.protocol import Launch, ObservedBot, Phase, Scheduler, SchedulerEvent
from gitops.bundle import Bundle
from schemas.bot import BotSpec, BotType, Mode, ProgramVersion
from schemas.reports import LauncherReport

BOT = '''\
"""A bot that keeps a record of its life, and ends in the way it is told to."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main(bot_id, config):
    with open(config["record"], "a", buffering=1) as record:
        def note(what):
            record.write(f"{bot_id} {os.getpid()} {what} {time.time()}\\n")

        note("start")
        WAYS[config["way"]](note, config)
        note("end")


def live(note, config):
    """Live until SIGTERM, then put things in order."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    print(json.dumps({"_metric": "price", "symbol": "X", "value": 1.5}), flush=True)
    print("it works", file=sys.stderr, flush=True)
    while not asked:
        note("alive")
        time.sleep(0.02)
    time.sleep(0.2)


def stubborn(note, config):
    """Do not listen to SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        note("alive")
        time.sleep(0.02)


def count(note, config):
    """Count the starts in the state folder, then live."""
    file = Path(os.environ["STATE_DIR"], "starts.json")
    starts = json.loads(file.read_text()) if file.exists() else 0
    file.write_text(json.dumps(starts + 1))
    live(note, config)


def parent(note, config):
    """Have a child in a session of its own that does not listen to SIGTERM, then live."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    Path(config["record"] + ".child").write_text(str(child))
    live(note, config)


def tell(note, config):
    """Write down what it was given, then live."""
    given = {"environment": dict(os.environ), "config": config, "arguments": sys.argv, "folder": os.getcwd()}
    part = Path(config["record"] + ".part")
    part.write_text(json.dumps(given))
    part.replace(config["record"] + ".given")
    live(note, config)


def crash(note, config):
    """Fail like any program."""
    note("end")
    raise ValueError("a wrong turn")


def leave(status):
    """Leave a result as the SDK does."""
    path = Path("/" + os.environ["CODE_MOUNT_DIR"], "result.json")
    path.write_text(json.dumps({"status": status, "message": f"it was {status}", "data": {"traded": 3}}))


def success(note, config):
    leave("success")


def error(note, config):
    leave("error")
    note("end")
    sys.exit(1)


WAYS = {
    "live": live,
    "stubborn": stubborn,
    "count": count,
    "parent": parent,
    "tell": tell,
    "crash": crash,
    "success": success,
    "error": error,
}
'''

QUERY = '''\
"""A query program as the public SDK has them: one answer to a file, or a server on the query port."""

import http.server
import json
import os
import sys
import time
from pathlib import Path

STATE = Path(os.environ["STATE_DIR"])


def answer(path, params):
    if path == "/state":
        return {"files": {one.name: one.read_text() for one in sorted(STATE.iterdir())}, "params": params}
    if path == "/write":
        (STATE / "starts.json").write_text("99")
        (STATE / "new.json").write_text("1")
        return "written"
    if path == "/large":
        return "x" * (2 << 20)
    if path == "/environment":
        return dict(os.environ)
    if path == "/slow":
        time.sleep(60)
    raise ValueError(f"no luck with {path}")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        params = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            code, document = 200, {"status": "ok", "data": answer(self.path, params)}
        except ValueError as error:
            import traceback

            traceback.print_exc()
            code, document = 500, {"status": "error", "error": str(error)}
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())


if "QUERY_PATH" in os.environ:
    data = answer(os.environ["QUERY_PATH"], json.loads(os.environ["QUERY_PARAMS"]))
    Path(os.environ["HERDSMAN_QUERY_RESULT"]).write_text(json.dumps({"status": "ok", "data": data}))
else:
    port = int(os.environ["THE0_QUERY_PORT"])
    http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler).serve_forever()
'''


def bundle(folder: Path, files: dict[str, str], links: dict[str, str] | None = None) -> Bundle:
    """Pack files (executable), and links by their targets, into a bundle in a folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    path = folder / f"{digest}.tar.gz"
    path.write_bytes(content.getvalue())
    return Bundle(f"tree-{digest[:8]}", digest, path, len(content.getvalue()))


class SchedulerHarness(Protocol):
    """A scheduler under test and what may be done to it from outside; the suite does the rest."""

    scheduler: Scheduler
    fleet: str
    work: Path
    """A folder that test bots may write into."""

    async def store(self, content: Bundle) -> None:
        """Make a bundle known to whatever serves it to the nodes."""
        ...

    def logs(self, allocation: str) -> Path:
        """Return the folder `<allocation>/alloc` of a placement."""
        ...

    def state(self, name: str) -> Path:
        """Return a bot's state folder."""
        ...

    async def kill_launcher(self, name: str) -> None:
        """Kill a bot's launcher with SIGKILL, as an accident would."""
        ...

    async def add_foreign(self, name: str) -> Callable[[], Awaitable[bool]]:
        """Put a job of somebody else there; the answer says whether it is untouched."""
        ...


class Fleet:
    """The bots of one test: makes launches, and waits for what becomes of them."""

    def __init__(self, harness: SchedulerHarness) -> None:
        self.harness = harness
        self.scheduler = harness.scheduler
        self.record = harness.work / "record"

    async def launch(
        self,
        name: str,
        way: str = "live",
        *,
        digest: str = "one",
        schedule: str = "",
        parameters: dict[str, Any] | None = None,
        queried: bool = False,
        **settings: Any,
    ) -> Launch:
        """Return the launch of a test bot that goes one way."""
        files = {"main.py": BOT} | ({"query.py": QUERY} if queried else {})
        code = bundle(self.harness.work, files)
        await self.harness.store(code)
        kind = BotType.SCHEDULED if schedule else BotType.REALTIME
        program = ProgramVersion(
            *("tester", "1.0.0", kind, "python3.11", "main.py"),
            *("query.py" if queried else "", "programs/tester", code.key),
        )
        config = {"name": name, "record": str(self.record), "way": way, **(parameters or {})}
        text = json.dumps(config, ensure_ascii=False)
        spec = BotSpec(
            name, program, Mode.DRY, True, text, f"bots/{name}.yaml", digest, schedule=schedule,
            **{"kill_timeout": 5.0, **settings},
        )  # fmt: skip
        return Launch(spec, "0" * 40, code)

    async def start(self, name: str, way: str = "live", **settings: Any) -> str:
        """Apply a new bot, wait until its launcher reports the start, and return its token."""
        token = await self.scheduler.apply(await self.launch(name, way, **settings), None)
        await self.report(name, "started")
        return token

    async def seen(self, name: str) -> ObservedBot:
        """Return a bot that must be there."""
        bot = await self.scheduler.observe_bot(name)
        assert bot is not None
        return bot

    async def phase(self, name: str, *phases: Phase) -> ObservedBot:
        """Wait until a bot is in one of the phases."""
        return await until(lambda: self._in_phase(name, phases))

    async def _in_phase(self, name: str, phases: tuple[Phase, ...]) -> ObservedBot | None:
        bot = await self.scheduler.observe_bot(name)
        return bot if bot is not None and bot.phase in phases else None

    async def reports(self, name: str) -> list[LauncherReport]:
        """Return all that the launchers of a bot's current placement have reported."""
        bot = await self.scheduler.observe_bot(name)
        if bot is None or not bot.allocation:
            return []
        lines = self.lines(bot.allocation, "launcher")
        return [msgspec.convert(json.loads(line), LauncherReport) for line in lines]

    async def report(self, name: str, kind: str, count: int = 1, **fields: Any) -> list[LauncherReport]:
        """Wait until there are so many reports of a kind (with these fields), and return them."""

        async def enough() -> list[LauncherReport] | None:
            found = [
                report
                for report in await self.reports(name)
                if report.kind == kind and all(getattr(report, key) == value for key, value in fields.items())
            ]
            return found if len(found) >= count else None

        return await until(enough)

    def lines(self, allocation: str, stream: str) -> list[str]:
        """Return the whole lines that a placement's stream has so far."""
        folder = self.harness.logs(allocation) / "logs"
        files = sorted(folder.glob(f"bot.{stream}.*")) if folder.is_dir() else []
        text = "".join(file.read_text() for file in files)
        return text[: text.rfind("\n") + 1].splitlines()

    def marks(self, name: str) -> list[tuple[int, str]]:
        """Return the process id and the word of each line of a bot's own record."""
        # The last line may be half written.
        lines = self.record.read_text().split("\n")[:-1] if self.record.exists() else []
        fields = [line.split() for line in lines]
        return [(int(pid), what) for bot, pid, what, _ in fields if bot == name]

    async def marked(self, name: str, what: str, count: int = 1) -> list[int]:
        """Wait until a bot noted a word so often, and return the process ids."""

        async def enough() -> list[int] | None:
            found = [pid for pid, word in self.marks(name) if word == what]
            return found if len(found) >= count else None

        return await until(enough)

    async def lived(self, name: str, count: int) -> list[int]:
        """Wait until a bot's start of that number is over, so that it heeds signals; return all ids."""

        async def enough() -> list[int] | None:
            marks = self.marks(name)
            starts = [number for number, (_, word) in enumerate(marks) if word == "start"]
            if len(starts) < count:
                return None
            pid, _ = marks[starts[count - 1]]
            return [marks[one][0] for one in starts] if (pid, "alive") in marks[starts[count - 1] :] else None

        return await until(enough)


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 180.0) -> Any:
    """Wait for a condition, and return what it found."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")


def alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class LocalHarness:
    """The local scheduler, in a folder of its own."""

    def __init__(self, folder: Path, fleet: str = "", secrets_key: bytes = b"") -> None:
        self._secrets_key = secrets_key
        self.fleet = fleet or f"test-{os.urandom(4).hex()}"
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        self.root = folder / "local"
        self.cache = folder / "cache"
        self.scheduler = self.make()

    def make(self) -> LocalScheduler:
        """Return a scheduler over the same folder, as a later life of herdsman has it."""
        return LocalScheduler(
            self.root,
            self.fleet,
            cache=self.cache,
            python=local_interpreter,
            secrets_key=self._secrets_key,
        )

    async def store(self, content: Bundle) -> None:
        """Nothing serves bundles here: they are unpacked from where they are."""

    def logs(self, allocation: str) -> Path:
        return self.root / "allocations" / allocation / "alloc"

    def state(self, name: str) -> Path:
        return self.root / "state" / self.fleet / name

    async def kill_launcher(self, name: str) -> None:
        bot = await self.scheduler.observe_bot(name)
        assert bot is not None
        lines = (self.logs(bot.allocation) / "logs" / "bot.launcher.0").read_text().splitlines()
        os.kill(json.loads(lines[-1])["launcher_pid"], signal.SIGKILL)

    async def add_foreign(self, name: str) -> Callable[[], Awaitable[bool]]:
        path = self.root / "jobs" / f"{name}.json"
        path.write_text('{"somebody": "else"}')

        async def untouched() -> bool:
            return path.read_text() == '{"somebody": "else"}'

        return untouched


@asynccontextmanager
async def listening_to(scheduler: Scheduler) -> AsyncIterator["asyncio.Queue[SchedulerEvent]"]:
    """Yield the scheduler's events, read by a task all the time, as the controller does."""
    queue: asyncio.Queue[SchedulerEvent] = asyncio.Queue()

    async def read() -> None:
        async for event in scheduler.events():
            queue.put_nowait(event)

    task = asyncio.create_task(read())
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def local_harness(folder: Path, secrets_key: bytes = b"") -> AsyncIterator[LocalHarness]:
    """Open the local scheduler, and leave no process behind."""
    harness = LocalHarness(folder, secrets_key=secrets_key)
    await harness.scheduler.open()
    try:
        yield harness
    finally:
        await harness.scheduler.close()
