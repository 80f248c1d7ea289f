"""What is done to a bot in the middle of a fault: each operation has a bot of its own.

`early` is done at once after the fault, before Nomad can know of it; `late` once Nomad knows, or some
seconds later where it never does. What is written to the fleet is pushed after each of the two.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from tests.faults.house import KEEPING, LIVING, RUNNING, SHORT, USUAL
from tests.faults.scene import Bot, Scene

Act = Callable[[Scene, Bot], None]


@dataclass(frozen=True)
class Operation:
    """One operation; `ends` is the spec with which the bot must run in the end, "" for none."""

    name: str
    early: Act | None = None
    late: Act | None = None
    ends: str = "one"
    on: int = 0
    """Which of the struck machines its bot begins on; 2 for the one that is not struck."""
    lease: str = SHORT
    kind: str = LIVING
    asks_nomad: bool = False
    """It is somebody else's, with Nomad's own tools."""


def written(spec: str, *, enabled: bool = True) -> Act:
    return lambda _, bot: bot.write(spec, enabled=enabled)


def removed(_: Scene, bot: Bot) -> None:
    bot.remove()


def changed_alone(scene: Scene, bot: Bot) -> None:
    scene.herdsman.push("others")
    bot.write("two")
    bot.commit = scene.herdsman.push(bot.name)


def reverted(scene: Scene, bot: Bot) -> None:
    scene.herdsman.push("others")
    scene.herdsman.git("revert", "--no-edit", bot.commit)


def asked(what: str) -> Act:
    """Ask herdsman's API, as an operator does; while it does not answer nothing comes of it."""

    def ask(scene: Scene, bot: Bot) -> None:
        with contextlib.suppress(httpx.HTTPError):
            scene.herdsman.ask("POST", f"bots/{bot.name}/{what}", {"reason": "in the middle of a fault"})

    return ask


def switched(what: str) -> Act:
    """Throw (`kill`) the kill switch over this bot alone, or `release` it; as above."""

    def switch(scene: Scene, bot: Bot) -> None:
        body = {"scope": f"bot={bot.name}", "reason": "in the middle of a fault"}
        with contextlib.suppress(httpx.HTTPError):
            scene.herdsman.ask("POST", what, body)

    return switch


def scaled(count: int) -> Act:
    def scale(scene: Scene, bot: Bot) -> None:
        job = f"job/{scene.job(bot.name)}"
        deployment = scene.cluster.get(f"{job}/deployment")
        if deployment and deployment["Status"] == "running":  # else Nomad refuses
            scene.cluster.send("PUT", f"deployment/fail/{deployment['ID']}")
        body = {"Count": count, "Target": {"Group": "bot"}, "Message": "a stranger's"}
        scene.cluster.send("POST", f"{job}/scale", body)

    return scale


def stopped_by_a_stranger(scene: Scene, bot: Bot) -> None:
    scene.cluster.send("DELETE", f"job/{scene.job(bot.name)}")


def purged_by_a_stranger(scene: Scene, bot: Bot) -> None:
    scene.cluster.send("DELETE", f"job/{scene.job(bot.name)}?purge=true")


def registered_by_a_stranger(scene: Scene, bot: Bot) -> None:
    job = scene.cluster.get(f"job/{scene.job(bot.name)}")
    job["Meta"]["stranger"] = "was here"
    scene.cluster.send("POST", "jobs", {"Job": job})


def drained(scene: Scene, _: Bot) -> None:
    second = scene.struck[1].name
    node = next(one["ID"] for one in scene.cluster.get("nodes") if one["Name"] == second)
    body = {"NodeID": node, "DrainSpec": {"Deadline": 30 * 10**9}}
    scene.cluster.send("PUT", f"node/{node}/drain", body)


OPERATIONS = (
    Operation("nothing"),
    Operation("update, early", early=written("two"), ends="two"),
    Operation("update, late", late=written("two"), ends="two"),
    Operation("update, then git revert", early=changed_alone, late=reverted),
    Operation("stop, early", early=written("one", enabled=False), ends=""),
    Operation("stop, late", late=written("one", enabled=False), ends=""),
    Operation("stop, then start", early=written("one", enabled=False), late=written("one")),
    Operation("prune", late=removed, ends=""),
    Operation("prune, then add", early=removed, late=written("two"), ends="two"),
    Operation("suspend", late=asked("suspend"), ends=""),
    Operation("suspend, then resume", early=asked("suspend"), late=asked("resume")),
    Operation("kill switch", late=switched("kill"), ends=""),
    Operation("kill switch, then release", early=switched("kill"), late=switched("release")),
    Operation("restart, early", early=asked("restart")),
    Operation("restart, late", late=asked("restart")),
    Operation("scale to 2", late=scaled(2), asks_nomad=True),
    Operation("scale to 0", early=scaled(0), asks_nomad=True),
    Operation("nomad job stop", late=stopped_by_a_stranger, asks_nomad=True),
    Operation("nomad job stop -purge", late=purged_by_a_stranger, asks_nomad=True),
    Operation("nomad job run", late=registered_by_a_stranger, asks_nomad=True),
    Operation("nomad node drain", early=drained, on=1, asks_nomad=True),
    Operation("nothing, with a state", kind=KEEPING),
    Operation("update, with a state", late=written("two"), ends="two", kind=KEEPING),
    Operation("nothing, scheduled", kind=RUNNING),
    Operation("untouched, elsewhere", on=2, lease=USUAL),
)
