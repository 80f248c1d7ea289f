"""A real OpenBao for tests: a Vault by its API, unsealed, in memory, on a free loopback port."""

import contextlib
import json
import re
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines.ports import free_ports
from tests.engines.processes import ServerProcess, engine, launch, wait_ready

ROOT_TOKEN = "root-of-a-test"


@dataclass(frozen=True)
class OpenBao:
    """A running server; `secret/` is a key-value engine of version 2."""

    address: str
    process: ServerProcess

    def send(self, method: str, path: str, body: object = None, namespace: str = "") -> Any:
        """Send JSON to `<address>/v1/<path>` as its owner and return the answer's."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/v1/{path}", data=data, method=method)
        request.add_header("X-Vault-Token", ROOT_TOKEN)
        if namespace:
            request.add_header("X-Vault-Namespace", namespace)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")

    def put(self, path: str, values: dict[str, object], mount: str = "secret") -> None:
        """Write a further version of a secret."""
        self.send("POST", f"{mount}/data/{path}", {"data": values})

    def role(self, name: str, rules: str) -> tuple[str, str]:
        """Make an AppRole that a policy is for; return its role id and a secret id."""
        self.send("PUT", f"sys/policies/acl/{name}", {"policy": rules})
        if "approle/" not in self.send("GET", "sys/auth")["data"]:
            self.send("POST", "sys/auth/approle", {"type": "approle"})
        path = f"auth/approle/role/{name}"
        self.send("POST", path, {"token_policies": [name], "token_ttl": "1h"})
        role_id: str = self.send("GET", f"{path}/role-id")["data"]["role_id"]
        secret_id: str = self.send("POST", f"{path}/secret-id", {})["data"]["secret_id"]
        return role_id, secret_id

    def token(self, policy: str) -> str:
        """Return a token that only a policy is for."""
        body = {"policies": [policy], "no_default_policy": True}
        token: str = self.send("POST", "auth/token/create", body)["auth"]["client_token"]
        return token

    def end_sign_ins(self) -> None:
        """Revoke every token that an AppRole was given."""
        self.send("PUT", "sys/leases/revoke-force/auth/approle/login")

    @contextlib.contextmanager
    def sealed(self) -> Iterator[None]:
        """Seal it, and open it again afterwards."""
        found = re.search(r"Unseal Key: (\S+)", self.process.log.read_text())
        assert found is not None
        self.send("PUT", "sys/seal")
        try:
            yield
        finally:
            self.send("PUT", "sys/unseal", {"key": found[1]})
            wait_ready(self.process, self.is_ready, "OpenBao, opened again")

    def is_ready(self) -> bool:
        """Whether it is unsealed, and has its key-value engine."""
        with contextlib.suppress(OSError):
            return "secret/" in self.send("GET", "sys/mounts")["data"]
        return False


@contextlib.contextmanager
def openbao() -> Iterator[OpenBao]:
    """Run a development server and yield it once it is unsealed. Raises EngineMissing."""
    folder = Path(tempfile.mkdtemp(prefix="herdsman-bao-"))
    (port,) = free_ports(1)
    command = [str(engine("bao")), "server", "-dev", "-dev-no-store-token"]
    command += [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    process = launch(command, folder / "bao.log", {"HOME": str(folder)})
    server = OpenBao(f"http://127.0.0.1:{port}", process)

    try:
        wait_ready(process, server.is_ready, "OpenBao")
        yield server
    finally:
        process.stop()
        shutil.rmtree(folder, ignore_errors=True)
