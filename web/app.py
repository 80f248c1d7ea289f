"""Everything put together: routes, access in front of them, errors, the API's description."""

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler

from telemetry.names import Health
from web.access.guard import require_access
from web.front import Front
from web.problems import EXCEPTION_HANDLERS
from web.routes import (
    adoption,
    alerts,
    bots,
    builds,
    bundles,
    comparing,
    dashboard,
    documentation,
    errors,
    fleet,
    git,
    health,
    ingest,
    leader,
    liveness,
    logs,
    notifications,
    operations,
    plans,
    query,
    resources,
    revisions,
    rollback,
    rules,
    sign_in,
    state,
    states,
    stream,
    suspensions,
    system,
    tokens,
    trading,
    webhooks,
)
from web.services import Services

ROUTES = (
    health.livez,
    health.readyz,
    health.metrics,
    system.system,
    fleet.fleet,
    revisions.revisions,
    revisions.revision,
    fleet.plan,
    fleet.events,
    logs.logs,
    logs.log_counts,
    logs.export_logs,
    bots.bots,
    bots.bot,
    bots.bot_series,
    bots.bot_logs,
    bots.bot_runs,
    comparing.bot_deploys,
    comparing.compare,
    comparing.compare_many,
    liveness.bot_liveness,
    liveness.liveness,
    rules.rules,
    resources.bot_resources,
    resources.resources,
    trading.bot_trading,
    trading.positions,
    trading.trades,
    trading.figures,
    alerts.alerts,
    alerts.alert_history,
    alerts.alert_rules,
    alerts.acknowledge_alert,
    alerts.mute_alerts,
    alerts.unmute_alerts,
    alerts.try_alerts,
    errors.errors,
    errors.error,
    errors.resolve_error,
    errors.reopen_error,
    errors.explain_error,
    query.query,
    operations.sync,
    operations.restart,
    operations.suspend,
    operations.resume,
    operations.outdated,
    operations.refresh,
    operations.recover,
    operations.audit,
    adoption.adoptable,
    adoption.adopt,
    adoption.cancel_adoption,
    rollback.rollback,
    rollback.unpin,
    rollback.retry,
    rollback.deployments,
    rollback.rollback_fleet,
    rollback.unpin_fleet,
    suspensions.suspensions,
    suspensions.suspend_scope,
    suspensions.resume_scope,
    suspensions.kills,
    suspensions.kill,
    suspensions.release,
    notifications.notifications,
    notifications.notify_test,
    notifications.notification,
    state.bot_state,
    state.state_versions,
    state.state_content,
    state.put_state_content,
    state.delete_state_content,
    state.restore_state,
    states.offer_state,
    states.newest_state,
    states.prove_state,
    states.upload_state,
    states.download_state,
    tokens.list_tokens,
    tokens.create_token,
    tokens.revoke_token,
    sign_in.sign_in_by_link,
    sign_in.sign_in_by_form,
    sign_in.sign_out,
    sign_in.make_link,
    sign_in.whoami,
    sign_in.style,
    ingest.ingest,
    stream.stream,
    documentation.openapi,
    documentation.reference,
    dashboard.dashboard,
)
LEADERS_ROUTES = (builds.builds, builds.build, bundles.bundle, plans.plan_of, errors.code, webhooks.webhook)
"""What the leader alone can serve where there are several controllers."""
MOST_BODY = 1024 * 1024
"""Bytes of a request's body, but for pushes and batches of telemetry."""
_DESCRIPTION = (
    "GitOps for trading bots. Send Authorization: Bearer TOKEN. Errors are RFC 9457 problem details with "
    "`reason` and `next`. The git remote is at /git/fleet.git (user herdsman, the token as password); what "
    "is pushed to its branch {branch} is deployed."
)


class _Unserved(Router):
    """A router that takes nothing: the framework's own reference pages load scripts from outside."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Leave a route out; ours are in `routes/documentation.py`."""
        del value
        return []


def create_app(services: Services) -> Litestar:
    """Return the application over these services; every request passes `Front` before any route."""
    app = Litestar(
        route_handlers=[
            *ROUTES,
            git.mount(services.git),
            *(leader.mounts(services.leader) if services.leader else LEADERS_ROUTES),
        ],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "search": Provide(logs.search_of, sync_to_thread=False),
        },
        guards=[require_access],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=OpenAPIConfig(
            title="herdsman",
            version=services.settings.version,
            description=_DESCRIPTION.format(branch=services.settings.branch),
            openapi_router=_Unserved("/api/openapi", route_handlers=[]),
            use_handler_docstrings=True,
        ),
        request_max_body_size=MOST_BODY,
        logging_config=None,  # the program that runs us decides how to log
        debug=False,
    )
    numbers = Health(services.registry)
    app.asgi_handler = Front(app.asgi_handler, services.access, numbers, tls=services.settings.tls)
    return app
