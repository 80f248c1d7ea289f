"""What bots should be: what git asks for, overlaid by what holds them at another revision. Pure.

The pin of all bots comes first, then specs that did not get healthy give way to the last healthy ones, then
pins of single bots have the last word. Only what is held is looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from controller.rollback.records import Pin, Refusal
from gitops.desired import DesiredState
from schemas.bot import BotSpec

Refusals = Mapping[str, Mapping[str, Refusal]]
"""By bot, then by the digest that is refused."""


@dataclass(frozen=True, slots=True)
class Overlays:
    """Everything that holds bots elsewhere than git; each part is replaced, never changed."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
    """By subject."""
    refusals: Refusals = field(default_factory=dict)

    def pin_of(self, bot: str, source: str) -> Pin | None:
        """Return the pin that holds a bot of a source: its own, else that of all."""
        return self.pins.get(bot) or self.whole_of(source)

    def whole_of(self, source: str) -> Pin | None:
        """Return the pin of all bots of a source."""
        return next((pin for pin in self.wholes if pin.revision.origin == source), None)

    @property
    def wholes(self) -> list[Pin]:
        """The pins of all bots, of which each source has at most one."""
        return [pin for pin in self.pins.values() if pin.whole]

    def with_pin(self, pin: Pin) -> "Overlays":
        """Return these with a pin in the place of its subject's."""
        return replace(self, pins={**self.pins, pin.subject: pin})

    def without_pin(self, subject: str) -> "Overlays":
        """Return these without a subject's pin."""
        return replace(self, pins={key: pin for key, pin in self.pins.items() if key != subject})

    def with_refusals(self, refused: Iterable[Refusal]) -> "Overlays":
        """Return these with more refused."""
        refusals = dict(self.refusals)
        for one in refused:
            refusals[one.bot] = {**refusals.get(one.bot, {}), one.digest: one}
        return replace(self, refusals=refusals)

    def without_refusals(self, bot: str) -> "Overlays":
        """Return these with nothing of a bot refused."""
        kept = {name: refused for name, refused in self.refusals.items() if name != bot}
        return replace(self, refusals=kept)

    def refusal_of(self, spec: BotSpec | None) -> Refusal | None:
        """Return why a spec is not applied, None where it is."""
        return self.refusals.get(spec.name, {}).get(spec.digest) if spec is not None else None


def overlaid(desired: DesiredState, overlays: Overlays) -> DesiredState:
    """Return what the bots should be; the very same state where nothing is held."""
    state = desired
    for pin in overlays.wholes:
        state = _held(state, pin)
    refused = {
        name: refusal
        for name in overlays.refusals
        if (refusal := overlays.refusal_of(state.bots.get(name))) is not None
    }
    single = {name: pin for name, pin in overlays.pins.items() if not pin.whole}
    if not refused and not single:
        return state
    bots, revisions = dict(state.bots), dict(state.overlaid)
    for name, refusal in refused.items():
        bots[name] = _in_place_of(bots[name], refusal.fallback)
        revisions[name] = refusal.fallback_revision
    for name, pin in single.items():
        bots[name], revisions[name] = pin.bots[name], pin.revision
    return replace(state, bots=bots, overlaid=revisions)


def _held(desired: DesiredState, pin: Pin) -> DesiredState:
    """Return the state with all bots of the pin's source as they were at its revision."""
    source = pin.revision.origin
    part = desired.of_source(source)
    if part is None:
        return desired
    later = {one.renamed_from: one.name for one in part.bots.values() if one.renamed_from}
    own = {name: _come_back(spec, part, pin, later.get(name, "")) for name, spec in pin.bots.items()}
    held = replace(
        part,
        bots=own,
        failed_paths=pin.failed_paths,
        failed_bots=pin.failed_bots,
        complete=True,
        held_at=pin.revision,
        overlaid=dict.fromkeys(own, pin.revision),
    )
    if not desired.several:
        return held
    others = {name: spec for name, spec in desired.bots.items() if spec.source != source}
    parts = {**desired.parts, source: held}
    mine = {name: spec for name, spec in own.items() if name not in others}
    revisions = {**desired.overlaid, **dict.fromkeys(mine, pin.revision)}
    return replace(desired, bots={**mine, **others}, parts=parts, overlaid=revisions)


def _come_back(spec: BotSpec, now: DesiredState, pin: Pin, later: str) -> BotSpec:
    """Return a bot's spec; one that was renamed since brings its state back from its later name."""
    if not later or spec.name in now.bots or later in pin.bots:
        return spec
    return replace(spec, renamed_from=later)


def _in_place_of(refused: BotSpec, fallback: BotSpec) -> BotSpec:
    """Return what runs instead of a refused spec: where its manifest lies, and whether at all, git says."""
    return replace(fallback, enabled=refused.enabled, path=refused.path, source=refused.source)
