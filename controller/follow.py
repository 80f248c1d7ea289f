"""Following changes: each bot's newest change, its pass, and the record of the revision that asked for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from controller.clock import Clock
from controller.field_changes import field_changes
from controller.fleet import Fleet
from controller.passes import Pass
from controller.plan import Action, ActionKind, Plan
from controller.process import ProcessState
from controller.progress import Aim, Evidence, progress
from controller.records import (
    Change,
    ChangeState,
    FieldChange,
    OpenChange,
    RevisionRecord,
    RevisionState,
)
from controller.rollout import RolloutView
from controller.schedulers.protocol import Phase
from controller.settings import Settings
from gitops.revision import Revision
from schemas.bot import BotType
from schemas.errors import HerdsmanError

_ANNOUNCING = frozenset({"push", "webhook"})
_FINAL = frozenset({ChangeState.HEALTHY, ChangeState.REMOVED, ChangeState.ROLLED_BACK, ChangeState.UNCHANGED})


@dataclass(slots=True)
class _Track:
    change: Change
    aim: Aim
    revision: str
    """The revision whose record the change belongs to, "" for a repair of drift."""
    asked: list[Pass]
    placed_at: float | None = None
    back: bool = False
    """It brings the bot back to an earlier revision."""


class Followed:
    """The changes under way. `advance` moves a bot's change on; what moved waits in `take_moved`."""

    def __init__(self, fleet: Fleet, clock: Clock, settings: Settings) -> None:
        self._fleet = fleet
        self._clock = clock
        self._settings = settings
        self._tracks: dict[str, _Track] = {}
        self._left: list[_Track] = []
        """What an earlier life left on its way, until the first plan shows what is wanted now."""
        self._moved: dict[str, dict[str, Change]] = {}
        self._records: dict[str, RevisionRecord] = {}
        """Each source's newest revision; its changes are kept in `_changes` until it is asked for."""
        self._changes: dict[str, dict[str, Change]] = {}
        self._newest = ""
        self.rollout_of: Callable[[str, str], RolloutView | None] = lambda _source, _revision: None
        """Returns the waves of a source's revision."""

    @property
    def record(self) -> RevisionRecord | None:
        """The newest revision's record, without its changes."""
        return self._records.get(self._newest)

    def record_of(self, source: str) -> RevisionRecord | None:
        """Return the newest record of one source ("" where the fleet has one), without its changes."""
        return self._records.get(source)

    @property
    def waiting(self) -> int:
        """Return how many bots' changes have not come to running, gone or failed yet."""
        return sum(track.change.state is ChangeState.WAITING for track in self._tracks.values())

    @property
    def moved(self) -> bool:
        """Say whether a change has moved since the last `take_moved`."""
        return bool(self._moved)

    def take_up(self, left: Iterable[OpenChange]) -> None:
        """Go on following what an earlier life left on its way; the fleet is as that life knew it."""
        for one in left:
            track = _Track(one.change, self._earlier_aim(one.change), one.revision, [])
            if one.newer:
                self._move(track, ChangeState.UNCHANGED, f"overtaken by {Revision(one.newer).short}")
            else:
                self._left.append(track)

    def begin(self, asked: Pass, plan: Plan, record: RevisionRecord | None) -> None:
        """Follow a plan's actions for a pass; `record` where the plan is of a revision not seen before."""
        if record is not None:
            self._newest = source = record.revision.origin
            self._records[source] = replace(record, changes=())
            self._changes[source] = {change.bot: change for change in record.changes}
        left = self._go_on()
        live = [action for action in plan.actions if not action.held]
        again = {action.bot for action in live}
        for bot in [*self._tracks]:
            self._overtake(bot, plan.revision.short, again=bot in again)
        tracks = [self._track(action, asked, self._revision_for(action, plan)) for action in live]
        if record is None and asked.trigger in _ANNOUNCING:
            tracks += self._joined(asked, plan.revision.key, again)
        asked.begin(plan, [track.change for track in tracks])
        for bot in dict.fromkeys([*(action.bot for action in live), *left]):
            self.advance(bot)
        self._settle_record(plan)

    def _go_on(self) -> list[str]:
        """Follow what an earlier life left, and return whose changes that are.

        What is of a source that has not been read yet is left until it has: nobody knows what it wants now.
        """
        left = [track for track in self._left if not self._unread(track)]
        self._left = [track for track in self._left if self._unread(track)]
        wanted = self._fleet.wanted.bots if self._fleet.wanted else {}
        for track in left:
            spec = wanted.get(track.change.bot)
            track.aim = replace(track.aim, scheduled=spec is not None and spec.type is BotType.SCHEDULED)
            self._resume(track)
        return [track.change.bot for track in left]

    def _unread(self, track: _Track) -> bool:
        """Say whether a change is about a bot, or of a revision, of a source that has not been read yet."""
        unread = self._fleet.wanted.unread if self._fleet.wanted else {}
        entry = self._fleet.inventory.get(track.change.bot)
        owner = entry.source if entry is not None else ""
        return owner in unread or track.revision.partition("@")[2] in unread

    def _resume(self, track: _Track) -> None:
        """Follow a change of an earlier life, with whoever asked since for the repair of what it made."""
        since = self._tracks.get(track.change.bot)
        if since is not None:
            if since.revision or since.aim.digest != track.aim.digest:
                return
            track.aim, track.placed_at, track.asked = since.aim, since.placed_at, since.asked
        self._tracks[track.change.bot] = track

    def advance(self, name: str) -> float | None:
        """Move a bot's change as far as what is known shows; return when to look again, in seconds."""
        track = self._tracks.get(name)
        if track is None:
            return None
        state, message = progress(track.aim, self._evidence(name, track))
        if track.back and state is ChangeState.HEALTHY:
            state, message = ChangeState.ROLLED_BACK, self._held_text(name)
        if state in (ChangeState.WAITING, ChangeState.HELD) and track.change.state is ChangeState.RUNNING:
            state, message = ChangeState.RUNNING, track.change.message
        if (state, message) != (track.change.state, track.change.message):
            self._move(track, state, message)
        if state in _FINAL:
            self._tracks.pop(name, None)
            return None
        return self._next_look(track)

    def _held_text(self, name: str) -> str:
        status = self._fleet.statuses.get(name)
        return status.hold.text if status is not None and status.hold is not None else ""

    def take_moved(self) -> dict[str, list[Change]]:
        """Return the changes that moved since the last call, by revision."""
        moved, self._moved = self._moved, {}
        return {revision: list(changes.values()) for revision, changes in moved.items()}

    def put_back(self, moved: Mapping[str, list[Change]]) -> None:
        """Keep for the next call what could not be saved, unless it has moved on since."""
        for revision, changes in moved.items():
            kept = {change.bot: change for change in changes}
            self._moved[revision] = kept | self._moved.get(revision, {})

    def current(self) -> RevisionRecord | None:
        """Return the newest revision's record as it stands now."""
        return self._whole(self._newest)

    def every(self) -> list[RevisionRecord]:
        """Return each source's newest record as it stands now."""
        return [record for source in self._records if (record := self._whole(source)) is not None]

    def _whole(self, source: str) -> RevisionRecord | None:
        record = self._records.get(source)
        if record is None:
            return None
        waves = self.rollout_of(source, record.revision.key)
        return replace(record, changes=tuple(self._changes[source].values()), rollout=waves)

    def _revision_for(self, action: Action, plan: Plan) -> str:
        """Return the key of the revision that a change belongs to: that of the bot's own source.

        A fleet's one source answers also for the bots of the sources that there were before.
        """
        if action.source == plan.revision.origin or not plan.revision.origin:
            return plan.revision.key
        record = self._records.get(action.source)
        return record.revision.key if record else ""

    def _track(self, action: Action, asked: Pass, revision: str) -> _Track:
        fields = self._fields(action, revision)
        change = Change(action.bot, action.kind.value, action.summary, message=action.blocked, fields=fields)
        track = _Track(change, self._aim(action), "" if action.drift else revision, [asked], back=action.back)
        old = self._tracks.get(action.bot)
        waiting = [one for one in old.asked if one.awaits(action.bot)] if old is not None else []
        if old is not None and old.asked and _same_aim(old, track):
            track.aim, track.placed_at = old.aim, old.placed_at
            track.asked = [*waiting, asked]
        if old is not None and old.revision and action.drift and old.aim.digest == track.aim.digest:
            # What a revision asked for was undone on its way, and is still that revision's change.
            track.change = old.change.to(ChangeState.WAITING, action.blocked, old.change.seconds)
            track.revision, track.asked = old.revision, [*waiting, asked]
        self._tracks[action.bot] = track
        self._note(track)
        return track

    def _fields(self, action: Action, revision: str) -> tuple[FieldChange, ...]:
        """Return what differs in the manifest; a change that is asked for once more keeps what it said."""
        record = self._records.get(action.source)
        known = self._changes.get(action.source, {}).get(action.bot)
        if known is not None and known.fields and record and record.revision.key == revision:
            return known.fields
        if action.drift or action.kind not in (ActionKind.CREATE, ActionKind.UPDATE):
            return ()
        owned = self._fleet.inventory.get(action.bot)
        return field_changes(owned.spec if owned else None, self._fleet.difference(action.bot).spec)

    def _joined(self, asked: Pass, revision: str, known: set[str]) -> list[_Track]:
        """Follow also what an earlier pass of the same revision began: a poll may be quicker than a push."""
        under_way = [
            track for bot, track in self._tracks.items() if track.revision == revision and bot not in known
        ]
        for track in under_way:
            track.asked.append(asked)
        return under_way

    def credit(self, trigger: str, by: str) -> None:
        """Name who brought the newest revision."""
        if self.record is not None:
            self._records[self._newest] = replace(self.record, trigger=trigger, by=by)

    def _aim(self, action: Action) -> Aim:
        if action.kind in (ActionKind.REMOVE, ActionKind.STOP):
            return Aim(action.kind.value, failure_before=self._fleet.operations.get(action.bot))
        spec = self._fleet.difference(action.bot).spec
        process = self._fleet.processes.get(action.bot, ProcessState())
        return Aim(
            action=action.kind.value,
            digest=spec.digest if spec else "",
            scheduled=spec is not None and spec.type is BotType.SCHEDULED,
            run_before=process.run,
            allocation_before=process.allocation,
            failure_before=self._fleet.operations.get(action.bot),
        )

    def _earlier_aim(self, change: Change) -> Aim:
        """Return what a change of an earlier life aimed at: what was applied last, or was about to be."""
        entry = self._fleet.inventory.get(change.bot)
        if entry is None or change.action in (ActionKind.REMOVE.value, ActionKind.STOP.value):
            return Aim(change.action)
        return Aim(change.action, digest=entry.intent or entry.digest)

    def _overtake(self, bot: str, revision: str, *, again: bool) -> None:
        """End the following of a change that is no longer asked for as it was."""
        track = self._tracks[bot]
        if not self._stale(bot, track):
            return
        if not again or track.change.state in (ChangeState.WAITING, ChangeState.HELD, ChangeState.RUNNING):
            self._move(track, ChangeState.UNCHANGED, f"overtaken by {revision}")
        self._tracks.pop(bot, None)

    def _stale(self, bot: str, track: _Track) -> bool:
        """Say whether what a change aimed at is no longer what is wanted."""
        wanted = self._fleet.wanted.bots.get(bot) if self._fleet.wanted else None
        if track.aim.action in ("remove", "stop"):
            return wanted is not None and wanted.enabled and not self._fleet.suspended(bot)
        return wanted is None or wanted.digest != track.aim.digest

    def _evidence(self, name: str, track: _Track) -> Evidence:
        fleet = self._fleet
        seen = fleet.observed.get(name)
        running = seen is not None and seen.phase is Phase.RUNNING and seen.spec == track.aim.digest
        if not running:
            track.placed_at = None
        elif track.placed_at is None:
            track.placed_at = self._clock.monotonic()
        placed_for = None if track.placed_at is None else self._clock.monotonic() - track.placed_at
        return Evidence(
            owned=fleet.inventory.get(name),
            seen=seen,
            process=fleet.processes.get(name, ProcessState()),
            operation=fleet.operations.get(name),
            status=fleet.statuses.get(name),
            blocked=fleet.difference(name).blocked,
            delay=fleet.delay(name),
            placed_for=placed_for,
            report_grace=self._settings.report_grace,
        )

    def _next_look(self, track: _Track) -> float | None:
        if track.placed_at is None or track.change.state is not ChangeState.WAITING:
            return None
        return max(0.0, track.placed_at + self._settings.report_grace - self._clock.monotonic())

    def _move(self, track: _Track, state: ChangeState, message: str) -> None:
        moved = state != track.change.state
        now = self._clock.monotonic()
        for asked in track.asked:
            asked.update(track.change.to(state, message, now - asked.asked_at))
        seconds = now - track.asked[0].asked_at if moved and track.asked else track.change.seconds
        track.change = track.change.to(state, message, seconds)
        self._note(track)

    def _note(self, track: _Track) -> None:
        """Keep a step for the database and for the record of the newest revision."""
        if not track.revision:
            return
        self._moved.setdefault(track.revision, {})[track.change.bot] = track.change
        for source, record in self._records.items():
            if track.revision == record.revision.key:
                self._changes[source][track.change.bot] = track.change

    def close(self, error: HerdsmanError) -> None:
        """End every pass that somebody may still follow."""
        for track in self._tracks.values():
            for asked in track.asked:
                asked.fail(error)

    def _settle_record(self, plan: Plan) -> None:
        for source, record in self._records.items():
            if record.revision.key == plan.revision.key or source in plan.holds or plan.revision.origin:
                self._records[source] = replace(record, held=plan.held_for(source))

    def settle_record(self) -> None:
        """Work out the state of each newest record from its changes."""
        for source, record in self._records.items():
            self._settle(source, record)

    def _settle(self, source: str, record: RevisionRecord) -> None:
        waves = self.rollout_of(source, record.revision.key)
        states = {change.state for change in self._changes[source].values()}
        state = _state(states, record.held, halted=waves is not None and bool(waves.halted))
        if state is not record.state:
            ended = state in (RevisionState.APPLIED, RevisionState.FAILED)
            finished = self._clock.time() if ended else None
            self._records[source] = replace(record, state=state, finished_at=finished)


def _same_aim(old: _Track, new: _Track) -> bool:
    """Say whether a change under way is simply asked for once more."""
    waits = old.change.state in (
        ChangeState.WAITING,
        ChangeState.HELD,
        ChangeState.FAILED,
        ChangeState.DEGRADED,
    )
    return waits and (old.aim.action, old.aim.digest) == (new.aim.action, new.aim.digest)


def _state(states: set[ChangeState], held: str, *, halted: bool) -> RevisionState:
    """Return how far a revision has come; a bot that crashes by itself makes no revision fail."""
    if halted:
        return RevisionState.HALTED
    if ChangeState.WAITING in states:
        return RevisionState.RUNNING
    if held or ChangeState.HELD in states:
        return RevisionState.PENDING
    return RevisionState.FAILED if ChangeState.FAILED in states else RevisionState.APPLIED
