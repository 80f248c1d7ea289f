"""Keys to sign with, made for tests: SSH and OpenPGP, and a clone whose commits are signed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from gitops.process import plain_environment
from tests.unit.gitops.fleets import Clone


@dataclass(frozen=True)
class SshKey:
    """A key pair of somebody."""

    name: str
    private: Path

    @property
    def public(self) -> str:
        """Return the public half as it stands in its file."""
        return self.private.with_suffix(".pub").read_text().strip()

    @property
    def line(self) -> str:
        """Return its line of a file of allowed signers."""
        return f"{self.name} {' '.join(self.public.split()[:2])}"

    @property
    def git(self) -> tuple[str, ...]:
        """Return git's settings to sign with it."""
        return ("-c", "gpg.format=ssh", "-c", f"user.signingKey={self.private}", "-c", "commit.gpgSign=true")


def ssh_key(folder: Path, name: str) -> SshKey:
    """Make a key."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / name.replace("@", "-at-").replace(".", "-")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place], check=True)
    return SshKey(name, place)


@dataclass(frozen=True)
class OpenPgpKey:
    """A key pair in a GnuPG home of its own."""

    name: str
    home: Path

    @property
    def git(self) -> tuple[str, ...]:
        """Return git's settings to sign with it; run git with GNUPGHOME set to its home."""
        return ("-c", "gpg.format=openpgp", "-c", f"user.signingKey={self.name}", "-c", "commit.gpgSign=true")

    def gpg(self, *arguments: str, stdin: str = "") -> str:
        """Run gpg in its home."""
        command = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--quiet", *arguments]
        environment = plain_environment()
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, check=True
        )
        return done.stdout

    def export(self, file: Path) -> None:
        """Write the public half."""
        file.parent.mkdir(exist_ok=True)
        file.write_text(self.gpg("--armor", "--export", self.name))

    def close(self) -> None:
        """End the agent that gpg started."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=True)


def openpgp_key(folder: Path, name: str) -> OpenPgpKey:
    """Make a key without a passphrase; `close` it."""
    folder.mkdir(parents=True, mode=0o700)
    key = OpenPgpKey(name, folder)
    key.gpg("--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
    return key


def signed_commit(
    clone: Clone, key: SshKey | OpenPgpKey, files: dict[str, str | bytes | None], message: str = "Signed"
) -> str:
    """Write files and commit them, signed."""
    clone.write(files)
    clone.git("add", "-A")
    home = {"GNUPGHOME": str(key.home)} if isinstance(key, OpenPgpKey) else {}
    clone.git(*key.git, "commit", "-q", "--allow-empty", "-m", message, **home)
    return clone.head
