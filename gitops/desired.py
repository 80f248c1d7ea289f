"""The desired state: everything that one revision asks for, and everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gitops.index import FleetIndex
from gitops.revision import Revision
from schemas.bot import BotSpec
from schemas.errors import ManifestError
from schemas.fleet import FleetSettings
from schemas.log_rules import LogRule


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the bots of a fleet should be at one revision.

    `bots` are those whose manifests are sound. `failed_paths` are manifest paths that did not load: a bot
    last loaded from one of them is protected (neither changed nor pruned). `complete` is False where the
    tree could not be read whole: then nothing is pruned at all. `failed_bots` are the names that failed
    files declare, as far as they can be told: protected as well, since a file may be moved and broken in
    one commit. `index` is for the next build only.

    A fleet with several sources has `parts`, the last good state of each by its name, and `unread`, why a
    source has none yet; `revision` is then the newest one's, `bots` and `errors` are all of them together.
    Whether a bot is protected, and what may be pruned, is each part's own affair.

    `overlaid` are the bots that are held at what another revision says (that one, by bot), whatever their
    manifests say now; `held_at` is the revision that all bots are held at (of a part: those of its source).
    """

    revision: Revision
    settings: FleetSettings = FleetSettings()
    bots: Mapping[str, BotSpec] = field(default_factory=dict)
    errors: tuple[ManifestError, ...] = ()
    failed_paths: frozenset[str] = frozenset()
    complete: bool = True
    failed_bots: frozenset[str] = frozenset()
    index: FleetIndex | None = field(default=None, repr=False, compare=False)
    parts: Mapping[str, "DesiredState"] = field(default_factory=dict, repr=False)
    unread: Mapping[str, str] = field(default_factory=dict)
    overlaid: Mapping[str, Revision] = field(default_factory=dict, repr=False)
    held_at: Revision | None = None

    @property
    def log_rules(self) -> tuple[LogRule, ...]:
        """Return the log rules of all sources; each is for the bots of its own source."""
        if not self.several:
            return self.settings.rules
        return tuple(
            replace(rule, source=name) for name, part in self.parts.items() for rule in part.settings.rules
        )

    @property
    def several(self) -> bool:
        """Whether the fleet has several sources."""
        return bool(self.parts or self.unread)

    def of_source(self, source: str) -> "DesiredState | None":
        """Return one source's state (this one where the fleet has one), None where it has none now."""
        return self.parts.get(source) if self.several else self

    def fails(self, source: str, path: str, bot: str) -> bool:
        """Say whether the manifest of a bot that comes from a source did not load, and says what it is."""
        if bot in self.overlaid:
            return False
        part = self.of_source(source)
        return part is not None and (path in part.failed_paths or bot in part.failed_bots)

    def unread_text(self, source: str) -> str:
        """Return why nothing is known of a source's bots, "" where something is."""
        if source not in self.unread:
            return ""
        return f"its source {source} has not been read since the start: {self.unread[source]}"

    def keeps(self, source: str) -> str:
        """Return why no bot of a source may be pruned, "" where one may that is not asked for any more."""
        part = self.of_source(source)
        if part is not None:
            return "" if part.complete else "the revision could not be read whole, so nothing is pruned"
        partial = [name for name, one in self.parts.items() if not one.complete]
        open_sources = ", ".join([*self.unread, *partial])
        if not open_sources:
            return ""
        return f"nothing is pruned before these sources have been read, which may declare it: {open_sources}"

    def may_declare(self, source: str, path: str, bot: str) -> str:
        """Return which other source may declare a bot of `source` in a file that did not load, "" for none.

        Of a source that is gone, as the one of before several, the path may be another's now.
        """
        gone = self.several and source not in self.parts
        return next(
            (
                name
                for name, part in self.parts.items()
                if name != source and (bot in part.failed_bots or (gone and path in part.failed_paths))
            ),
            "",
        )

    def revision_of(self, bot: str, source: str = "") -> Revision:
        """Return the revision that says what a bot is: that of its source (`source` where git has no bot)."""
        held = self.overlaid.get(bot)
        if held is not None:
            return held
        spec = self.bots.get(bot)
        part = self.parts.get(spec.source if spec else source)
        return part.revision if part is not None else self.revision

    def errors_of(self, source: str) -> tuple[ManifestError, ...]:
        """Return what is wrong in one source (in all, where the fleet has one)."""
        part = self.of_source(source)
        return part.errors if part is not None else self.errors
