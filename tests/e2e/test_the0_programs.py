"""Programs in the0's documented format, on the public SDK, run as they are: `examples/the0`."""

import json
import shutil
from typing import Any

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.service import CHECKOUT, Service, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def add_examples(fleet: Fleet) -> None:
    """Copy the programs into the fleet, byte for byte."""
    for name in ("portfolio", "dca", "portfolio-node"):
        shutil.copytree(CHECKOUT / "examples" / "the0" / name, fleet.folder / "programs" / name)


def write_bot(fleet: Fleet, name: str, kind: str, **keys: object) -> None:
    """Write a bot's manifest in the flat format."""
    lines = [f"name: {name}", f"type: {kind}", "version: 1.0.0"]
    lines += [f"{key}: {json.dumps(value)}" for key, value in keys.items()]
    (fleet.folder / "bots").mkdir(exist_ok=True)
    (fleet.folder / "bots" / f"{name}.yaml").write_text("\n".join([*lines, ""]))


def asked(service: Service, *arguments: str) -> object:
    """Return what `herdsman query` prints."""
    return json.loads(service.run("query", *arguments).stdout)


def refused(service: Service, *arguments: str) -> str:
    """Return what `herdsman query` says where it gets no answer."""
    done = service.run("query", *arguments, check=False)
    assert done.returncode == 1, done.stdout
    return done.stderr


def looked(service: Service, bot: str) -> dict[str, Any]:
    """Return a bot's portfolio once it has looked at its market twice, however late it began."""

    def look() -> dict[str, Any] | None:
        done = service.run("query", bot, "/portfolio", check=False)
        answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
        return answer if answer.get("looks", 0) > 1 else None

    answer = wait_for(look, f"{bot} to have looked twice")
    assert answer is not None
    return answer


def test_programs_of_the_format_run_unchanged(service: Service, fleet: Fleet) -> None:
    """State, metrics, log lines, results and queries of realtime and scheduled bots, in Python and Node."""
    add_examples(fleet)
    quick = {"healthy_after": "1s"}
    write_bot(fleet, "btc", "realtime/portfolio", symbol="BTC/USDT", update_interval_ms=100, herdsman=quick)
    write_bot(
        fleet, "eth", "realtime/portfolio-node", symbol="ETH/USDT", update_interval_ms=100, herdsman=quick
    )
    write_bot(fleet, "buyer", "scheduled/dca", symbol="BTC/USDT", schedule="* * * * *")
    write_bot(fleet, "broke", "scheduled/dca", symbol="BTC/USDT", amount=-1, schedule="* * * * *")
    write_bot(fleet, "never", "scheduled/dca", symbol="BTC/USDT", amount=2, schedule="0 0 1 1 *")
    fleet.commit("bots of the format")
    fleet.push()

    for bot in ("btc", "eth"):
        service.wait_health(bot, "Healthy")
    check_python(service)
    check_node(service)
    check_between_runs(service)
    check_runs(service)


def check_python(service: Service) -> None:
    """The realtime bot on the SDK: what it keeps, prints and answers."""
    answer = looked(service, "btc")
    assert answer["positions"]["BTC/USDT"] == 0.5
    assert asked(service, "btc", "/status", "limit=5") == {
        "symbol": "BTC/USDT",
        "limit": 5,
        "params": {"limit": 5},
    }
    assert asked(service, "btc", "/health") == {"status": "ok"}
    assert set(asked(service, "btc")["available_queries"]) >= {"/portfolio", "/info", "/health"}  # type: ignore[index]
    assert asked(service, "btc", "/reset") == {"left": []}
    again = looked(service, "btc")
    assert again["looks"] >= answer["looks"], "a query changed the bot's state"
    said = refused(service, "btc", "/broken")
    assert "nothing to divide by" in said
    assert "ZeroDivisionError" in said
    assert "query.py" in said
    assert "/portfolio" in refused(service, "btc", "/nowhere")
    wait_for(
        lambda: {"bot_price", "bot_equity"} <= set(service.get("/api/v1/bots/btc")["metrics"]), "its series"
    )
    (line,) = wait_for(
        lambda: service.get("/api/v1/bots/btc/logs", text="starting")["events"], "its first line"
    )
    assert line["data"]["known"] == ["scratch"]


def check_node(service: Service) -> None:
    """The Node bot without an SDK."""
    looked(service, "eth")
    params = '{"deep": {"n": [1, 2.5, "ünï"]}}'
    assert asked(service, "eth", "/status", "--params", params) == {
        "symbol": "ETH/USDT",
        "params": json.loads(params),
    }
    assert "/status" in refused(service, "eth", "/nowhere")


def check_between_runs(service: Service) -> None:
    """A scheduled bot that never ran answers; its state cannot be set by a query."""
    assert asked(service, "never", "/runs", "why=a test") == {"runs": 0, "amount": 2, "asked": "a test"}
    assert "State modifications are not allowed" in refused(service, "never", "/reset")
    assert service.bots()["never"]["reason"] != "Running"
    assert service.get("/api/v1/bots/never/runs") == []


def check_runs(service: Service) -> None:
    """Success and error of the SDK are the runs' outcomes; the state is there for the next query."""

    def outcome(bot: str) -> dict[str, object] | None:
        ended = [run for run in service.get(f"/api/v1/bots/{bot}/runs") if run["outcome"]]
        return ended[-1] if ended else None  # the first: there may be one a minute since

    run = wait_for(lambda: outcome("buyer"), "the first run", 300, 0.3)
    assert run is not None
    assert (run["outcome"], run["message"]) == ("success", "Trade executed")
    assert run["result"]["data"] == {"symbol": "BTC/USDT", "runs": 1}  # type: ignore[index]
    failed = wait_for(lambda: outcome("broke"), "the failed run", 300, 0.3)
    assert failed is not None
    assert (failed["outcome"], failed["message"]) == ("error", "Amount must be positive")
    assert asked(service, "buyer", "/runs")["runs"] >= 1  # type: ignore[index]
