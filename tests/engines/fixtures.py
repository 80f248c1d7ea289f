"""Pytest fixtures that start real servers; import them in a conftest. A missing server is a failure."""

from collections.abc import Iterator

import pytest

from tests.engines.nomad import NomadAgent, nomad_agent
from tests.engines.postgresql import PostgreSQL, postgresql


@pytest.fixture(scope="session")
def nomad() -> Iterator[NomadAgent]:
    """One development agent for the whole session; tests keep apart by the fleet's id."""
    with nomad_agent() as agent:
        yield agent


@pytest.fixture
def fresh_nomad() -> Iterator[NomadAgent]:
    """A development agent of the test's own, to be stopped or broken."""
    with nomad_agent() as agent:
        yield agent


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """One PostgreSQL for the whole session; each test takes a database of its own."""
    with postgresql() as server:
        yield server
