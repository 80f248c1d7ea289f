"""What is remembered of going back; times are Unix seconds. A revision here is its `key`, see `Revision`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gitops.revision import Revision
from schemas.bot import BotSpec

FLEET = "*"
"""The subject of a pin of all bots (of the revision's source, where the fleet has several)."""


@dataclass(frozen=True, slots=True)
class Pin:
    """An operator's word that a bot, or all of them, stay at a revision whatever git says.

    `bots` are what they were there: one for a pin of a bot. `failed_paths` and `failed_bots` are the
    manifests that did not load there, in a pin of all.
    """

    subject: str
    revision: Revision
    by: str
    reason: str
    since: float
    until: float | None = None
    bots: Mapping[str, BotSpec] = field(default_factory=dict)
    failed_paths: frozenset[str] = frozenset()
    failed_bots: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether it holds all bots."""
        return self.subject.startswith(FLEET)


def fleet_subject(source: str) -> str:
    """Return the subject of a pin of all bots of a source ("" where the fleet has one)."""
    return f"{FLEET}{source}"


@dataclass(frozen=True, slots=True)
class Trial:
    """An update that has yet to get healthy, and what the bot goes back to where it does not.

    Written before the update is applied: `digest` and `revision` are the update's.
    """

    bot: str
    digest: str
    revision: Revision
    fallback: BotSpec
    fallback_revision: Revision


@dataclass(frozen=True, slots=True)
class Refusal:
    """A spec of a bot that is not applied again: it did not get healthy, and `fallback` runs instead."""

    bot: str
    digest: str
    revision: Revision
    error: str
    at: float
    fallback: BotSpec
    fallback_revision: Revision


@dataclass(frozen=True, slots=True)
class Deployment:
    """A spec that was applied to a bot: when last, by which revision; `healthy_at` None if it never was."""

    bot: str
    digest: str
    revision: Revision
    spec: BotSpec
    applied_at: float
    healthy_at: float | None = None
    current: bool = False
    """It is what is applied now."""
    refused: str = ""
    """Why it is not applied again though git asks for it, "" where it is."""


@dataclass(frozen=True, slots=True)
class WentBack:
    """What follows from going back, or from the end of it: to which revision, how many bots change."""

    revision: str
    changing: int = 0
    held: str = ""
    """Why it waits for a person: it would remove many bots."""
