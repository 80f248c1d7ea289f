"""Tests of the Nomad scheduler's pure parts."""
