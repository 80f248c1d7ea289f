"""Kill switches and suspensions of scopes on Nomad: one variable that the launchers of all bots watch."""

from controller.records import Rules
from controller.rules import decode_rules, encode_rules
from controller.schedulers.nomad.api import NomadApi
from controller.schedulers.nomad.job import rules_path
from schemas.errors import Conflict, SchedulerUnavailable

RULES = "rules"
"""The item of the rules' variable that holds their document."""
_TRIES = 5


async def read_rules(api: NomadApi, fleet: str) -> Rules | None:
    """Return what the variable says, None where there is none. Raises SchedulerUnavailable."""
    path = rules_path(fleet)
    found = await api.variable(path)
    if RULES not in found.items:
        return None
    try:
        return decode_rules(found.items[RULES])
    except ValueError as error:
        raise SchedulerUnavailable(
            f"the Nomad variable {path} cannot be read ({error}), and "
            "it may say that bots must not run: mend it, or delete it where no kill switch is on"
        ) from error


async def write_rules(api: NomadApi, fleet: str, rules: Rules) -> None:
    """Write the variable, whoever else wrote it meanwhile. Raises Conflict where that does not end."""
    path, items = rules_path(fleet), {RULES: encode_rules(rules)}
    for attempt in range(_TRIES):
        try:
            await api.write_variable(path, items, (await api.variable(path)).index)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
        else:
            return
