"""Writing SOPS files: what `herdsman secrets encrypt` leaves in the fleet; see `sops.py` for the form."""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

import yaml

from gitops.secrets.age import encrypt
from gitops.secrets.cipher import seal
from gitops.secrets.sops import DOTENV, PLAIN_SUFFIX, Keys, Rules, as_bytes, kind_of, walk
from schemas.errors import SecretUnavailable
from schemas.yaml_document import load_document

_VERSION = "3.9.0"
"""The version of SOPS whose form is written."""


def close_file(name: str, plain: bytes, recipients: Sequence[str], at: str) -> bytes:
    """Return a SOPS file of a plain one, for these age recipients; `at` is the moment as RFC 3339 text.

    Comments are not carried over. Raises SecretUnavailable where the file cannot be read, UsageError.
    """
    kind, key = kind_of(name), os.urandom(32)
    rules = Rules(PLAIN_SUFFIX)
    digest = hashlib.sha512()

    def leaf(value: Any, path: Keys) -> Any:
        data = as_bytes(value)
        digest.update(data)
        if not rules.encrypted(path):
            return value
        return _closed(key, data, _type_of(value), (":".join(path) + ":").encode()) if data else ""

    tree = walk(_plain_tree(kind, plain), (), leaf)
    mac = _closed(key, digest.hexdigest().upper().encode(), "str", at.encode())
    entries = [{"recipient": one, "enc": encrypt(key, [one]).decode()} for one in recipients]
    rest = {"lastmodified": at, "mac": mac, "unencrypted_suffix": PLAIN_SUFFIX, "version": _VERSION}
    return _written(kind, tree, {"age": entries, **rest})


def _plain_tree(kind: str, plain: bytes) -> Any:
    if kind == "binary":
        return {"data": plain.decode("utf-8", "surrogateescape")}
    if kind == "dotenv":
        lines = [line for line in plain.decode().split("\n") if line and not line.startswith("#")]
        return {line.partition("=")[0]: line.partition("=")[2].replace("\\n", "\n") for line in lines}
    document, errors = load_document(f"plain.{kind}", plain)
    if document is None or errors or not isinstance(document.value, dict):
        where = f" (line {errors[0].line})" if errors and errors[0].line else ""
        raise SecretUnavailable(f"it is no sound {kind} mapping{where}")
    if "sops" in document.value:
        raise SecretUnavailable("it is encrypted already")
    return document.value


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "float" if isinstance(value, float) else "str"


def _closed(key: bytes, plain: bytes, kind: str, bound: bytes) -> str:
    nonce = os.urandom(32)
    closed = seal(key, nonce, plain, bound)
    data, iv, tag = (base64.b64encode(part).decode() for part in (closed[:-16], nonce, closed[-16:]))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{kind}]"


def _written(kind: str, closed: dict[str, Any], metadata: dict[str, Any]) -> bytes:
    whole = {**closed, "sops": metadata}
    if kind == "yaml":
        return yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=4096).encode()
    if kind in ("json", "binary"):
        return (json.dumps(whole, indent="\t", ensure_ascii=False) + "\n").encode()
    flat = {f"{DOTENV}{name}": value for name, value in metadata.items() if name != "age"}
    for number, entry in enumerate(metadata["age"]):
        flat |= {f"{DOTENV}age__list_{number}__map_{name}": value for name, value in entry.items()}
    lines = [f"{name}={value}".replace("\n", "\\n") for name, value in {**closed, **flat}.items()]
    return ("\n".join(lines) + "\n").encode()
