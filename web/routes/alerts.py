"""Alerts: how every rule stands, what happened, who looks after what, and mutes."""

from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from schemas.errors import UsageError
from telemetry.alerts.ports import Kept
from telemetry.alerts.states import State
from web.access.guard import authenticated, principal_of
from web.access.scopes import Scope
from web.alert_documents import (
    AcknowledgeRequest,
    AlertDocument,
    AlertHistoryAnswer,
    AlertsAnswer,
    EndMuteAnswer,
    MuteDocument,
    MuteRequest,
    RuleDocument,
    alert_document,
    mute_document,
)
from web.alerts import Alerts
from web.documents import STREAM_POSITION
from web.moments import optional_moment, parse_range
from web.queries import names_in
from web.routes.parameters import AnyRequest, End, Limit, Start, Wired
from web.services import Services
from web.trial_choice import rules_in_force
from web.trial_documents import TrialAnswer, TrialRequest

MOST_TRIAL = 16 * 1024 * 1024
"""Bytes of the rules and bots that are sent to be tried."""
DAY = 86400.0
LONGEST_TRIAL = 60 * DAY
_SEVERITIES = ("critical", "warning", "info")
_STATES = ("firing", "pending", "ok")
OfBot = Annotated[str, QueryParameter(description="Of this bot alone.")]
OfRule = Annotated[str, QueryParameter(description="Of this rule alone.")]
States = Annotated[
    str, QueryParameter(description='firing, pending, ok, by commas; "all"; default: firing,pending.')
]


@get("/api/v1/alerts", opt={"access": Scope.READ}, tags=["alerts"])
async def alerts(
    services: Wired, bot: OfBot = "", rule: OfRule = "", states: States = "", limit: Limit = 500
) -> Response[AlertsAnswer]:
    """Return how alert rules stand, those that fire first, then the most severe, then the newest."""
    position = services.live.position()
    known = alerts_of(services)
    wanted = states_of(states)
    found = known.standing([state for state in State if state.value in wanted], bot, rule)
    shown = [alert_document(one) for one in sorted(found, key=_urgency)[:limit]]
    mutes = [mute_document(one) for one in known.mutes()]
    answer = AlertsAnswer(shown, mutes, known.desk.rules, known.desk.complete)
    return Response(answer, headers={STREAM_POSITION: position})


@get("/api/v1/alerts/rules", opt={"access": Scope.READ}, tags=["alerts"])
async def alert_rules(services: Wired) -> list[RuleDocument]:
    """Return the rules and risk limits in force by name: of how many bots each is, what it does."""
    return await rules_in_force(alerts_of(services).desk.engine.watches.values())


@get("/api/v1/alerts/history", opt={"access": Scope.READ}, tags=["alerts"])
async def alert_history(
    services: Wired,
    bot: OfBot = "",
    rule: OfRule = "",
    start: Start = "",
    before: Annotated[
        int, QueryParameter(ge=0, description="The `next` of the page before; 0 for the newest.")
    ] = 0,
    limit: Limit = 200,
) -> AlertHistoryAnswer:
    """Return what happened to alerts, newest first: fired, recovered, acted, acknowledged, and why."""
    since = optional_moment(start, services.clock()) or 0.0
    found = await alerts_of(services).history(limit, bot=bot, rule=rule, before=before, since=since)
    following = found[-1][0] if len(found) == limit else 0
    return AlertHistoryAnswer([alert_document(one, number) for number, one in found], following)


@post("/api/v1/alerts/ack", opt={"access": Scope.OPERATE}, tags=["alerts"], status_code=200)
async def acknowledge_alert(
    services: Wired, request: AnyRequest, data: JSONBody[AcknowledgeRequest]
) -> AlertDocument:
    """Say that you look after an alert that fires: nobody is told of it again until it is over."""
    kept = await alerts_of(services).acknowledge(data.bot, data.rule, _who(request), data.reason)
    return alert_document(kept)


@post("/api/v1/alerts/mutes", opt={"access": Scope.OPERATE}, tags=["alerts"], status_code=201)
async def mute_alerts(services: Wired, request: AnyRequest, data: JSONBody[MuteRequest]) -> MuteDocument:
    """Have nobody told of the alerts of a bot, of a rule or both for some time. Actions are not held back."""
    until = services.clock() + data.seconds
    return mute_document(
        await alerts_of(services).mute(data.bot, data.rule, until, _who(request), data.reason)
    )


@delete("/api/v1/alerts/mutes/{mute:str}", opt={"access": Scope.OPERATE}, tags=["alerts"], status_code=200)
async def unmute_alerts(services: Wired, request: AnyRequest, mute: FromPath[str]) -> EndMuteAnswer:
    """End a mute before its time."""
    known = alerts_of(services)
    ended = await known.unmute(mute, _who(request))
    return EndMuteAnswer(mute_document(ended), [mute_document(one) for one in known.mutes()])


@post(
    "/api/v1/alerts/trials",
    opt={"access": Scope.READ},
    tags=["alerts"],
    status_code=200,
    request_max_body_size=MOST_TRIAL,
)
async def try_alerts(
    services: Wired, data: JSONBody[TrialRequest], start: Start = "-24h", end: End = ""
) -> TrialAnswer:
    """Return what alert rules would have done over stored values and events; nothing is changed."""
    since, until = parse_range(start, end, services.clock(), DAY)
    if until - since > LONGEST_TRIAL:
        raise UsageError(f"rules are tried on at most {LONGEST_TRIAL / DAY:.0f} days at once")
    return await alerts_of(services).try_rules(data, since, min(until, services.clock()))


def alerts_of(services: Services) -> Alerts:
    """Return what knows of alerts. Raises UsageError where this process judges none."""
    if services.alerts is None:
        raise UsageError("this process judges no alerts")
    return services.alerts


def states_of(text: str) -> frozenset[str]:
    """Return the states asked for. Raises UsageError."""
    names = frozenset(names_in(text)) or frozenset((State.FIRING.value, State.PENDING.value))
    if "all" in names:
        return frozenset(_STATES)
    if strange := names.difference(_STATES):
        raise UsageError(
            f'"{min(strange)[:60]}" is no state of an alert; there are {", ".join(_STATES)} and all'
        )
    return names


def _urgency(one: Kept) -> tuple[int, int, float, str]:
    state = _STATES.index(one.state.state.value)
    return state, _SEVERITIES.index(one.severity), -one.state.since, f"{one.bot} {one.rule}"


def _who(request: AnyRequest) -> str:
    return authenticated(principal_of(request)).name
