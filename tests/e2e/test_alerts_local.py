"""Alerts and risk limits on this machine: a bot that loses too much is suspended, its neighbour is not."""

import json
from typing import Any

import pytest

from tests.e2e.fleet import Fleet, put_text
from tests.e2e.service import Service, wait_for
from tests.e2e.traders import add_trader, trader

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SETTINGS = """\
alerts:
  rules:
    rich: {when: {figure: equity, above: 10500}, message: "take some out"}
    poor: {when: {figure: equity, below: 1}, programs: [another]}
    sank: {when: {metric: bot_equity, falls: 6.5%, over: 6h}, bots: [losing]}
"""
NEW_RULES = """\
    deep: {when: {metric: bot_equity, below: 9500}, bots: [losing], action: suspend}
    never: {when: {metric: bot_nothing, above: 1}, bots: [losing]}
"""


def alerts(service: Service, bot: str) -> dict[str, dict[str, Any]]:
    """Return the alerts of a bot that fire, by rule."""
    found = service.get("/api/v1/alerts", bot=bot, states="firing")["alerts"]
    return {one["rule"]: one for one in found}


def test_a_bot_that_loses_too_much_is_suspended_once_and_its_neighbour_runs_on(
    service: Service, fleet: Fleet
) -> None:
    """By the risk limit's word; resumed by an operator it runs on, also through a restart of herdsman."""
    losing, calm = service.home / "losing", service.home / "calm"
    put_text(losing, "10000")
    put_text(calm, "10000")
    add_trader(fleet)
    fleet.write("herdsman.yaml", SETTINGS)
    fleet.write("bots/losing.yaml", trader("losing", losing, "{daily_loss: 500, drawdown: 50%}"))
    fleet.write("bots/calm.yaml", trader("calm", calm, "{daily_loss: 500}"))
    fleet.commit("two traders")
    fleet.push()
    service.wait_health("losing", "Healthy")
    service.wait_health("calm", "Healthy")
    wait_for(lambda: service.get("/api/v1/bots/losing/trading")["figures"], "the first equity")
    put_text(calm, "10600")
    rich = wait_for(lambda: alerts(service, "calm").get("rich"), "the rule of the fleet")
    assert (rich["message"], rich["value"], rich["severity"]) == ("take some out", 10600, "warning")

    put_text(losing, "9400")
    bot = wait_for(
        lambda: [one for one in [service.bots()["losing"]] if one["reason"] == "RiskLimit"], "the suspension"
    )[0]
    assert 'by risk limit: "daily loss of 600.00 USDT is over the limit of 500"' in bot["message"]
    service.wait_health("losing", "Suspended")
    wait_for(
        lambda: alerts(service, "losing")["risk-daily-loss"]["action"] == "done", "what was done to be kept"
    )
    assert service.bots()["calm"]["health"] == "Healthy"

    service.run("resume", "losing", "--reason", "looked at it")
    service.wait_health("losing", "Healthy")
    wait_for(lambda: "risk-daily-loss" not in alerts(service, "losing"), "the end of the alert")
    assert service.stop() == 0
    service.start()
    service.wait_back("losing")
    put_text(losing, "9300")
    wait_for(
        lambda: service.get("/api/v1/bots/losing/trading")["figures"][0]["equity"] == 9300, "the new equity"
    )
    sank = wait_for(lambda: alerts(service, "losing").get("sank"), "the fall since before the restart")
    assert sank["text"].endswith("fell by 7% within 6 h, from 10,000.00 to 9,300.00")
    assert wait_for(lambda: history(service) if len(history(service)) > 3 else [], "it to be kept") == [
        ("risk-daily-loss", "fired"),
        ("risk-daily-loss", "acted"),
        ("risk-daily-loss", "recovered"),
        ("sank", "fired"),
    ]
    audit = service.get("/api/v1/audit", limit=50)
    assert [one["who"] for one in audit if one["action"] == "suspend"] == ["risk limit"]
    assert json.dumps(service.bots()["losing"]).count("Suspended") == 0
    rules_are_tried_before_they_ship(service, fleet)


def test_whoever_comes_to_an_account_over_its_limit_waits(service: Service, fleet: Fleet) -> None:
    """A bot that is pushed, or moved there, does not start, also after a restart, until somebody looked."""
    worth = {name: service.home / name for name in ("first", "second", "new", "moved")}
    for file in worth.values():
        put_text(file, "10000")
    add_trader(fleet)
    fleet.write("herdsman.yaml", "risk: {accounts: {main: {daily_loss: 500 USDT}}}\n")
    for name in ("first", "second"):
        fleet.write(f"bots/{name}.yaml", trader(name, worth[name], "{drawdown: 90%}"))
    elsewhere = trader("moved", worth["moved"], "{drawdown: 90%}").replace("account: main", "account: other")
    fleet.write("bots/moved.yaml", elsewhere)
    fleet.commit("an account")
    fleet.push()
    for name in ("first", "second", "moved"):
        service.wait_health(name, "Healthy")
        wait_for(lambda name=name: service.get(f"/api/v1/bots/{name}/trading")["figures"], "its equity")

    put_text(worth["first"], "9400")
    for name in ("first", "second"):
        service.wait_health(name, "Suspended")
    wait_for(lambda: "dry-account" in scopes(service), "the hold")
    fleet.write("bots/new.yaml", trader("new", worth["new"], "{drawdown: 90%}"))
    fleet.write("bots/moved.yaml", elsewhere.replace("account: other", "account: main"))
    fleet.commit("one more, and one that moves there")
    fleet.push()
    service.wait_health("new", "Suspended")
    service.wait_health("moved", "Suspended")
    assert service.stop() == 0
    service.start()
    for name in ("new", "moved"):
        held = service.wait_health(name, "Suspended")
        assert held["reason"] == "RiskLimit"
        assert (
            "daily loss of 600.00 USDT is over the limit of 500 USDT of the account main" in held["message"]
        )
        assert "`herdsman resume --account main --mode dry`" in held["message"]
    assert service.get("/api/v1/bots/new/runs") == []

    service.run("resume", "second", "--reason", "looked at it")
    for name in ("second", "new", "moved"):
        service.wait_health(name, "Healthy")
    assert service.bots()["first"]["reason"] == "RiskLimit"
    assert scopes(service) == ["bot"]


