"""A fleet whose program uses secrets: it proves that it has them without showing them, or tells them."""

import hashlib
import os
import subprocess
from pathlib import Path

import pyrage

from tests.e2e.fleet import Fleet, write_program
from tests.e2e.service import ENGINES

TELLER = '''\
import hashlib, json, os, signal, sys, time

def main(bot_id, config):
    """Note the digests of the secrets that it has, and tell them aloud where it is asked to."""
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    names = config["names"].split(",")
    known = {name: hashlib.sha256(os.environ.get(name, "").encode()).hexdigest() for name in names}
    with open(config["record"], "a") as file:
        file.write(json.dumps({"bot": bot_id, "pid": os.getpid(), "known": known}) + "\\n")
    if config["tell"]:
        print("my key is", os.environ[names[0]])
        print(json.dumps({"level": "warn", "message": "key=" + os.environ[names[0]]}))
    if config["crash"]:
        raise RuntimeError("cannot sign in with " + os.environ[names[0]])
    while not stopping:
        print(json.dumps({"_metric": "counter", "value": 1, "timestamp": int(time.time() * 1000)}))
        time.sleep(0.2)
'''
SCHEMA = """\
{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["record", "names"],
 "properties": {"record": {"type": "string"}, "names": {"type": "string"},
                "tell": {"type": "boolean", "default": false},
                "crash": {"type": "boolean", "default": false}}}
"""
README = "# teller\n\nA test bot that has secrets, and proves it without showing them but where asked to.\n"


class Keys:
    """An age key pair in a file, and the real sops that encrypts for it."""

    def __init__(self, folder: Path, name: str = "identity") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        identity = pyrage.x25519.Identity.generate()
        self.file = folder / f"{name}.txt"
        self.file.write_text(f"# made for a test\n{identity}\n")
        self.file.chmod(0o600)
        self.recipient = str(identity.to_public())

    def sops(self, *arguments: str, text: str = "") -> str:
        """Run sops as somebody who has this key and return what it prints."""
        environment = {**os.environ, "SOPS_AGE_KEY_FILE": str(self.file), "HOME": str(self.folder)}
        command = [str(ENGINES / "sops"), "--disable-version-check", *arguments]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def encrypted(self, plain: str, kind: str = "yaml", *options: str) -> str:
        """Return what the real sops makes of a text, for this key."""
        path = self.folder / f"plain.{kind}"
        path.write_text(plain)
        try:
            return self.sops("--encrypt", "--age", self.recipient, *options, str(path))
        finally:
            path.unlink()


def digest(value: str) -> str:
    """Return what the teller notes of a value."""
    return hashlib.sha256(value.encode()).hexdigest()


def add_teller(fleet: Fleet) -> None:
    """Write the program."""
    write_program(fleet, "teller", (TELLER, SCHEMA, README))


def teller(name: str, record: Path, secrets: dict[str, str], **parameters: object) -> str:
    """Return the manifest of a bot with these secrets; `secrets` maps variables to references in YAML."""
    lines = [f"name: {name}", "type: realtime/teller", "version: 1.0.0", f"record: {record}"]
    lines += [f"names: {','.join(secrets)}", *(f"{key}: {value}" for key, value in parameters.items())]
    lines += ["herdsman:", "  healthy_after: 1s", "  restart: {first_delay: 60s}", "  secrets:"]
    return "\n".join([*lines, *(f"    {name}: {where}" for name, where in secrets.items()), ""])
