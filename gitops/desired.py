"""The desired state: everything that one revision asks for, and everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops.index import FleetIndex
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the bots of a fleet should be at one revision.

    `bots` are those whose manifests are sound. `failed_paths` are manifest paths that did not load: a bot
    last loaded from one of them is protected (neither changed nor pruned). `complete` is False where the
    tree could not be read whole: then nothing is pruned at all. `failed_bots` are the names that failed
    files declare, as far as they can be told: protected as well, since a file may be moved and broken in
    one commit. `index` is for the next build only.
    """

    revision: Revision
    settings: FleetSettings = FleetSettings()
    bots: Mapping[str, BotSpec] = field(default_factory=dict)
    errors: tuple[ManifestError, ...] = ()
    failed_paths: frozenset[str] = frozenset()
    complete: bool = True
    failed_bots: frozenset[str] = frozenset()
    index: FleetIndex | None = field(default=None, repr=False, compare=False)
