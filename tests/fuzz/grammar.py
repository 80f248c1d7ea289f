"""Texts and data out of the pieces that manifests, YAML and JSON are made of, hostile ones among them."""

import random
from collections.abc import Callable
from typing import Any

_TOKENS = (
    *("a", "b: ", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ",", ":", ": ", "?", "? ", "&x ", "*x"),
    *("!!str ", "!!binary ", "!!python/object:os.system ", "!t ", "!<", "'", '"', "|\n ", ">-\n ", "\t", "#"),
    *("%YAML 1.2\n", "---\n", "...\n", "<<: ", "<<: *x\n", "1e999", ".nan", "-.inf", "007", "0x1F", "1_000"),
    *("12:30:45", "2020-01-01", "\0", "\ufeff", "\u2028", "\u0085", "😀", "\x1b[31m", "~", "yes", "null"),
    *("\\ud800", '"\\ud800"', "\ud800", "${x}", "{{x}}", "\\", "\\x", "\r", "\r\n", "`", "@", "=", "^(a+)+$"),
)
_ALL_KEYS = """
    name type version mode schedule timezone enabled memory_limit cpu_limit memory_request cpu_request config
    herdsman restart lease ttl renew_every terminate_after kill_after secrets labels timeout kill_timeout
    depends_on alerts risk account currency annualization priority renamed_from allow_major rollback state
    healthy_after healthy_within catch_up symbol fast stops loss entrypoints bot query schema readme metadata
    environments folders namespace node_pool defaults prune share least sync_windows duration action runtime
    sources url branch tag semver commit subfolder poll_interval signatures require signers keys protected
    properties items default pattern patternProperties required $ref allOf anyOf oneOf not if then definitions
    additionalProperties dependencies enum const minimum multipleOf uniqueItems $id propertyNames contains
    """
_KEYS = tuple(_ALL_KEYS.split())
_WORDS = (
    *("10s", "1h30m", "-1s", "512Mi", "9Ei", "250m", "live", "dry", "realtime/sma", "scheduled/", "event/x"),
    *(
        "* * * * *",
        "0 9 31 2 *",
        "*/0 * * * *",
        "UTC",
        "Mars/Base",
        "1.5.0",
        "1.5",
        "99999999999.0.0",
        "../x",
    ),
    *(
        "object",
        "string",
        "number",
        "#",
        "#/definitions/x",
        "^(a+)+$",
        "(?=a)",
        "(" * 50,
        "https://a.example/",
    ),
    *("python3.11", "every", "tip", "main", "", " ", "\n", "ü", "\u202e", "x" * 5000),
)
_NUMBERS = (0, -1, 1, 2**31, 2**63, 10**60, 0.1, -0.0, 1e308, 5e-324, 0.30000000000000004)


def random_text(rng: random.Random) -> str:
    """Return YAML-like text: pieces in any order, or one of the traps."""
    if rng.random() < 0.12:
        return rng.choice(_TRAPS)(rng)
    pieces = rng.choices((*_TOKENS, *_KEYS, *_WORDS[:30]), k=rng.choice((1, 3, 10, 40, 150)))
    return "".join(f"{piece}: " if piece in _KEYS and rng.random() < 0.7 else piece for piece in pieces)


def random_data(rng: random.Random, depth: int = 0) -> Any:
    """Return data of every type under keys that manifests know."""
    chance = rng.random()
    if depth < 5 and chance < 0.3:
        width = rng.choice((0, 1, 2, 4, 9))
        return {rng.choice(_KEYS): random_data(rng, depth + 1) for _ in range(width)}
    if depth < 5 and chance < 0.42:
        return [random_data(rng, depth + 1) for _ in range(rng.choice((0, 1, 3, 20)))]
    if depth == 0 and chance < 0.5:
        return _nested(rng.choice((30, 63, 64, 65, 300)))
    return rng.choice((None, True, False, rng.choice(_WORDS), rng.choice(_NUMBERS), rng.randrange(100)))


def _nested(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = [value] if level % 2 else {"herdsman": value}
    return value


def _deep(rng: random.Random) -> str:
    return rng.choice(("[", "{a: ", "- ", "? ", "{? [", "!!str [")) * rng.choice((60, 1000, 20_000))


def _aliases(rng: random.Random) -> str:
    """Return mappings each of which names the one before many times: small text, huge data."""
    levels = rng.choice((3, 8, 30))
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, levels)]
    return "\n".join(lines) + "\n"


def _anchored(rng: random.Random) -> str:
    return "".join(f"k{at}: &k{at} {{<<: *k{max(0, at - 1)}}}\n" for at in range(rng.choice((2, 500))))


def _long(rng: random.Random) -> str:
    piece = rng.choice(
        ("a", " ", "\n", "\n\n#", "'", '"\\n', "9", "é", "\t", "- \n", "a: 1\n", "&a ", "!!", "%")
    )
    return rng.choice(("", "name: ", "? ", "'", '"', "|\n ")) + piece * rng.choice((300, 5000, 30_000))


def _patterns(rng: random.Random) -> str:
    pattern = rng.choice(
        ("^(a+)+$", "(a|aa)+$", "(.*)*x", "a{1,1000}{1,1000}", "[" * 99, "\\\\1(a)", "(?P<x")
    )
    return (
        f'{{"type": "object", "properties": {{"symbol": {{"type": "string", "pattern": "{pattern}", '
        f'"default": "{"a" * rng.choice((1, 40, 4000))}"}}}}}}'
    )


def _references(rng: random.Random) -> str:
    target = rng.choice(("#", "#/definitions/a", "#/properties/a", "file:///etc/passwd", "#/definitions/a/%"))
    return (
        f'{{"type": "object", "properties": {{"a": {{"$ref": "{target}", "default": 1}}}}, '
        f'"definitions": {{"a": {{"allOf": [{{"$ref": "#/definitions/a"}}, {{"$ref": "{target}"}}]}}}}}}'
    )


_TRAPS: tuple[Callable[[random.Random], str], ...] = (
    *(_deep, _aliases, _anchored, _long, _patterns, _references),
)
