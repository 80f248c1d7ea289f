"""What is known of one revision, kept beside its desired state: the next one costs only what changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops.tree import TreeEntry
from schemas.bot import BotSpec, ProgramVersion
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from schemas.log_rules import LogRule
from schemas.parameters import ParameterSchema

ProgramKey = tuple[str, str]
"""A program's name and version."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Where everything lies in one revision, by path; nothing of it has been read yet.

    `programs` maps each program's folder to its tree id; `links` are symbolic links and submodules.
    `swallowed` are documents under `bots/` that are no instances, since a program lies around them.
    """

    programs: Mapping[str, str] = field(default_factory=dict)
    instances: Mapping[str, TreeEntry] = field(default_factory=dict)
    links: Mapping[str, TreeEntry] = field(default_factory=dict)
    fleet: TreeEntry | None = None
    rules: Mapping[str, TreeEntry] = field(default_factory=dict)
    swallowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file of log rules: its rules (the last good ones where it does not load), what is wrong with it."""

    oid: str
    rules: tuple[LogRule, ...] = ()
    errors: tuple[ManifestError, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """A program's folder, read and checked; `name` is the folder's where its manifest does not tell."""

    folder: str
    tree: str
    manifest_oid: str = ""
    name: str = ""
    program: ProgramVersion | None = None
    parameters: ParameterSchema | None = None
    errors: tuple[ManifestError, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether bots may run it."""
        return self.program is not None and self.parameters is not None and not any_error(self.errors)

    @property
    def key(self) -> ProgramKey | None:
        """Its name and version, where the manifest tells them."""
        return (self.program.name, self.program.version) if self.program else None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a (program, version) means in one revision: a program's record, or why there is none.

    `problem` is said at each bot that asks for it. It is "" where errors of the program's own files, in the
    folder `blamed`, say enough. `past` tells that it comes from an earlier revision.
    """

    record: ProgramRecord | None = None
    past: bool = False
    blamed: str = ""
    problem: str = ""
    pointer: str = ""
    suggestion: str | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for two resolutions with which a bot comes out the same."""
        place = (self.record.folder, self.record.tree) if self.record else ("", "")
        return (*place, self.blamed, self.problem, self.suggestion or "")


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """An instance's file, read and resolved. `spec` is None where it failed; a name may be known even so."""

    path: str
    oid: str
    name: str = ""
    key: ProgramKey | None = None
    spec: BotSpec | None = None
    errors: tuple[ManifestError, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetIndex:
    """Everything of the last build that the next one can use again. All of it is immutable.

    `past` holds programs of earlier revisions by (folder, tree). `settings` are the last good ones.
    """

    survey: Survey = Survey()
    settings: FleetSettings | None = None
    fleet_errors: tuple[ManifestError, ...] = ()
    programs: Mapping[str, ProgramRecord] = field(default_factory=dict)
    past: Mapping[tuple[str, str], ProgramRecord] = field(default_factory=dict)
    resolutions: Mapping[ProgramKey, Resolution] = field(default_factory=dict)
    instances: Mapping[str, InstanceRecord] = field(default_factory=dict)
    rule_files: Mapping[str, RuleFile] = field(default_factory=dict)


def any_error(errors: tuple[ManifestError, ...]) -> bool:
    """Return whether one of them is more than a warning."""
    return any(not error.warning for error in errors)
