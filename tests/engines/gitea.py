"""A real forge for tests: Gitea on a free loopback port, with one person, her token and one repository."""

import contextlib
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.engines.ports import free_ports
from tests.engines.processes import answers, engine, launch, wait_ready

USER = "desk"
_SETTINGS = """\
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
RUN_MODE = prod
WORK_PATH = {folder}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = {engine}
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = false
[cron]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
LEVEL = Warn
"""


@dataclass(frozen=True)
class GiteaServer:
    """A running forge. `token` may do everything to the repositories of `desk`."""

    url: str
    token: str

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask its API directly, as the other side of what a test looks at."""
        answer = httpx.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"token {self.token}"},
            trust_env=False,
            timeout=120,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def open_pull_request(self, name: str, branch: str) -> int:
        """Ask for a pushed branch to be merged; Gitea takes note of branches behind a push's answer."""
        asked = {"head": branch, "base": "main", "title": branch}
        until = time.monotonic() + 120
        while True:
            try:
                return int(self.api("POST", f"/repos/{USER}/{name}/pulls", asked)["number"])
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 404:
                    raise
                assert time.monotonic() < until, f"Gitea never heard of the branch {branch}"
            time.sleep(0.1)

    def make_repository(self, name: str) -> str:
        """Make an empty repository and return the URL to push to it."""
        self.api("POST", "/user/repos", {"name": name, "default_branch": "main"})
        return f"{self.url.replace('//', f'//{USER}:{self.token}@')}/{USER}/{name}.git"


@contextlib.contextmanager
def gitea() -> Iterator[GiteaServer]:
    """Run one for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="gitea-"))
    (port,) = free_ports(1)
    program = engine("gitea")
    settings = folder / "app.ini"
    secret = secrets.token_hex(16)
    settings.write_text(_SETTINGS.format(folder=folder, port=port, engine=program.resolve(), secret=secret))
    command = [str(program / "gitea"), "-c", str(settings)]
    made = [*command, "admin", "user", "create", "--username", USER, "--email", "desk@example.org", "--admin"]
    made += ["--password", secrets.token_hex(12), "--must-change-password=false", "--access-token"]
    environment = {"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run([*command, "migrate"], check=True, capture_output=True, env=environment)
    said = subprocess.run(made, check=True, capture_output=True, text=True, env=environment).stdout
    url = f"http://127.0.0.1:{port}"
    process = launch([*command, "web"], folder / "server.log", environment)
    try:
        wait_ready(process, lambda: answers(f"{url}/api/v1/version"), "gitea")
        yield GiteaServer(url, said.strip().split()[-1])
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)
