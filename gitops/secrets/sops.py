"""SOPS files with age keys: opened as `sops` does, without it.

A file has one data key of 32 bytes, which stands in it encrypted for each recipient. Each value is
`ENC[AES256_GCM,data:..,iv:..,tag:..,type:..]` with its path (keys joined by ":", without places in lists, and
one more ":") as additional data, so that no value can be moved to another key. A MAC over all values, sealed
with the moment of the last change as additional data, tells that none was added, removed or mixed in.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitops.secrets.age import Identities
from gitops.secrets.cipher import NotAuthentic, unseal
from schemas.errors import SecretUnavailable
from schemas.regular_expressions import InvalidPattern, matches
from schemas.suggestions import nearest
from schemas.yaml_document import load_document

KINDS = ("yaml", "json", "dotenv", "binary")
_ENDINGS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".env": "dotenv"}
_VALUE = re.compile(r"ENC\[AES256_GCM,data:([^,]*),iv:([^,]+),tag:([^,]+),type:(\w+)\]")
_ONLY_ENCRYPTED = bytes.fromhex("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69")
"""What the MAC begins with in files whose MAC covers encrypted values alone."""
PLAIN_SUFFIX = "_unencrypted"
"""Values under keys that end so stay plain, where a file has no other rule."""
DOTENV = "sops_"
_WRONG_MAC = "its MAC is wrong: values were added, removed or changed without sops"
Keys = tuple[str, ...]


def is_sops(content: bytes) -> bool:
    """Tell whether a file looks like one of SOPS."""
    return b"ENC[AES256_GCM," in content and b"sops" in content


def kind_of(name: str) -> str:
    """Return how SOPS reads a file of this name."""
    return next((kind for end, kind in _ENDINGS.items() if name.endswith(end)), "binary")


@dataclass(frozen=True, slots=True)
class Rules:
    """Which values are encrypted, and what the MAC covers."""

    unencrypted_suffix: str = ""
    encrypted_suffix: str = ""
    unencrypted_regex: str = ""
    encrypted_regex: str = ""
    only_encrypted: bool = False

    def encrypted(self, path: Keys) -> bool:
        """Say whether the value at a path is encrypted."""
        verdict = True
        if self.unencrypted_suffix and any(part.endswith(self.unencrypted_suffix) for part in path):
            verdict = False
        if self.encrypted_suffix:
            verdict = any(part.endswith(self.encrypted_suffix) for part in path)
        if self.unencrypted_regex and any(matches(self.unencrypted_regex, part) for part in path):
            verdict = False
        if self.encrypted_regex:
            verdict = any(matches(self.encrypted_regex, part) for part in path)
        return verdict


@dataclass(frozen=True, slots=True)
class Opened:
    """What a SOPS file holds, decrypted; never shown."""

    value: Any = field(repr=False)
    binary: bool = False

    def find(self, key: str) -> str:
        """Return the text at a key: `a.b` for one inside another, "" for all. Raises SecretUnavailable."""
        if not key:
            return self._whole()
        found = self.value
        if isinstance(found, dict) and key in found:
            return _text(found[key], key)
        for part in key.split("."):
            if isinstance(found, dict) and part in found:
                found = found[part]
            elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            else:
                raise SecretUnavailable(f'it has no key "{key}"', _near(key, self.value))
        return _text(found, key)

    def _whole(self) -> str:
        if not self.binary:
            raise SecretUnavailable('it has several values: name one with "key"', _near("", self.value))
        return _text(self.value.get("data"), "data")


def _near(key: str, value: Any) -> str | None:
    """Return the file's keys for people: names, never values."""
    names = [name for name, _ in _leaves(value)]
    return nearest(key, names) or (f"it has {', '.join(names[:8])}" if names else None)


def _leaves(value: Any, under: str = "") -> Iterator[tuple[str, Any]]:
    pairs: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, item in pairs:
        full = f"{under}.{name}" if under else str(name)
        if isinstance(item, dict | list):
            yield from _leaves(item, full)
        else:
            yield full, item


