"""The inputs: each follows from a seed and its number alone, so that any one of them can be made again."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.grammar import random_data, random_text
from tests.unit.schemas.samples import INSTANCE, PROGRAM, SCHEDULED, SCHEMA

CHECKOUT = Path(__file__).resolve().parents[2]
LARGEST = 64 * 1024
"""Bytes of the largest input; what is larger than a manifest may be is refused before it is read."""

FLEET = """\
name: desk
environments:
  prod: {folders: [bots/prod], namespace: trading, node_pool: fast}
  dry: {folders: [bots/dry]}
defaults: {memory_limit: 256Mi, herdsman: {kill_timeout: 20s, restart: {backoff: 1s}}}
prune: {share: 0.5, least: 5}
sync_windows: [{schedule: "0 9 * * 1-5", timezone: Europe/Berlin, duration: 8h, action: deny}]
"""
SOURCES = """\
sources:
  - {name: desk, url: "https://git.example.com/desk.git", branch: main, poll_interval: 30}
  - {name: lab, url: "ssh://git@git.example.com/lab.git", semver: ">=1.2 <2", subfolder: fleet}
"""
BLOCK = """\
name: sma-all
type: realtime/sma
version: 1.5.0
symbol: ETH-USDT
memory_limit: 512Mi
cpu_request: 250m
herdsman:
  timeout: 1h
  kill_timeout: 45s
  lease: {ttl: 40s, renew_every: 5s}
  labels: {desk: fx}
  depends_on: [other]
  secrets: {API_KEY: {env_file: keys.env}}
  priority: 70
  account: main
"""


@dataclass(frozen=True)
class Input:
    """One document: what it is read as, and under which name."""

    number: int
    kind: str
    """program, instance, fleet, schema, sources or trust."""
    file: str
    content: bytes


Sample = tuple[str, bytes]


@cache
def corpus() -> tuple[Sample, ...]:
    """Return sound documents of every kind: those of the examples, and some that say more."""
    found = [
        ("program", PROGRAM.encode()),
        *(("instance", text.encode()) for text in (INSTANCE, SCHEDULED, BLOCK)),
        ("fleet", FLEET.encode()),
        ("sources", SOURCES.encode()),
        ("schema", json.dumps(SCHEMA, indent=1).encode()),
        ("trust", b"signatures:\n  - {require: every, branches: [main], environments: [prod]}\n"),
    ]
    kinds = {"bot-config.yaml": "program", "bot-schema.json": "schema", "herdsman.yaml": "fleet"}
    for path in sorted((CHECKOUT / "examples").rglob("*")):
        kind = kinds.get(path.name, "instance" if path.parent.name == "bots" else "")
        if kind and path.suffix in (".yaml", ".json"):
            found.append((kind, path.read_bytes()))
    return tuple(found)


@cache
def corpus_values() -> tuple[tuple[str, Any], ...]:
    """Return the same documents as data."""
    return tuple((kind, yaml.safe_load(content)) for kind, content in corpus())


def make_input(seed: int, number: int) -> Input:
    """Return the input of this number."""
    rng = random.Random(f"{seed}:{number}")
    kind, content, as_json = rng.choices((_mutated, _rebuilt, _made), (5, 4, 3))[0](rng)
    file = "f.json" if as_json else "f.yaml"
    return Input(number, kind, file, content[:LARGEST])


def _mutated(rng: random.Random) -> tuple[str, bytes, bool]:
    """Return a document of the corpus with some of its bytes changed."""
    kind, content = rng.choice(corpus())
    as_json = content[:1] == b"{"
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        content = rng.choice(_MUTATIONS)(rng, content)
    return kind, content, as_json


def _rebuilt(rng: random.Random) -> tuple[str, bytes, bool]:
    """Return a document of the corpus in which values, keys or whole branches were exchanged."""
    kind, value = rng.choice(corpus_values())
    for _ in range(rng.choice((1, 1, 2, 5))):
        value = _exchanged(rng, value)
    return kind, *_written(rng, value)


def _made(rng: random.Random) -> tuple[str, bytes, bool]:
    """Return a document that was never sound."""
    kind = rng.choice(corpus())[0]
    if rng.random() < 0.5:
        return kind, random_text(rng).encode("utf-8", "surrogatepass"), rng.random() < 0.3
    return kind, *_written(rng, random_data(rng))


def _written(rng: random.Random, value: Any) -> tuple[bytes, bool]:
    if rng.random() < 0.4:
        return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"), True
    try:
        text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=rng.choice((None, True, False)))
    except (RecursionError, UnicodeError):
        return json.dumps(value).encode(), False
    return text.encode("utf-8", "surrogatepass"), False


def _exchanged(rng: random.Random, value: Any) -> Any:
    """Return the value with one of its parts exchanged."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        return _with_key(rng, value, key)
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], _exchanged(rng, value[at]), *value[at + rng.choice((0, 1, 1)) :]]
    return random_data(rng)


def _with_key(rng: random.Random, value: dict[str, Any], key: str) -> dict[str, Any]:
    chance = rng.random()
    if chance < 0.5:
        return {**value, key: _exchanged(rng, value[key])}
    if chance < 0.65:
        return {name: item for name, item in value.items() if name != key}
    if chance < 0.8:
        misspelled = key[: len(key) // 2] + rng.choice("aeiou_-. ") + key[len(key) // 2 :]
        return {misspelled if name == key else name: item for name, item in value.items()}
    return {**value, str(random_text(rng))[:30]: random_data(rng)}


def _at(rng: random.Random, content: bytes) -> int:
    return rng.randrange(len(content) + 1)


def _span(rng: random.Random, content: bytes) -> tuple[int, int]:
    start = _at(rng, content)
    return start, min(len(content), start + rng.choice((1, 2, 8, 40, 400)))


def _flipped(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def _cut(rng: random.Random, content: bytes) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def _ended(rng: random.Random, content: bytes) -> bytes:
    return content[: _at(rng, content)]


def _repeated(rng: random.Random, content: bytes) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[start:end] * rng.choice((2, 3, 50, 2000)) + content[end:]


def _spiced(rng: random.Random, content: bytes) -> bytes:
    at = _at(rng, content)
    return content[:at] + random_text(rng).encode("utf-8", "surrogatepass") + content[at:]


def _spliced(rng: random.Random, content: bytes) -> bytes:
    other = rng.choice(corpus())[1]
    return content[: _at(rng, content)] + other[_at(rng, other) :]


def _shuffled(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    rng.shuffle(lines)
    return b"".join(lines)


def _indented(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    lines[at] = rng.choice((b" ", b"  ", b"\t", b"- ", b"? ")) + lines[at]
    return b"".join(lines)


_MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flipped, _cut, _ended, _repeated, _spiced, _spliced, _shuffled, _indented),
)