def scopes(service: Service) -> list[str]:
    """Return about what the suspensions in force are."""
    return [one["scope"].partition("=")[0] for one in service.get("/api/v1/suspensions")]


def history(service: Service) -> list[tuple[str, str]]:
    """Return what happened to the alerts of the bot that loses, oldest first."""
    found = service.get("/api/v1/alerts/history", bot="losing")["alerts"]
    own = ("risk-daily-loss", "sank")  # and not those of how it lives: a busy machine may keep it waiting
    return [(one["rule"], one["what"]) for one in reversed(found) if one["rule"] in own]


def rules_are_tried_before_they_ship(service: Service, fleet: Fleet) -> None:
    """Uncommitted, at a revision, as they hold now; a mistake is told with its place, and nothing fires."""
    fleet.write("herdsman.yaml", SETTINGS + NEW_RULES)
    tried = service.run(
        "alerts", "test", "--over", "2h", "--exit-code", "-o", "json", cwd=fleet.folder, check=False
    )
    assert tried.returncode == 2, tried.stdout + tried.stderr
    answer = json.loads(tried.stdout)
    assert (answer["complete"], answer["bots"]) == (True, 2)
    came = {(one["rule"], one["bot"]): one for one in answer["rules"]}
    deep = came["deep", "losing"]
    assert (deep["does"], deep["state"], deep["messages"]) == ("suspend", "firing", 1)
    assert deep["episodes"][0]["text"].startswith("bot_equity (currency USDT) is 9,400.00, below 9,500")
    limit = came["risk-daily-loss", "losing"]
    assert (limit["does"], limit["state"], came["risk-daily-loss", "calm"]["alerts"]) == (
        "suspend",
        "firing",
        0,
    )
    assert limit["episodes"][0]["text"] == "daily loss of 600.00 USDT is over the limit of 500"
    assert came["never", "losing"]["lacks"] == "no value of bot_nothing"
    shown = service.run(
        "alerts", "test", "HEAD", "--rule", "sank", "--over", "2h", cwd=fleet.folder
    ).stdout  # each value, and not the newest of ten seconds
    assert "\nsank  losing\n" in shown
    assert "deep" not in shown
    assert "rich" in service.run("alerts", "test", "--deployed", "--bot", "calm").stdout
    fleet.write("herdsman.yaml", SETTINGS + NEW_RULES.replace("below", "beloww"))
    wrong = service.run("alerts", "test", cwd=fleet.folder, check=False)
    assert (wrong.returncode, 'did you mean "below"' in wrong.stderr) == (1, True)
    assert not alerts(service, "losing").get("deep")


def test_silence_is_told_of_a_bot_that_lives_and_of_no_other(service: Service, fleet: Fleet) -> None:
    """Crashed, suspended and disabled bots print nothing either, for longer, and are accused of nothing."""
    worth = {name: service.home / name for name in ("silent", "crashed", "stopped", "off")}
    add_trader(fleet)
    fleet.write("herdsman.yaml", "alerts: {rules: {quiet: {when: {no_data: 15s}}}}\n")
    for name, file in worth.items():
        put_text(file, "10000")
        fleet.write(f"bots/{name}.yaml", trader(name, file, "{drawdown: 90%}"))
    fleet.commit("four traders")
    fleet.push()
    for name in worth:
        service.wait_health(name, "Healthy")
        wait_for(lambda name=name: service.get(f"/api/v1/bots/{name}/trading")["figures"], "its equity")

    put_text(worth["crashed"], "crash")
    service.run("suspend", "stopped", "--reason", "maintenance")
    fleet.write("bots/off.yaml", trader("off", worth["off"], "{drawdown: 90%}") + "enabled: false\n")
    fleet.commit("one is disabled")
    fleet.push()
    for name, verdict in (("crashed", "crashed"), ("stopped", "suspended"), ("off", "suspended")):
        wait_for(
            lambda name=name, verdict=verdict: lives(service, name) == verdict, f"{name} to be {verdict}"
        )
    put_text(worth["silent"], "quiet")
    told = wait_for(lambda: alerts(service, "silent").get("quiet"), "the silence to be told")
    assert "no line" in told["text"]
    assert lives(service, "silent") in ("healthy", "hung", "not_trading")
    history = service.get("/api/v1/alerts/history", rule="quiet")["alerts"]
    assert {one["bot"] for one in history if one["what"] == "fired"} == {"silent"}
    put_text(worth["silent"], "10000")
    wait_for(lambda: "quiet" not in alerts(service, "silent"), "the end of the silence")


def lives(service: Service, bot: str) -> str:
    """Return how a bot lives."""
    return str(service.get(f"/api/v1/bots/{bot}/liveness")["verdict"])
