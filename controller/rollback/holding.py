"""How a bot that is held at another revision than git's is spoken of. Pure."""

from datetime import UTC, datetime

from controller.rollback.overlay import Overlays
from controller.rollback.records import Pin, Refusal
from controller.status import HeldBy, Hold
from gitops.desired import DesiredState
from gitops.revision import Revision
from schemas.bot import BotSpec


def hold_of(
    pin: Pin | None, refusal: Refusal | None, spec: BotSpec, git: BotSpec | None, revision: Revision
) -> Hold | None:
    """Return what holds a bot: `spec` is what it should be, `git` what git asks for at `revision`."""
    if pin is not None:
        by = HeldBy.FLEET if pin.whole else HeldBy.BOT
        differs = git is None or (git.digest, git.enabled) != (spec.digest, spec.enabled)
        text = pin_text(pin, revision)
        return Hold(by, pin.revision.id, revision.id, pin.by, pin.reason, pin.since, pin.until, text, differs)
    if refusal is not None:
        text, back = refusal_text(refusal), refusal.fallback_revision.id
        return Hold(HeldBy.GUARD, back, revision.id, "herdsman", refusal.error, refusal.at, text=text)
    return None


def whole_hold(pin: Pin, desired: DesiredState | None) -> Hold:
    """Return the hold of all bots."""
    part = desired.of_source(pin.revision.origin) if desired is not None else None
    git = part.revision if part is not None else Revision("")
    return Hold(
        HeldBy.FLEET,
        pin.revision.id,
        git.id,
        pin.by,
        pin.reason,
        pin.since,
        pin.until,
        pin_text(pin, git),
        pin.revision.id != git.id,
        pin.revision.origin,
    )


def pinned_texts(overlays: Overlays, desired: DesiredState) -> dict[str, str]:
    """Return for each source of which all bots are pinned what a newer revision of it is told."""
    return {
        pin.revision.origin: f"all bots are {pin_text(pin, part.revision)}; it changes nothing until "
        "herdsman unpin --fleet"
        for pin in overlays.wholes
        if (part := desired.of_source(pin.revision.origin)) is not None
    }


def kept_back(desired: DesiredState, wanted: DesiredState, overlays: Overlays) -> dict[str, str]:
    """Return why bots stay as they are though git asks for something else, by bot."""
    kept = {}
    for name in wanted.overlaid:
        git, spec = desired.bots.get(name), wanted.bots[name]
        if git is None or git.digest == spec.digest:
            continue
        pin = overlays.pin_of(name, git.source)
        hold = hold_of(pin, overlays.refusal_of(git), spec, git, desired.revision_of(name))
        kept[name] = hold.text if hold is not None else ""
    return kept


def pin_text(pin: Pin, git: Revision) -> str:
    """Return `pinned to 1a2b3c4 by desk-ops since 2026-11-23 06:00 UTC: "..."; git is at 9f8e7d6`."""
    end = f", until {moment_text(pin.until)}" if pin.until is not None else ""
    reason = f': "{pin.reason}"' if pin.reason else ""
    place = f"; git is at {git.short}" if git.id else ""
    who = f"by {pin.by} since {moment_text(pin.since)}{end}"
    return f"pinned to {pin.revision.short} {who}{reason}{place}"


def refusal_text(refusal: Refusal) -> str:
    """Return `9f8e7d6 did not get healthy (crashed 5 times ...); runs 1a2b3c4 since ...`."""
    return (
        f"{refusal.revision.short} did not get healthy ({refusal.error}); "
        f"runs {refusal.fallback_revision.short} since {moment_text(refusal.at)}"
    )


def either_text(hold: Hold | None) -> str:
    """Return what is added to the failure of a bot that was rolled back and fails again, "" for another."""
    if hold is None or hold.by is not HeldBy.GUARD:
        return ""
    return (
        "; its update was taken back, and what ran before it fails as well: it is probably not the update, "
        "and nothing more is changed"
    )


def moment_text(at: float) -> str:
    """Return `2026-11-23 06:00 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
