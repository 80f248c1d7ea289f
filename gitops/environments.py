"""The share of a revision that one service runs: the bots of its environments. Pure."""

from collections.abc import Collection
from dataclasses import replace

from gitops.desired import DesiredState
from gitops.survey import FLEET_FILE
from schemas.errors import ManifestError
from schemas.suggestions import nearest


def only(state: DesiredState, environments: Collection[str]) -> DesiredState:
    """Return a state with the bots of these environments alone; the very same where none are named.

    Where one of them is not in the revision at all, nothing is pruned: it is rather misspelled than emptied.
    """
    if not environments:
        return state
    there = {spec.environment for spec in state.bots.values()}
    declared = there | {one.name for one in state.settings.environments}
    missing = sorted(set(environments) - declared)
    bots = {name: spec for name, spec in state.bots.items() if spec.environment in environments}
    if not missing:
        return replace(state, bots=bots)
    known = sorted(declared - {""})
    message = (
        f"this service runs the environment {missing[0]}, which the revision does not have "
        f"({', '.join(known) or 'it has none'}): nothing is removed while that is so"
    )
    error = ManifestError(
        FLEET_FILE, 0, 0, "/environments", message, nearest(missing[0], known), warning=True
    )
    return replace(state, bots=bots, errors=(*state.errors, error), complete=False)
