"""Each guarantee names the tests that show it, and those tests are there."""

import ast
import re
from functools import cache

import pytest

from tests.unit.documentation.pages import CHECKOUT, read

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in read("guarantees.md").splitlines()
    if line.startswith("|") and not line.startswith(("| what", "|---"))
]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((CHECKOUT / file).read_text())
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_a_guarantee_names_tests_that_exist(row: list[str]) -> None:
    """No line is without a test, and no test that is named was renamed or removed."""
    named = _TEST.findall(row[-1])
    assert named
    assert row[-1].count("::") == len(named)
    assert [f"{file}::{name}" for file, name in named if name not in names_in(file)] == []
