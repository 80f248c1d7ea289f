"""Is the process alive, is it ready, and its own figures for Prometheus."""

from litestar import MediaType, Response, get

from web.access.guard import principal_of
from web.access.scopes import PUBLIC, Scope, allows
from web.documents.system import Readiness
from web.routes.parameters import AnyRequest, Wired

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@get("/livez", opt={"access": PUBLIC}, media_type=MediaType.TEXT, tags=["health"], sync_to_thread=False)
def livez() -> str:
    """Answer while the process can answer at all."""
    return "ok\n"


@get("/readyz", opt={"access": PUBLIC}, tags=["health"])
async def readyz(services: Wired, request: AnyRequest) -> Response[Readiness]:
    """Say whether every part works: 200 with all checks "ok", else 503.

    Without a token only which part does not; what is wrong with it may name other machines.
    """
    checks = await services.checks()
    ready = all(state == "ok" for state in checks.values())
    principal = principal_of(request)
    if principal is None or not allows(principal.scope, Scope.READ):
        checks = {part: state if state == "ok" else "failing" for part, state in checks.items()}
    return Response(Readiness(ready, dict(checks), services.role()), status_code=200 if ready else 503)


@get(
    "/metrics", opt={"access": Scope.READ}, media_type=PROMETHEUS_TEXT, tags=["health"], sync_to_thread=False
)
def metrics(services: Wired) -> Response[bytes]:
    """Return herdsman's own figures in the Prometheus text format."""
    return Response(services.registry.render(), media_type=PROMETHEUS_TEXT)
