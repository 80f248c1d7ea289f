"""Real servers for the contract suites."""

from tests.engines.fixtures import nomad as nomad
from tests.engines.fixtures import postgres as postgres