def _text(value: Any, key: str) -> str:
    if isinstance(value, dict | list) or value is None:
        raise SecretUnavailable(f'its key "{key}" holds no single value')
    return _plain(value)


def open_file(name: str, content: bytes, identities: Identities) -> Opened:
    """Return what a SOPS file holds. Raises SecretUnavailable, without a value in its text."""
    kind = kind_of(name)
    tree, metadata = _parse(kind, content)
    key = _data_key(metadata, identities)
    rules = _rules(metadata)
    digest = hashlib.sha512(_ONLY_ENCRYPTED if rules.only_encrypted else b"")

    def leaf(value: Any, path: Keys) -> Any:
        encrypted = rules.encrypted(path)
        opened = _open_value(key, value, path) if encrypted else value
        if not isinstance(opened, _Comment) and (encrypted or not rules.only_encrypted):
            digest.update(as_bytes(opened))
        return opened

    try:
        value = walk(tree, (), leaf)
    except InvalidPattern:
        raise SecretUnavailable("a regular expression of its sops metadata cannot be read") from None
    _check_mac(key, metadata, digest.hexdigest().upper())
    return Opened(value, kind == "binary")


class _Comment(str):
    """An encrypted comment, which is no value."""

    __slots__ = ()


def walk(value: Any, path: Keys, leaf: Callable[[Any, Keys], Any]) -> Any:
    """Return a tree with each value, nulls aside, as `leaf` makes it of the value and its path."""
    if isinstance(value, dict):
        return {name: walk(item, (*path, name), leaf) for name, item in value.items()}
    if isinstance(value, list):
        done = [walk(item, path, leaf) for item in value]
        return [item for item in done if not isinstance(item, _Comment)]
    return None if value is None else leaf(value, path)


def _parse(kind: str, content: bytes) -> tuple[Any, Mapping[str, Any]]:
    """Return the encrypted values and the metadata."""
    if kind == "dotenv":
        return _parse_dotenv(content)
    document, errors = load_document("secret.json" if kind != "yaml" else "secret.yaml", content)
    if document is None or errors or not isinstance(document.value, dict):
        where = f" (line {errors[0].line})" if errors and errors[0].line else ""
        raise SecretUnavailable(f"it is no sound {kind if kind != 'binary' else 'json'} file of sops{where}")
    tree = dict(document.value)
    metadata = tree.pop("sops", None)
    if not isinstance(metadata, dict):
        raise SecretUnavailable("it is not encrypted: it has no sops metadata", "encrypt it: sops -e -i FILE")
    return tree, metadata


def _parse_dotenv(content: bytes) -> tuple[Any, Mapping[str, Any]]:
    tree: dict[str, Any] = {}
    flat: dict[str, str] = {}
    for line in content.decode("utf-8", "replace").split("\n"):
        if not line or line.startswith("#"):
            continue
        name, mark, value = line.partition("=")
        if not mark:
            raise SecretUnavailable("it is no sound dotenv file: a line has no =")
        into = flat if name.startswith(DOTENV) else tree
        into[name.removeprefix(DOTENV) if into is flat else name] = value.replace("\\n", "\n")
    if not flat:
        raise SecretUnavailable("it is not encrypted: it has no sops metadata", "encrypt it: sops -e -i FILE")
    return tree, _unflattened(flat)


def _unflattened(flat: Mapping[str, str]) -> dict[str, Any]:
    """Return the metadata of a dotenv file: `age__list_0__map_enc` is the key enc of age's first entry."""
    metadata: dict[str, Any] = {"age": []}
    entries: dict[int, dict[str, str]] = {}
    for name, value in flat.items():
        if name.startswith("age__list_"):
            number, _, key = name.removeprefix("age__list_").partition("__map_")
            entries.setdefault(int(number) if number.isdigit() else 0, {})[key] = value
        else:
            metadata[name] = value == "true" if name == "mac_only_encrypted" else value
    metadata["age"] = [entries[number] for number in sorted(entries)]
    return metadata


