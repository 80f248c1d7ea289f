"""A clone of a fleet repository: files are written, committed and pushed with the real git."""

import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.service import Service

PROGRAM = '''\
import json, os, signal, sys, time

def main(bot_id, config):
    """Log start, alive and end with the clock, to the output and to a record of its own life."""
    record = config["record"]
    stopping = []

    def note(what):
        with open(record, "a") as file:
            file.write(f"{bot_id} {os.getpid()} {what} {time.time():.6f}\\n")
            file.flush()
            os.fsync(file.fileno())

    def stop(*_):
        stopping.append(1)

    signal.signal(signal.SIGTERM, stop)
    note("start")
    print(f"{bot_id} starts with {config['text']}")
    count = config["from"]
    crash_at = time.monotonic() + config["crash_after"] if config["crash_after"] else None
    while not stopping:
        count += 1
        note("alive")
        print(json.dumps({"_metric": "counter", "value": count, "timestamp": int(time.time() * 1000)}))
        if crash_at and time.monotonic() > crash_at:
            raise RuntimeError("the feed is gone")
        time.sleep(0.2)
    # A bot cancels its orders before it ends.
    time.sleep(config["stop_takes"])
    note("end")
'''
SCHEMA = """\
{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["record"],
  "properties": {
    "record": {"type": "string"},
    "text": {"type": "string", "default": "nothing"},
    "from": {"type": "integer", "default": 0},
    "crash_after": {"type": "number", "default": 0},
    "stop_takes": {"type": "number", "default": 0.5},
    "volatility": {"type": "number", "default": 0.1}
  }
}
"""
README = "# counter\n\nA test bot that counts, and keeps a record of its own life for the tests to read.\n"


@dataclass
class Fleet:
    """A work tree with a remote called herdsman."""

    folder: Path
    service: Service

    def git(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run git here as the person of the service."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=self.service.environment(),
            timeout=max(90.0, self.service.patience),
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.folder / path).unlink()

    def commit(self, message: str) -> str:
        """Commit all there is and return the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self, *options: str, check: bool = True) -> str:
        """Push and return what git and herdsman print."""
        done = self.git("push", *options, "herdsman", "main", check=check)
        return done.stderr

    def push_refused(self) -> str:
        """Push what must be refused and return what is printed."""
        done = self.git("push", "herdsman", "main", check=False)
        assert done.returncode != 0, done.stderr
        return done.stderr


def put_text(file: Path, text: str) -> None:
    """Write a file that a bot reads meanwhile: it finds what was there before, or the whole of this."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text)
    new.replace(file)


def new_fleet(folder: Path, service: Service) -> Fleet:
    """Make an empty fleet connected to the service by `herdsman init`, with the test program in it."""
    folder.mkdir(parents=True)
    fleet = Fleet(folder, service)
    fleet.git("init", "-q", "-b", "main")
    service.run("init", str(folder), "--connect-only")
    add_program(fleet)
    return fleet


def clone_fleet(folder: Path, service: Service) -> Fleet:
    """Clone the service's fleet as a person does: with the credential helper that `herdsman init` sets up."""
    fleet = Fleet(folder, service)
    folder.mkdir(parents=True)
    fleet.git("init", "-q", "-b", "main")
    service.run("init", str(folder), "--connect-only")
    fleet.git("pull", "-q", "herdsman", "main")
    return fleet


def write_program(
    fleet: Fleet,
    name: str,
    texts: tuple[str | bytes, str, str],
    version: str = "1.0.0",
    kind: str = "realtime",
) -> None:
    """Write a program in Python of one file; `texts` are the file, its schema and its README."""
    fleet.write(
        f"programs/{name}/bot-config.yaml",
        f"""\
        name: {name}
        version: {version}
        type: {kind}
        runtime: python3.11
        entrypoints: {{bot: main.py}}
        schema: {{bot: bot-schema.json}}
        readme: README.md
        """,
    )
    for path, text in zip(("main.py", "bot-schema.json", "README.md"), texts, strict=True):
        written = text if isinstance(text, bytes) else text.encode()
        (fleet.folder / "programs" / name / path).write_bytes(written)


def add_program(fleet: Fleet, version: str = "1.0.0", kind: str = "realtime", name: str = "counter") -> None:
    """Write the counting program."""
    write_program(fleet, name, (PROGRAM, SCHEMA, README), version, kind)


def bot_text(name: str, record: Path, version: str = "1.0.0", **parameters: object) -> str:
    """Return the manifest of a counting bot that is called healthy quickly.

    No lease of it ends because the machine is slow: the bot would begin anew, which tests take for a fault.
    """
    lines = [f"name: {name}", "type: realtime/counter", f"version: {version}", f"record: {record}"]
    lines += [f"{key}: {value}" for key, value in parameters.items()]
    return "\n".join([*lines, "herdsman: {healthy_after: 2s, kill_timeout: 10s, lease: {ttl: 10m}}", ""])
