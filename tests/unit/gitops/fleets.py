"""Real git repositories for tests: a clone that people work in, with sound files of a fleet."""

import json
import subprocess
from pathlib import Path

from gitops.process import git_environment

README = "A program that trades on a made-up market, for tests of the git side.\n"
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"symbol": {"type": "string"}, "size": {"type": "number", "default": 1}},
        "required": ["symbol"],
        "additionalProperties": False,
    }
)


def program_files(
    name: str = "maker", version: str = "1.0.0", code: str = "def main(*_): ...\n", **extra: str
):
    """Return the files of a sound program, by path."""
    manifest = (
        f"name: {name}\nversion: {version}\ntype: realtime\nruntime: python3.11\n"
        "entrypoints:\n  bot: main.py\nschema:\n  bot: bot-schema.json\nreadme: README.md\n"
    )
    files = {"bot-config.yaml": manifest, "bot-schema.json": SCHEMA, "README.md": README, "main.py": code}
    return {f"programs/{name}/{path}": text for path, text in {**files, **extra}.items()}


def bot_file(name: str, program: str = "maker", version: str = "1.0.0", **keys: object) -> str:
    """Return a sound instance as YAML."""
    facts = {"symbol": "BTC/USDT", **keys}
    lines = [f"name: {name}", f"type: realtime/{program}", f"version: {version}"]
    return "\n".join([*lines, *(f"{key}: {json.dumps(value)}" for key, value in facts.items())]) + "\n"


class Clone:
    """A work tree in which somebody edits a fleet, commits and pushes."""

    def __init__(self, path: Path, branch: str = "main") -> None:
        self.path = path
        self.branch = branch
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", branch)

    def git(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run git here as a person with a name."""
        who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
        who |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=git_environment({**who, **environment}),
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def write(self, files: dict[str, str | bytes | None]) -> None:
        """Write files by path; None removes one."""
        for path, content in files.items():
            place = self.path / path
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, files: dict[str, str | bytes | None] | None = None, message: str = "Change") -> str:
        """Write files, commit everything, and return the commit's id."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        """Return the id of the commit that is checked out."""
        return self.git("rev-parse", "HEAD").stdout.strip()

    @property
    def store(self) -> Path:
        """Return the folder of its objects."""
        return self.path / ".git"

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        place = self.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
