"""The core that decides takes values and returns values: it imports nothing that does I/O."""

import ast
from pathlib import Path

import pytest

import controller

CORE = [
    "backoff",
    "compare",
    "conditions",
    "consent",
    "differences",
    "doing",
    "drift",
    "field_changes",
    "fleet",
    "generations",
    "health",
    "delays",
    "listing",
    "next_step",
    "notifications.alert_view",
    "notifications.conversation",
    "notifications.facts",
    "notifications.wording",
    "plan",
    "process",
    "progress",
    "prune_decisions",
    "pruning",
    "records",
    "recovery",
    "rollback.choosing",
    "rollback.holding",
    "rollback.overlay",
    "rollback.records",
    "rollback.trial",
    "rollout",
    "rules",
    "scopes",
    "settings",
    "standing",
    "status",
    "wave_members",
    "windows",
]
FORBIDDEN = {"alembic", "asyncio", "git", "httpx", "litestar", "nomad", "sqlalchemy", "threading", "time"}


@pytest.mark.parametrize("name", CORE)
def test_core_imports_nothing_that_does_io(name):
    """No module of the core imports a library of the outside, nor one of ours that does."""
    tree = ast.parse((Path(controller.__file__).parent / f"{name.replace('.', '/')}.py").read_text())
    imported = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not {module.split(".")[0] for module in imported} & FORBIDDEN
    ours = {module.removeprefix("controller.") for module in imported if module.startswith("controller.")}
    assert ours <= {*CORE, "schedulers.protocol"}
