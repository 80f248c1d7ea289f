"""Which bots of two environments belong together, and what of the one is carried to the other. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.promotion.editing import holds, value_at
from gitops.desired import DesiredState
from gitops.instances import environment_of
from schemas.bot import BotSpec
from schemas.document import Document, Path
from schemas.errors import UsageError
from schemas.instance import CONFIG, RESERVED
from schemas.secret_values import looks_secret
from schemas.suggestions import nearest

VERSION = "version"


@dataclass(frozen=True, slots=True)
class Pair:
    """A bot and the one that it is promoted to: the same file, each in the folder of its environment."""

    source: BotSpec
    target: BotSpec


@dataclass(frozen=True, slots=True)
class Carried:
    """One value that is carried: into which bot's manifest, where in it, and what it was (None: nothing)."""

    bot: str
    file: str
    path: Path
    before: Any
    after: Any

    @property
    def key(self) -> str:
        """The value's name for people."""
        return ".".join(str(part) for part in self.path if part != CONFIG)


@dataclass(frozen=True, slots=True)
class Left:
    """A bot that nothing is carried from, or to, and why."""

    bot: str
    reason: str


def check_environments(state: DesiredState, names: Collection[str]) -> None:
    """Raise UsageError for an environment that the fleet does not have."""
    there = {spec.environment for spec in state.bots.values()}
    there |= {environment_of(path, state.settings, "") for path in state.failed_paths}
    there |= {one.name for one in state.settings.environments}
    for name in names:
        if name not in there - {""}:
            known = ", ".join(sorted(there - {""})) or "none: see docs/environments.md"
            near = nearest(name, there)
            meant = f'; did you mean "{near}"?' if near else ""
            raise UsageError(f'the fleet has no environment "{name}" (it has {known}){meant}')


def pairs(
    state: DesiredState, source: str, target: str, what: Collection[str]
) -> tuple[list[Pair], list[Left]]:
    """Return which bots belong together, and the bots of the source that stand alone.

    `what` names programs, and bots of either; all where it is empty. Raises UsageError for an unknown name.
    """
    theirs = {_within(state, spec): spec for spec in _of(state, target)}
    found, alone = [], []
    for spec in _of(state, source):
        other = theirs.get(_within(state, spec))
        names = {spec.name, spec.program.name} | ({other.name} if other else set())
        if what and not names & set(what):
            continue
        if other is None:
            alone.append(Left(spec.name, f"{target} has no manifest {_within(state, spec)}"))
        elif other.program.name != spec.program.name or other.type is not spec.type:
            alone.append(Left(spec.name, f"{other.name} is a bot of {other.program.name} there"))
        else:
            found.append(Pair(spec, other))
    known = {name for spec in state.bots.values() for name in (spec.name, spec.program.name)}
    for name in what:
        if name not in known:
            near = nearest(name, known)
            raise UsageError(f'no bot or program is called "{name}"' + (f': "{near}"?' if near else ""))
    return found, alone


def carried(
    pair: Pair, source: Document, target: Document, parameters: Collection[str] | None
) -> Iterator[Carried | Left]:
    """Yield what is carried of one pair: the version, and these parameters (None: all that are set).

    What may be a secret is never carried. An older version is no promotion.
    """
    version, theirs = pair.source.program.version, pair.target.program.version
    if _parts(version) < _parts(theirs):
        yield Left(pair.target.name, f"it has {theirs}, and {pair.source.name} the older {version}")
        return
    for path in _paths(source, parameters):
        into = _place_in(target, path)
        if secret := _concealed(source, path) or _concealed(target, into):
            yield Left(pair.target.name, f"{secret} may be a secret, which is never carried")
            continue
        before = value_at(target, into) if holds(target, into) else None
        after = value_at(source, path)
        if before != after or type(before) is not type(after):
            yield Carried(pair.target.name, target.file, into, before, after)


def _paths(document: Document, parameters: Collection[str] | None) -> Iterator[Path]:
    """Yield where the version and the wanted parameters stand."""
    yield (VERSION,)
    value = document.value
    nested: Mapping[str, Any] = value[CONFIG] if isinstance(value.get(CONFIG), dict) else {}
    every: dict[str, Path] = {key: (key,) for key in value if key not in RESERVED and key != CONFIG}
    every |= {key: (CONFIG, key) for key in nested}
    yield from (path for key, path in every.items() if parameters is None or key in parameters)


def _concealed(document: Document, path: Path) -> str:
    """Return the name of what may be a secret at a path or anywhere below it, "" where nothing is.

    By its name or by its looks; a version is none, whatever is built into it.
    """
    if path == (VERSION,):
        return ""
    for below, value in _below(value_at(document, path) if holds(document, path) else None, path):
        if document.conceals(below) or (isinstance(value, str) and looks_secret(value)):
            return ".".join(str(part) for part in below if part != CONFIG)
    return ""


def _below(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield a value and everything in it, each with its path."""
    yield path, value
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, one in inside:
        yield from _below(one, (*path, key))


def _place_in(target: Document, path: Path) -> Path:
    """Return where a value belongs in another manifest, which may have its parameters flat or nested."""
    if path == (VERSION,):
        return path
    return (CONFIG, path[-1]) if isinstance(target.value.get(CONFIG), dict) else (path[-1],)


def _of(state: DesiredState, environment: str) -> list[BotSpec]:
    found = [spec for spec in state.bots.values() if spec.environment == environment]
    return sorted(found, key=lambda spec: spec.path)


def _within(state: DesiredState, spec: BotSpec) -> str:
    """Return a manifest's path within the folder of its environment."""
    declared = state.settings.environment(spec.environment).folders or (f"bots/{spec.environment}",)
    folders = [one.strip("/") for one in declared]
    around = [f"{one}/" for folder in folders for one in (folder, f"bots/{folder}")]
    inside = [one for one in around if spec.path.startswith(one)]
    return spec.path.removeprefix(max(inside, key=len)) if inside else spec.path


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split("+")[0].split("."))
