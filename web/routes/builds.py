"""The builds of compiled programs, and their logs."""

from litestar import get

from gitops.compiling.records import BuildRecord
from schemas.errors import NotFound
from web.access.scopes import Scope
from web.documents.builds import Build, BuildDetail
from web.problems import UnknownName
from web.routes.parameters import ProgramOrBot, Wired
from web.services import Services


@get("/api/v1/builds", opt={"access": Scope.READ}, tags=["builds"])
async def builds(services: Wired) -> list[Build]:
    """Return the builds of compiled programs that are on record, newest first."""
    return [_document(record) for record in services.builds.all()]


@get("/api/v1/builds/{name:str}", opt={"access": Scope.READ}, tags=["builds"])
async def build(services: Wired, name: ProgramOrBot) -> BuildDetail:
    """Return the build of a bot's program as it should be, or the newest of a program, with its log."""
    record = _find(services, name)
    return BuildDetail(build=_document(record), log=services.builds.log(record))


def _find(services: Services, name: str) -> BuildRecord:
    """Return the build that a name means. Raises UnknownName."""
    spec = services.spec(name)
    own = services.builds.find(spec.program.name, spec.program.tree) if spec else None
    found = own or services.builds.find(spec.program.name if spec else name)
    if found is None and spec:
        raise NotFound(
            f"{name} has no build, which only Rust and C++ programs have: `herdsman status {name}` says more"
        )
    if found is None:
        raise UnknownName("built program", name, {record.program for record in services.builds.all()})
    return found


def _document(record: BuildRecord) -> Build:
    return Build(
        program=record.program,
        version=record.version,
        tree=record.tree,
        runtime=record.runtime,
        toolchain=record.toolchain,
        state=record.state,
        started_at=record.started_at,
        ended_at=record.ended_at,
        message=record.message,
    )
