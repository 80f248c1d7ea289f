"""Secrets in Nomad variables, read by the service with its own token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from schemas.errors import SecretStoreDown, SecretUnavailable

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class NomadVariables:
    """The variables of one namespace; `verify` is a file of certificates to trust, or True.

    `region`: "" for that of the agent which is asked.
    """

    address: str
    token: str = field(default="", repr=False)
    namespace: str = "default"
    verify: str | bool = True
    region: str = ""

    def read(self, place: str, key: str) -> str:
        """Return an item of the variable at `place`. Raises SecretUnavailable, SecretStoreDown."""
        items = self._items(place)
        if key not in items:
            names = ", ".join(sorted(items)) or "none"
            raise SecretUnavailable(f'the Nomad variable has no item "{key}"', f"it has {names}")
        return items[key]

    def _items(self, place: str) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        url = f"{self.address.rstrip('/')}/v1/var/{quote(place, safe='/~')}"
        try:
            answer = httpx.get(
                url,
                params={"namespace": self.namespace} | ({"region": self.region} if self.region else {}),
                headers=headers,
                timeout=_TIMEOUT,
                verify=self.verify,
            )
        except httpx.HTTPError as error:
            raise SecretStoreDown(f"Nomad does not answer ({type(error).__name__})") from None
        if answer.status_code == 404:
            raise SecretUnavailable(f"Nomad has no variable {place} in the namespace {self.namespace}")
        if answer.status_code == 403:
            raise SecretUnavailable(
                f"herdsman's Nomad token may not read the variable {place}",
                f'give its policy: variables {{ path "{place}" {{ capabilities = ["read"] }} }}',
            )
        if answer.status_code != 200:
            raise SecretStoreDown(f"Nomad answers {answer.status_code}")
        items = answer.json().get("Items") or {}
        return {str(name): str(value) for name, value in items.items()}
