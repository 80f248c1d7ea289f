from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.web import Running, running


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[Running]:
    """Run the web service over fakes."""
    async with running(tmp_path) as service:
        yield service
