"""Real servers for the contract suites."""

from tests.engines.fixtures import nomad as nomad
