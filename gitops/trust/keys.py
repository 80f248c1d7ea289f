"""The keys that signatures are checked with, apart from every key that the user or the machine knows."""

import hashlib
import os
import shutil
import threading
from pathlib import Path

from gitops.process import CommandTimedOut, git_environment, plain_environment, run
from schemas.errors import SourceUnavailable
from schemas.trust_policy import TrustedKeys

_GPG_TIMEOUT = 60.0
_SETTINGS = "trust-model always\nno-auto-key-locate\nno-auto-key-retrieve\nno-greeting\n"
_ENDINGS = (".asc", ".gpg", ".pgp", ".key")
_lock = threading.Lock()


def verifying_environment(keys: TrustedKeys, folder: Path) -> dict[str, str]:
    """Return what git is run with to check signatures by these keys alone; blocks.

    `folder` is ours: the OpenPGP keyring is made in it, anew whenever the folder of keys has changed. Raises
    SourceUnavailable where keys cannot be read: nothing is trusted then.
    """
    for path in (keys.allowed_signers, keys.revoked):
        if path is not None and not os.access(path, os.R_OK):
            raise SourceUnavailable(f"the trust policy's key file {path} cannot be read")
    settings = {
        "gpg.ssh.allowedSignersFile": str(keys.allowed_signers or os.devnull),
        "gpg.program": shutil.which("gpg") or "gpg",
        "gpg.ssh.program": shutil.which("ssh-keygen") or "ssh-keygen",
        "gpg.x509.program": "false",
        "log.showSignature": "false",
        "core.quotePath": "false",
    }
    if keys.revoked is not None:
        settings["gpg.ssh.revocationFile"] = str(keys.revoked)
    found = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_NO_REPLACE_OBJECTS": "1"}
    for number, (key, value) in enumerate(settings.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return git_environment({**found, "GNUPGHOME": str(_keyring(keys.keyring, folder))})


def _keyring(source: Path | None, folder: Path) -> Path:
    """Return a GnuPG home with the keys of a folder, and no others."""
    files = _files(source) if source is not None else []
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    home = folder / f"keyring-{digest.hexdigest()[:16]}"
    with _lock:
        if not (home / "gpg.conf").exists():
            _make(files, home)
    return home


def _files(source: Path) -> list[Path]:
    try:
        return sorted(path for path in source.iterdir() if path.suffix in _ENDINGS)
    except OSError as error:
        raise SourceUnavailable(f"the trust policy's keyring {source} cannot be read: {error}") from error


def _make(files: list[Path], home: Path) -> None:
    """Make a keyring that holds exactly these keys: OpenPGP packets, one after another.

    Nothing is imported, since that would need gpg's agent, whose socket does not work in every folder.
    """
    for old in home.parent.glob("keyring-*"):
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir(parents=True, mode=0o700)
    if files:
        (home / "pubring.gpg").write_bytes(b"".join(_packets(file, home) for file in files))
        if b"pub:" not in _gpg(home, "--with-colons", "--list-keys"):
            raise SourceUnavailable(f"the trust policy's keyring {files[0].parent} holds no OpenPGP key")
    (home / "gpg.conf").write_text(_SETTINGS)  # written last: without it the keyring is made again


def _packets(file: Path, home: Path) -> bytes:
    content = file.read_bytes()
    return _gpg(home, "--dearmor", stdin=content) if content.startswith(b"-----BEGIN") else content


def _gpg(home: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    how = ("--batch", "--no-tty", "--quiet", "--no-autostart", "--no-auto-check-trustdb")
    command: list[str | Path] = ["gpg", "--homedir", home, *how, *arguments]
    try:
        done = run(command, environment=plain_environment(), stdin=stdin, timeout=_GPG_TIMEOUT)
    except FileNotFoundError as error:
        raise SourceUnavailable(
            "the trust policy names OpenPGP keys, and gpg is not installed: apt-get install gnupg"
        ) from error
    except CommandTimedOut as error:
        raise SourceUnavailable(f"the OpenPGP keys could not be read: {error}") from error
    if done.code != 0:
        raise SourceUnavailable(f"the OpenPGP keys could not be read: {done.text}")
    return done.stdout
