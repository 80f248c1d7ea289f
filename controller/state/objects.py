"""Saved states in an S3-compatible object store, through obstore.

Credentials come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
`AWS_ENDPOINT_URL`), from files named there (`AWS_SECRET_ACCESS_KEY_FILE`) or a role of the machine, never
from a URL. The server must know conditional writes (`If-None-Match`), as AWS S3 does.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from controller.state.store import Stored
from schemas.errors import StoreUnavailable, UsageError

_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
_TIMEOUT = timedelta(seconds=30)
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


def open_objects(address: str, environment: Mapping[str, str]) -> "ObjectStore":
    """Return the store at `s3://bucket/prefix`. Raises UsageError where the address is none."""
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f'"{parts.scheme}://{parts.hostname or ""}…" is no state store: write s3://BUCKET/PREFIX, and '
            "give credentials in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    options: dict[str, Any] = {
        name.removeprefix("AWS_").lower(): value
        for name in _SETTINGS
        if (value := _setting(environment, name))
    }
    if endpoint:
        options["endpoint"] = endpoint
    store = S3Store(
        parts.hostname,
        prefix=parts.path.strip("/") or None,
        client_options={"allow_http": endpoint.startswith("http://"), "timeout": _TIMEOUT},
        retry_config=_RETRIES,  # type: ignore[arg-type]  # a TypedDict whose other keys have defaults
        **options,
    )
    return ObjectStore(store, f"{parts.hostname}{parts.path}")


def _setting(environment: Mapping[str, str], name: str) -> str:
    """Return a setting, or the content of the file that it names with `_FILE` at its end."""
    path = environment.get(f"{name}_FILE")
    return Path(path).read_text().strip() if path else environment.get(name, "")


class ObjectStore:
    """See `StateStore`; a PUT is atomic, and creates only where nothing is."""

    def __init__(self, store: S3Store, name: str) -> None:
        self._store = store
        self._name = name

    async def create(self, key: str, data: bytes) -> bool:
        """Put an object where there is none."""
        try:
            await obstore.put_async(self._store, key, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except BaseError as error:
            raise self._unavailable(error) from None
        return True

    async def read(self, key: str) -> bytes | None:
        """Get an object."""
        try:
            answer = await obstore.get_async(self._store, key)
            return bytes(await answer.bytes_async())
        except (FileNotFoundError, NotFoundError):
            return None
        except BaseError as error:
            raise self._unavailable(error) from None

    async def find(self, prefix: str) -> list[Stored]:
        """List objects."""
        found = []
        try:
            async for page in obstore.list(self._store, prefix.rstrip("/")):
                found += [
                    Stored(one["path"], one["size"], one["last_modified"].timestamp())
                    for one in page
                    if one["path"].startswith(prefix)
                ]
        except BaseError as error:
            raise self._unavailable(error) from None
        return sorted(found, key=lambda one: one.key)

    async def delete(self, key: str) -> None:
        """Delete an object."""
        try:
            await obstore.delete_async(self._store, key)
        except (FileNotFoundError, NotFoundError):
            return
        except BaseError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        # The library's text may hold addresses with signatures in them: its kind says enough.
        return StoreUnavailable(f"the state store s3://{self._name} cannot be used ({type(error).__name__})")
