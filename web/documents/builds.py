"""Builds of compiled programs, with their logs."""

from msgspec import Struct


class Build(Struct):
    """One build of a compiled program: `state` is building, built, failed or interrupted."""

    program: str
    version: str
    tree: str
    runtime: str
    toolchain: str
    state: str
    started_at: float
    ended_at: float | None
    message: str


class BuildDetail(Struct):
    """`GET /api/v1/builds/{name}`: a build and what its tools printed, as far as it is."""

    build: Build
    log: str
