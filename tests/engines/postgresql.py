"""A real PostgreSQL for tests: a free loopback port, its own data folder, a password, nothing left behind."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.engines.ports import free_ports
from tests.engines.processes import ServerProcess, engine, launch, wait_ready

USER = "herdsman"
SETTINGS = (
    "-c listen_addresses=127.0.0.1",
    "-c unix_socket_directories=",
    "-c fsync=off",
    "-c max_connections=200",
    "-c timezone=UTC",
)


@dataclass
class PostgreSQL:
    """A running server; it can be killed and started again on the same port and data."""

    folder: Path
    port: int
    password: str
    process: ServerProcess = field(init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(engine("postgres")), "-D", str(self.folder / "data"), f"-p{self.port}"]
        command += [part for setting in SETTINGS for part in setting.split(" ", 1)]
        self.process = launch(command, self.folder / "server.log", user=_account())
        wait_ready(self.process, self._answers, "PostgreSQL")

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.signal(signal.SIGQUIT)
        self.process.process.wait()

    def stop(self) -> None:
        """End it, and its connections with it."""
        if self.process.alive():
            self.process.signal(signal.SIGINT)
        self.process.stop()

    def address(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.address(name)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.address(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _account() -> str | None:
    """Return who the server runs as: it refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run one for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    password = secrets.token_hex(16)
    secret = folder / "password"
    secret.write_text(f"{password}\n")
    account = _account()
    if account:
        for path in (folder, secret):
            shutil.chown(path, account)
    initdb = engine("postgres").resolve().parent / "initdb"
    command = [str(initdb), "-D", str(folder / "data"), "-U", USER, "-A", "scram-sha-256", "--no-sync"]
    command += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
    subprocess.run(command, check=True, capture_output=True, user=account, cwd="/")
    server = PostgreSQL(folder, free_ports(1)[0], password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
