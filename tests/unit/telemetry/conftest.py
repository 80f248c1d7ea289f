"""Fixtures of the telemetry tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemetry.agent import Agent
from tests.unit.telemetry.bots import Node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def agent(node: Node) -> AsyncIterator[Agent]:
    """An agent that follows the node's root while the test runs."""
    following = node.agent()
    running = asyncio.create_task(following.run())
    yield following
    await following.finish()
    await running
