"""What the product itself says that it has, read from its own sources: the other side of each comparison."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import click

from cli.main import herdsman
from controller.launcher.surroundings import environment
from docs.reference import commands
from tests.unit.documentation.pages import CHECKOUT
from web.problems import _KINDS, _STATUS_WORDS

PACKAGES = ("schemas", "gitops", "controller", "telemetry", "web", "cli")
CONDITIONS = ("Ready", "Reconciling", "Stalled")
_VARIABLE = re.compile(r"(HERDSMAN|NOMAD)_[A-Z]+(_[A-Z]+)*")


@lru_cache(maxsize=1)
def sources() -> dict[Path, str]:
    """Return the text of every module and JSON file of the product, and of its jobs."""
    found = {path: path.read_text() for path in (CHECKOUT / "deploy").rglob("*.hcl")}
    for package in PACKAGES:
        for path in (CHECKOUT / package).rglob("*"):
            if path.suffix in (".py", ".json", ".mjs") and "dashboard" not in path.parts:
                found[path] = path.read_text()
    return found


@lru_cache(maxsize=1)
def trees() -> tuple[ast.Module, ...]:
    """Return every module of the product, parsed."""
    return tuple(ast.parse(text) for path, text in sources().items() if path.suffix == ".py")


def problem_reasons() -> set[str]:
    """Return every `reason` of a problem document."""
    known = {reason for _, reason, *_ in _KINDS.values()} | {reason for reason, _ in _STATUS_WORDS.values()}
    return known | set(denials()) | {"Refused", "Failed", "Unexpected"}


def denials() -> Iterator[str]:
    """Yield the reason of each refusal of access in the sources."""
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "AccessDenied":
                reason = node.args[1]
                assert isinstance(reason, ast.Constant)
                yield str(reason.value)


def bot_variables() -> set[str]:
    """Return the names in a bot's environment; TZ and LC_ALL are there where its launcher has them."""
    order = {
        "bot": "one",
        "fleet": "desk",
        "allocation": "a1",
        "config": "{}",
        "type": "realtime",
        "entrypoint": "main.py",
        "paths": {"work": "/work", "state": "/state"},
        "environment": {},
        "secrets": {},
    }
    return set(environment(order, {"TZ": "UTC", "LC_ALL": "C"}, "/code", "/dependencies"))


def own_variables() -> set[str]:
    """Return every environment variable that the sources name."""
    found = {str(one.envvar) for _, command in commands() for one in command.params if one.envvar}
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _VARIABLE.fullmatch(node.value):
                    found.add(node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "os.environ.get":
                name = node.args[0]
                found |= {name.value} if isinstance(name, ast.Constant) else set()
    return found


def bench_variables() -> set[str]:
    """Return every environment variable that a benchmark reads."""
    return {
        name
        for path in (CHECKOUT / "bench").glob("*.py")
        for name in re.findall(r'environ\.get\("([A-Z_]+)"', path.read_text())
    }


def options() -> set[str]:
    """Return every option of every command."""
    every = [herdsman, *(command for _, command in commands())]
    return {
        name
        for command in every
        for one in command.params
        if isinstance(one, click.Option)
        for name in (*one.opts, *one.secondary_opts)
    } | {"--help", "-h"}


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """Return every word of the product's sources: a name that is not among them is none of ours."""
    return frozenset(word for text in sources().values() for word in re.findall(r"\w+", text))
