"""Every series has a name with a text, and herdsman's own health is rendered for Prometheus."""

import ast
import re
from pathlib import Path

import pytest

import cli
import telemetry
import web
from telemetry.names import HEALTH, RESOURCES, Health, all_series
from telemetry.prometheus import Registry

SOURCES = [
    path
    for package in (*telemetry.__path__, *web.__path__, *cli.__path__)
    for path in Path(package).rglob("*.py")
]


def test_every_series_in_the_code_is_documented() -> None:
    """A name of ours in the code stands in `names.py` too, with a text; none there is without a use."""
    used = set()
    for path in SOURCES:
        if path.name == "names.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = re.fullmatch(r"(bot|herdsman)_[a-z0-9_]+", node.value)
                used |= {node.value} if found else set()
    assert used <= set(all_series())
    assert set(HEALTH) | set(RESOURCES) <= used
    assert all(text and text[0].isupper() for text in all_series().values())


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, bots' series begin with bot_, ours with herdsman_."""
    assert all(name.startswith("herdsman_") for name in HEALTH)
    assert all(name.startswith("bot_") for name in RESOURCES)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in all_series())


def test_health_is_rendered_as_prometheus_text() -> None:
    """Each number has its help and type; labels are escaped; numbers that never moved are 0."""
    health = Health()
    health.count("herdsman_intake_batches_total", status='2"0\\4\n')
    health.count("herdsman_intake_batches_total", 2, status="503")
    health.gauge("herdsman_live_subscribers").read = lambda: 3.0
    health.gauge("herdsman_intake_lag_seconds").set(0.25)
    text = health.registry.render().decode()
    assert "# TYPE herdsman_intake_batches_total counter\n" in text
    assert 'herdsman_intake_batches_total{status="2\\"0\\\\4\\n"} 1.0\n' in text
    assert 'herdsman_intake_batches_total{status="503"} 2.0\n' in text
    assert "herdsman_live_subscribers 3.0\n" in text
    assert "herdsman_intake_lag_seconds 0.25\n" in text
    assert "herdsman_intake_lines_total 0.0\n" in text
    for name, words in HEALTH.items():
        assert f"# HELP {name} {words}\n" in text


def test_a_name_is_one_number() -> None:
    """A counter and a gauge cannot share a name."""
    registry = Registry()
    registry.counter("a_total", "A")
    with pytest.raises(AssertionError, match="a_total is a counter"):
        registry.gauge("a_total", "A")
