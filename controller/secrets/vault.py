"""Secrets in Vault, or OpenBao: the key-value engine, version 2, over its HTTP API.

The service signs in with a token, or with an AppRole whose token it asks for again when that is refused.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from schemas.errors import SecretStoreDown, SecretUnavailable, UsageError

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """How to reach a Vault, and who we are there."""

    address: str
    token: str = field(default="", repr=False)
    role: str = ""
    role_secret: str = field(default="", repr=False)
    namespace: str = ""
    verify: str | bool = True


def vault_settings(environment: Mapping[str, str] | None = None) -> VaultSettings | None:
    """Return the settings in the environment, None where there is no VAULT_ADDR. Raises UsageError.

    Each of VAULT_TOKEN, VAULT_ROLE_ID and VAULT_SECRET_ID may be in a file: with `_FILE` after its name.
    """
    own = dict(os.environ if environment is None else environment)
    address = own.get("VAULT_ADDR", "")
    if not address:
        return None
    if urlsplit(address).scheme not in ("http", "https"):
        raise UsageError(f'VAULT_ADDR "{address}" is no address: it begins with https://')
    names = ("VAULT_TOKEN", "VAULT_ROLE_ID", "VAULT_SECRET_ID")
    token, role, role_secret = (_given(own, name) for name in names)
    if not token and not (role and role_secret):
        raise UsageError("VAULT_ADDR is set: give VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, as well")
    verify = own.get("VAULT_CACERT") or True
    return VaultSettings(
        address.rstrip("/"), token, role, role_secret, own.get("VAULT_NAMESPACE", ""), verify
    )


def _given(own: Mapping[str, str], name: str) -> str:
    file = own.get(f"{name}_FILE")
    if not file:
        return own.get(name, "")
    try:
        return Path(file).read_text().strip()
    except OSError as error:
        raise UsageError(f"{name}_FILE {file} cannot be read: {error.strerror}") from None


class Vault:
    """Reads one Vault; used from several threads."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._token = settings.token
        self._lock = threading.Lock()

    def read(self, place: str, key: str) -> str:
        """Return a key of the newest version at `MOUNT/PATH`. Raises SecretUnavailable, SecretStoreDown."""
        mount, _, path = place.partition("/")
        document = self._get(f"{quote(mount)}/data/{quote(path, safe='/')}", place)
        data = (document.get("data") or {}).get("data") or {}
        if key not in data:
            names = ", ".join(sorted(data)) or "none"
            raise SecretUnavailable(f'Vault\'s secret has no key "{key}"', f"it has {names}")
        value = data[key]
        if isinstance(value, dict | list) or value is None:
            raise SecretUnavailable(f'Vault\'s key "{key}" holds no single value')
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _get(self, path: str, place: str) -> dict[str, Any]:
        token = self._token or self._sign_in("")
        answer = self._send("GET", path, token)
        if answer.status_code == 403 and self._settings.role:
            answer = self._send("GET", path, self._sign_in(token))
        if answer.status_code == 404:
            raise SecretUnavailable(f"Vault has nothing at {place}", "the path is MOUNT/PATH, without data/")
        if answer.status_code == 403:
            raise SecretUnavailable(f"herdsman's Vault token may not read {place}")
        if answer.status_code != 200:
            raise SecretStoreDown(f"Vault answers {answer.status_code}: it may be sealed or starting")
        document: dict[str, Any] = answer.json()
        return document

    def _sign_in(self, refused: str) -> str:
        """Return a token by the AppRole, unless another thread has brought one since `refused` was."""
        with self._lock:
            if self._token and self._token != refused:
                return self._token
            body = {"role_id": self._settings.role, "secret_id": self._settings.role_secret}
            answer = self._send("POST", "auth/approle/login", "", body)
            if answer.status_code in (400, 403):
                raise SecretUnavailable("Vault refuses herdsman's AppRole: VAULT_ROLE_ID, VAULT_SECRET_ID")
            if answer.status_code != 200:
                raise SecretStoreDown(f"Vault answers {answer.status_code}: it may be sealed or starting")
            self._token = str((answer.json().get("auth") or {}).get("client_token", ""))
            return self._token

    def _send(self, method: str, path: str, token: str, body: object = None) -> httpx.Response:
        headers = {"X-Vault-Request": "true"}
        headers |= {"X-Vault-Token": token} if token else {}
        headers |= {"X-Vault-Namespace": self._settings.namespace} if self._settings.namespace else {}
        url = f"{self._settings.address}/v1/{path}"
        try:
            return httpx.request(
                method, url, headers=headers, json=body, timeout=_TIMEOUT, verify=self._settings.verify
            )
        except httpx.HTTPError as error:
            raise SecretStoreDown(f"Vault does not answer ({type(error).__name__})") from None
