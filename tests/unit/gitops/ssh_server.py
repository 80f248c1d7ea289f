"""A real sshd for tests, as the current user on a free port of loopback, with keys of its own."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engines.ports import free_port

ENGINES = Path(__file__).parents[3] / ".engines" / "bin"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:{ENGINES}")


@dataclass(frozen=True)
class SshServer:
    """A running server: its port, a known_hosts file with its key, and a private key that it lets in."""

    port: int
    known_hosts: Path
    key: Path

    def url(self, path: Path) -> str:
        """Return the URL of a repository on this machine."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"


def make_key(path: Path, passphrase: str = "") -> Path:
    """Make a key pair."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Run sshd until the block ends."""
    assert SSHD, "the tests of ssh sources need sshd: make engines"
    folder.mkdir()
    folder.chmod(0o700)
    host, key = make_key(folder / "host"), make_key(folder / "client")
    shutil.copy(f"{key}.pub", folder / "authorized_keys")
    port = free_port()
    settings = f"""
        ListenAddress 127.0.0.1:{port}
        HostKey {host}
        AuthorizedKeysFile {folder}/authorized_keys
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
    """
    (folder / "sshd_config").write_text(settings)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # privilege separation's empty folder
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {Path(f'{host}.pub').read_text()}")
    with (folder / "log").open("wb") as log:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        child = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
        try:
            _await_answer(child, port, folder / "log")
            yield SshServer(port, known, key)
        finally:
            child.terminate()
            child.wait(90)


def _await_answer(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as answer:
            answer.settimeout(5)
            if answer.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    raise AssertionError(f"sshd does not answer: {log.read_text()}")
