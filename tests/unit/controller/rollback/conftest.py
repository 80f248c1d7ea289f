"""The world of a controller, for the tests of going back."""

import pytest

from tests.unit.controller.harness import World


@pytest.fixture
async def world(tmp_path):
    return World(tmp_path)
