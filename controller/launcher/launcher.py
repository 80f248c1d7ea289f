"""The program: `python -I -S launcher.py [ORDER FILE]`, else with the order in `HERDSMAN_ORDER` (base64).

It ends with 0 after a planned stop, a skipped start or a successful run, with 1 after a failed one.
"""

import binascii
import posix
import sys
import time

sys.path.append(__file__.rpartition("/controller/")[0] or ".")  # -I and -S leave the standard library alone

from controller.launcher.files import read
from controller.launcher.keeper import Keeper
from controller.launcher.kill_switch import KillSwitch
from controller.launcher.lease import open_lease
from controller.launcher.loop import Loop
from controller.launcher.processes import adopt_orphans, keep_private
from controller.launcher.reporting import Reports
from controller.launcher.supervisor import Supervisor
from controller.launcher.surroundings import expanded
from controller.launcher.text import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREDENTIAL = "NOMAD_TOKEN"
"""The credential with which a launcher keeps its lease on Nomad; a bot must not have it."""
_PERIODIC = "/periodic-"


def main() -> int:
    """Carry out the order."""
    own = {key.decode(): value.decode("utf-8", "surrogateescape") for key, value in posix.environ.items()}
    if CREDENTIAL in own:
        keep_private()
    order = read_order(sys.argv, own)
    if order.get("handed"):
        take_values(order)
    adopt_orphans()
    reports = Reports(order, posix.getpid())
    if order["timetable"] and not order["catch_up"] and not on_time(order, own):
        reports.write("skipped", reason="off_slot", message="this start is not on the bot's schedule")
        return 0
    keeper = Keeper(order, open_lease(order, own))
    switch = KillSwitch(order, own)
    return Supervisor(order, own, keeper, reports, Loop(keeper, order["parent"], switch), switch).live()


def take_values(order: "dict[str, Any]") -> None:
    """Take the values that the service hands over; only a bot that has some pays for the means."""
    from controller.launcher.handed import take

    take(order)


def read_order(arguments: list[str], own: dict[str, str]) -> "dict[str, Any]":
    """Return the order from the file named by the first argument, or from the environment."""
    if len(arguments) > 1:
        text = read(arguments[1])
        if text is None:
            raise SystemExit(f"the order {arguments[1]} cannot be read")
    else:
        text = binascii.a2b_base64(own["HERDSMAN_ORDER"]).decode()
    order = decode(text)
    for name in ("paths", "allocation", "node", "code", "interpreter"):
        order[name] = expanded(order[name], own)
    order.setdefault("state", {"on_lost_node": "wait"})  # an order from before there was one
    for name in ("handed", "conceal"):
        if name in order:
            order[name] = expanded(order[name], own)
    order.setdefault("scopes", ["all", f"bot={order['bot']}"])  # the same
    order["former_state"] = expanded(order["former_state"], own)
    order["lease"]["options"] = expanded(order["lease"]["options"], own)
    return order  # type: ignore[no-any-return]


def on_time(order: "dict[str, Any]", own: dict[str, str]) -> bool:
    """Return whether this start was due.

    The scheduler says for which moment it starts us (`HERDSMAN_DUE`, or Nomad by the name of the periodic
    job's child); without that it is the present minute or the one before.
    """
    from controller.launcher.slots import is_slot

    due = own.get("HERDSMAN_DUE") or own.get("NOMAD_JOB_ID", "").rpartition(_PERIODIC)[2]
    if due.isdigit():
        return int(due) % 60 == 0 and is_slot(order["timetable"], int(due))
    moment = time.time()
    return is_slot(order["timetable"], moment) or is_slot(order["timetable"], moment - 60)


if __name__ == "__main__":
    sys.exit(main())
