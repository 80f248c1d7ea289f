"""One desired state of several sources: pure.

A bot's name is one bot's in the whole fleet. The source that has it keeps it; a later one that declares it
too has an error, and gets it once the first lets go of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a bot now: its source's name, and its manifest's path there."""

    source: str
    path: str


def stamp(
    state: DesiredState, name: str, before: DesiredState | None, stamped: DesiredState | None
) -> DesiredState:
    """Return a source's state with its name in each bot; what is as `before` is taken from `stamped`."""
    known = before.bots if before is not None else {}
    done = stamped.bots if stamped is not None else {}
    bots = {
        bot: done[bot] if known.get(bot) is spec and bot in done else replace(spec, source=name)
        for bot, spec in state.bots.items()
    }
    return replace(state, bots=bots)


def merge(
    names: Sequence[str],
    parts: Mapping[str, DesiredState],
    unread: Mapping[str, str],
    newest: Revision,
    owners: Mapping[str, Owner],
) -> DesiredState:
    """Return the fleet's state: `names` are all sources in their order, each in `parts` or in `unread`."""
    bots: dict[str, BotSpec] = {}
    taken: dict[str, list[ManifestError]] = {}
    for name in names:
        for bot, spec in parts[name].bots.items() if name in parts else ():
            keeper = _keeper(bot, name, names, parts, owners)
            if keeper == name:
                bots[bot] = spec
            else:
                taken.setdefault(name, []).append(_taken(spec, keeper))
    whole = {
        name: replace(parts[name], errors=(*parts[name].errors, *taken.get(name, ())))
        for name in names
        if name in parts
    }
    errors = tuple(
        replace(error, file=f"{name}:{error.file}") for name, part in whole.items() for error in part.errors
    )
    settings = whole[newest.origin].settings
    complete = all(part.complete for part in whole.values())
    return DesiredState(newest, settings, bots, errors, complete=complete, parts=whole, unread=dict(unread))


def _keeper(
    bot: str,
    asking: str,
    names: Sequence[str],
    parts: Mapping[str, DesiredState],
    owners: Mapping[str, Owner],
) -> str:
    """Return the source that a bot belongs to: its owner's while that does not let go, else the first."""
    owner = owners.get(bot)
    if owner is not None and owner.source != asking and owner.source in names:
        part = parts.get(owner.source)
        if part is None or not part.complete or bot in part.bots:
            return owner.source
        if owner.path in part.failed_paths or bot in part.failed_bots:
            return owner.source
    if owner is not None and owner.source == asking:
        return asking
    return next(name for name in names if name in parts and bot in parts[name].bots)


def _taken(spec: BotSpec, keeper: str) -> ManifestError:
    message = (
        f'the name "{spec.name}" belongs to a bot of the source {keeper}; a name is one bot\'s in the whole '
        "fleet. Rename this one, or remove that one first"
    )
    return ManifestError(spec.path, 0, 0, "/name", message, bots=(spec.name,))