def _rules(metadata: Mapping[str, Any]) -> Rules:
    for name in ("encrypted_comment_regex", "unencrypted_comment_regex"):
        if metadata.get(name):
            raise SecretUnavailable(f"its rule {name} is not supported here: choose values by key instead")
    names = ("unencrypted_suffix", "encrypted_suffix", "unencrypted_regex", "encrypted_regex")
    given = {name: str(metadata.get(name) or "") for name in names}
    if not any(given.values()):
        given["unencrypted_suffix"] = PLAIN_SUFFIX
    return Rules(only_encrypted=bool(metadata.get("mac_only_encrypted")), **given)


def _data_key(metadata: Mapping[str, Any], identities: Identities) -> bytes:
    entries = metadata.get("age") or []
    groups = metadata.get("key_groups") or []
    if isinstance(groups, list) and len(groups) > 1:
        raise SecretUnavailable("its data key is shared among several key groups; one is supported here")
    if isinstance(groups, list) and groups and isinstance(groups[0], dict):
        entries = groups[0].get("age") or entries
    if not isinstance(entries, list) or not entries:
        raise SecretUnavailable(
            "none of its keys is an age key",
            "add this herdsman's age recipient to .sops.yaml, then sops updatekeys",
        )
    trouble = SecretUnavailable("its age entries cannot be read")
    for entry in entries:
        try:
            key = identities.decrypt(str(entry.get("enc", "") if isinstance(entry, dict) else "").encode())
        except SecretUnavailable as error:
            trouble = error
            continue
        if len(key) == 32:
            return key
    raise trouble


def _open_value(key: bytes, value: Any, path: Keys) -> Any:
    name = ".".join(path)
    if value == "":
        return ""
    match = _VALUE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise SecretUnavailable(f'its key "{name}" is not encrypted as sops encrypts')
    try:
        data, nonce, tag = (base64.b64decode(match[number], validate=True) for number in (1, 2, 3))
        plain = unseal(key, nonce, data + tag, (":".join(path) + ":").encode())
    except (NotAuthentic, ValueError):
        raise SecretUnavailable(
            f'its key "{name}" cannot be decrypted: the value was changed, or moved here from another key'
        ) from None
    return _typed(plain.decode("utf-8", "surrogateescape"), match[4], name)


def _typed(text: str, kind: str, name: str) -> Any:
    """Return a value of its type; numbers stay the text that they were encrypted as."""
    if kind in ("str", "bytes", "int", "float", "time"):
        return text
    if kind == "bool":
        return text in ("True", "true", "1")
    if kind == "comment":
        return _Comment(text)
    raise SecretUnavailable(f'its key "{name}" is of a type that sops does not know')


def _check_mac(key: bytes, metadata: Mapping[str, Any], computed: str) -> None:
    match = _VALUE.fullmatch(str(metadata.get("mac", "")))
    if match is None:
        raise SecretUnavailable(_WRONG_MAC)
    try:
        data, nonce, tag = (base64.b64decode(match[number], validate=True) for number in (1, 2, 3))
        kept = unseal(key, nonce, data + tag, str(metadata.get("lastmodified", "")).encode())
    except (NotAuthentic, ValueError):
        raise SecretUnavailable(_WRONG_MAC) from None
    if not hmac.compare_digest(kept, computed.encode()):
        raise SecretUnavailable(_WRONG_MAC)


def as_bytes(value: Any) -> bytes:
    """Return a value as the MAC counts it."""
    return _plain(value, titled=True).encode("utf-8", "surrogateescape")


def _plain(value: Any, *, titled: bool = False) -> str:
    """Return a value as text: for the MAC as SOPS writes it, for a bot as its file would."""
    if isinstance(value, bool):
        return str(value) if titled else str(value).lower()
    if isinstance(value, float):
        text = f"{value:.17g}" if "e" in repr(value) else repr(value)
        return text.removesuffix(".0")
    return str(value)
