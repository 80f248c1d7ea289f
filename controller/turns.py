"""Whose turn it is: which changes may be made now, and what each other one waits for.

Three things make a change wait: its sync window is closed, its wave has not begun, or a bot that it depends
on is not healthy. An operator's stop and the repair of drift wait for no window and no wave.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

from controller.clock import Clock
from controller.compare import Difference
from controller.delays import Delay
from controller.fleet import Fleet
from controller.plan import KINDS, Action, ActionKind, Plan
from controller.records import Halt, InventoryEntry, Wishes
from controller.rollout import Candidate, Rollout, RolloutRecord, RolloutView, arrange
from controller.schedulers.protocol import Phase
from controller.settings import Settings
from controller.status import Reason
from controller.wave_members import look_at_member, unwell
from controller.windows import Opening, Sessions, concerned, opening
from gitops.desired import DesiredState
from schemas.bot import BotSpec, Mode
from schemas.fleet import FleetSettings
from schemas.rollout import SyncWindow

_STARTING = frozenset({ActionKind.CREATE, ActionKind.UPDATE})
_ENDING = frozenset({Phase.STOPPING, Phase.STOPPED})


@dataclass(slots=True)
class Turns:
    """Decides by what is known in `fleet`, and by the clock; does nothing itself.

    `sessions` returns when markets are open. Rollouts are by source ("" where the fleet has one), each with
    the key of its revision.
    """

    fleet: Fleet
    clock: Clock
    settings: Settings
    sessions: Callable[[], Sessions] = dict
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, Delay] = field(default_factory=dict)
    """The bots that asked and have to wait, since they last asked."""
    _openings: dict[tuple[int, ...], tuple[tuple[SyncWindow, ...], Opening]] = field(default_factory=dict)
    _openings_at: float = -1.0

    def restore(self, kept: Mapping[str, tuple[str, RolloutRecord]]) -> None:
        """Take up the rollouts of an earlier life: (revision key, record) by source."""
        for source, (key, record) in kept.items():
            self.rollouts[source], self.keys[source] = Rollout(record), key

    def view(self, source: str, revision: str) -> RolloutView | None:
        """Return the waves of a source's revision, None where it has none."""
        rollout = self.rollouts.get(source)
        return rollout.view() if rollout is not None and self.keys.get(source) == revision else None

    def take(self, git: DesiredState, wanted: DesiredState, plan: Plan, wishes: Wishes, by: str) -> Plan:
        """Arrange a plan's changes in waves, and return it with what each of them waits for.

        `git` is what git asks for, `wanted` the same with what is held elsewhere.
        """
        self.rollouts, self.keys = self._arranged(git, wanted, plan, wishes, by)
        now = self.clock.time()
        for rollout in self.rollouts.values():
            self._look_at(rollout, rollout.watched(), now)
            rollout.advance(now)
        self.waiting = {}
        return self._annotated(wanted, plan, self.rollouts)

    def preview(self, git: DesiredState, wanted: DesiredState, plan: Plan) -> Plan:
        """Return a plan with what each change would wait for, and change nothing."""
        rollouts, _ = self._arranged(git, wanted, plan, Wishes(), "")
        for rollout in rollouts.values():
            rollout.advance(self.clock.time())
        return self._annotated(wanted, plan, rollouts)

    def set_clock(self, step: float) -> set[str]:
        """Let no wave be late, or wait too long, because the wall clock was set; return the bots in waves."""
        for rollout in self.rollouts.values():
            rollout.since += step
            rollout.resumes_at = None if rollout.resumes_at is None else rollout.resumes_at + step
        return {name for one in self.rollouts.values() for name in one.watched()}

    def ask(self, name: str, difference: Difference) -> Delay | None:
        """Return what a bot's change waits for now, None where it may go; who waits is remembered."""
        desired, kind = self.fleet.wanted, KINDS.get(difference.kind)
        if desired is None or kind is None:
            return None
        drift = difference.kind.value == "drifted"
        delay = self._delay(name, kind, difference.spec, desired, self.rollouts, drift=drift)
        if delay is None:
            self.waiting.pop(name, None)
        else:
            self.waiting[name] = delay
        return delay

    def review(self, names: Iterable[str]) -> tuple[set[str], bool]:
        """Take in what is new of some bots; return those to look at again, and whether a rollout moved.

        Nothing moves before the first pass: until git was read, no bot can be told from one that git no
        longer asks for, and the waves of an earlier life would all count as gone through.
        """
        if self.fleet.wanted is None:
            return set(), False
        now, again, moved = self.clock.time(), set[str](), False
        seen = set(names)
        for rollout in self.rollouts.values():
            halted, at = rollout.halted, rollout.at
            self._look_at(rollout, seen & rollout.targets.keys(), now)
            if rollout.advance(now) or rollout.halted != halted:
                moved = moved or (rollout.at, rollout.halted) != (at, halted)
                again |= self._stirred(rollout, halted=rollout.halted != halted)
        return again, moved

    def tick(self) -> tuple[set[str], bool]:
        """Take in that time has passed; return as `review` does."""
        again, moved = self.review({name for one in self.rollouts.values() for name in one.watched()})
        timed = {name for name, delay in self.waiting.items() if delay.reason is Reason.WAITS_FOR_WINDOW}
        return again | timed, moved

    def next_look(self) -> float | None:
        """Return in how many seconds time alone may let something go on; None: never, and before a pass."""
        if self.fleet.wanted is None:
            return None
        now = self.clock.time()
        waits = [wait for one in self.rollouts.values() if (wait := one.next_look(now)) is not None]
        waits += [max(0.0, delay.until - now) for delay in self.waiting.values() if delay.until is not None]
        return min(waits, default=None)

    def leans_on(self, name: str) -> str:
        """Return why a bot that one depends on is not healthy, "" where all are."""
        wanted = self.fleet.wanted
        spec = wanted.bots.get(name) if wanted is not None else None
        for other in spec.depends_on if spec is not None else ():
            if health := self._unwell(other, wanted):
                return f"runs on; {other}, which it depends on, is {health}"
        return ""

    # Waves

    def _arranged(
        self, git: DesiredState, desired: DesiredState, plan: Plan, wishes: Wishes, by: str
    ) -> tuple[dict[str, Rollout], dict[str, str]]:
        rollouts, keys = {}, {}
        leant_on = {other for spec in desired.bots.values() for other in spec.depends_on}
        parts = desired.parts if desired.several else {"": desired}
        for source, part in parts.items():
            key, before = part.revision.key, self.rollouts.get(source)
            same = self.keys.get(source) == key
            # What waits for a window is divided once that opens, with all that wait for the same one.
            candidates = [
                one
                for action in plan.actions
                if action.source == source
                and (one := self._candidate(action, desired, leant_on)) is not None
                and not self._closed(
                    action.bot, action.kind, desired.bots[action.bot], part, before if same else None, wishes
                )
            ]
            wanted = {name: spec.digest for name, spec in git.bots.items()} if before else {}
            rollout = arrange(
                before,
                candidates,
                wanted,
                part.settings.rollout,
                self.clock.time(),
                same=same,
                at_once=wishes.no_waves,
            )
            if wishes.override_window is not None:
                rollout.override = f"{by}: {wishes.override_window}"
            if wishes.go_on:
                rollout.go_on()
            rollouts[source], keys[source] = rollout, key
        return rollouts, keys

    def _candidate(self, action: Action, desired: DesiredState, leant_on: Set[str]) -> Candidate | None:
        """Return a change as waves see it; None for one that they do not concern.

        `leant_on` are the bots that others depend on.
        """
        spec, owned = desired.bots.get(action.bot), self.fleet.inventory.get(action.bot)
        if spec is None or action.held or action.drift or action.renamed_from or action.back:
            return None
        new = action.kind is ActionKind.CREATE
        if new and action.bot in leant_on:
            return None  # it would wait for its wave, and its wave's bots for it
        if not new and not _is_update(spec, owned):
            return None
        return Candidate(
            action.bot,
            spec.digest,
            spec.program.name,
            spec.labels,
            spec.mode is Mode.LIVE,
            spec.priority,
            new,
        )

    def _look_at(self, rollout: Rollout, names: Iterable[str], now: float) -> None:
        for name in [*names]:
            target, waits = rollout.targets[name], self.waiting.get(name)
            rollout.note(
                name, look_at_member(self.fleet, name, target, waits, self.clock.time(), self.settings), now
            )

    def _stirred(self, rollout: Rollout, *, halted: bool) -> set[str]:
        """Return the waiting members that may go now; all of them where what they are told has changed."""
        return {name for name in self.waiting if name in rollout.targets and (halted or rollout.may_go(name))}

    # What a change waits for

    def _annotated(self, desired: DesiredState, plan: Plan, rollouts: Mapping[str, Rollout]) -> Plan:
        actions = tuple(self._annotate(action, desired, rollouts) for action in plan.actions)
        origin = plan.revision.origin
        rollout = rollouts.get(origin)
        waves = tuple(len(wave.members) for wave in rollout.waves) if rollout and not rollout.done else ()
        return replace(plan, actions=actions, waves=waves)

    def _annotate(self, action: Action, desired: DesiredState, rollouts: Mapping[str, Rollout]) -> Action:
        rollout = rollouts.get(action.source)
        wave = rollout.wave_of(action.bot) if rollout is not None else None
        if action.held:
            return action
        spec = desired.bots.get(action.bot)
        delay = self._delay(action.bot, action.kind, spec, desired, rollouts, drift=action.drift)
        if delay is None:
            return replace(action, wave=0 if wave is None else wave + 1)
        return replace(action, wave=0 if wave is None else wave + 1, waits=delay.text, lasting=delay.lasting)

    def _delay(
        self,
        name: str,
        kind: ActionKind,
        spec: BotSpec | None,
        desired: DesiredState,
        rollouts: Mapping[str, Rollout],
        *,
        drift: bool,
    ) -> Delay | None:
        if self.fleet.suspended(name):
            return None
        owned = self.fleet.inventory.get(name)
        back = name in desired.overlaid  # what is brought back to what it was, is brought back at once
        if (
            not (drift or back)
            and _is_of_git(kind, spec, owned)
            and not self._has_begun(name, kind, spec, owned)
        ):
            told = spec or (owned.spec if owned is not None else None)
            source = told.source if told is not None and desired.several else ""
            part, rollout = desired.of_source(source), rollouts.get(source)
            if told is not None and part is not None:
                closed = self._closed(name, kind, told, part, rollout, Wishes())
                if closed is not None:
                    return closed
            aimed = rollout is not None and spec is not None and rollout.targets.get(name) == spec.digest
            if rollout is not None and aimed and (wave := _wave_delay(rollout, name)):
                return wave
        starts = kind in _STARTING and (not drift or not self._lives(name))
        return self._dependency_delay(spec, desired, rollouts) if starts else None

    def _lives(self, name: str) -> bool:
        seen = self.fleet.observed.get(name)
        return seen is not None and seen.phase not in _ENDING

    def _has_begun(
        self, name: str, kind: ActionKind, spec: BotSpec | None, owned: InventoryEntry | None
    ) -> bool:
        """Say whether a change is half made, so that the bot would stay down until it may be finished."""
        if owned is None:
            return False
        if kind is ActionKind.REMOVE:
            return owned.halted is Halt.REMOVED
        seen = self.fleet.observed.get(name)
        ending = seen is None or seen.phase in _ENDING
        return spec is not None and owned.intent == spec.digest and ending and kind is ActionKind.UPDATE

    def _closed(
        self,
        name: str,
        kind: ActionKind,
        spec: BotSpec,
        part: DesiredState,
        rollout: Rollout | None,
        wishes: Wishes,
    ) -> Delay | None:
        """Return the delay of a closed sync window, None where the bot's windows are open."""
        overridden = wishes.override_window is not None or (rollout is not None and rollout.override)
        if not part.settings.sync_windows or overridden:
            return None
        owned = self.fleet.inventory.get(name)
        if self._has_begun(name, kind, spec, owned):
            return None
        found = self._opening(part.settings, spec)
        if found.open:
            return None
        return Delay(Reason.WAITS_FOR_WINDOW, found.text(self.clock.time()), found.at)

    def _opening(self, settings: FleetSettings, spec: BotSpec) -> Opening:
        """Return whether a bot's windows are open; worked out once a second for all that share them."""
        now = self.clock.time()
        if now - self._openings_at >= 1.0 or now < self._openings_at:
            self._openings.clear()
            self._openings_at = now
        windows = concerned(settings.sync_windows, spec.environment, spec.labels)
        key = tuple(id(one) for one in windows)
        if key not in self._openings:
            self._openings[key] = windows, opening(windows, now, self.sessions())
        return self._openings[key][1]

    def _dependency_delay(
        self,
        spec: BotSpec | None,
        desired: DesiredState,
        rollouts: Mapping[str, Rollout],
    ) -> Delay | None:
        for other in spec.depends_on if spec is not None else ():
            health = self._unwell(other, desired) or self._about_to_change(other, desired, rollouts)
            if health:
                return Delay(Reason.WAITS_FOR_BOT, f"waits for {other}, which is {health}")
        return None

    def _unwell(self, name: str, desired: DesiredState | None) -> str:
        return unwell(self.fleet, name, desired, self.clock.time(), self.settings)

    def _about_to_change(self, name: str, desired: DesiredState, rollouts: Mapping[str, Rollout]) -> str:
        """Return that a bot is to be changed right now, "" where it stays as it is for the time being."""
        spec, owned = desired.bots.get(name), self.fleet.inventory.get(name)
        if spec is None or not _is_update(spec, owned):
            return ""
        delay = self._delay(name, ActionKind.UPDATE, spec, desired, rollouts, drift=False)
        return "" if delay is not None else "being changed"


def _is_update(spec: BotSpec, owned: InventoryEntry | None) -> bool:
    """Say whether a bot that we keep running is to become another one."""
    return owned is not None and owned.spec is not None and not owned.halted and owned.digest != spec.digest


def _is_of_git(kind: ActionKind, spec: BotSpec | None, owned: InventoryEntry | None) -> bool:
    """Say whether it is a change that git asks for, and not the end of an operator's stop."""
    if kind is not ActionKind.UPDATE:
        return True
    return owned is None or spec is None or owned.digest != spec.digest or owned.halted is Halt.DISABLED


def _wave_delay(rollout: Rollout, name: str) -> Delay | None:
    if rollout.may_go(name):
        return None
    if rollout.halted:
        text = f"the rollout is halted by {rollout.halted}; to go on without it: herdsman sync --continue"
        return Delay(Reason.ROLLOUT_HALTED, text)
    wave = rollout.wave_of(name)
    number = 0 if wave is None else wave + 1
    text = f"wave {number} of {len(rollout.waves)}"
    return Delay(Reason.WAITS_FOR_WAVE, text, rollout.resumes_at)
