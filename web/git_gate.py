"""What a push is told: refused with every new mistake, or let in and followed to running bots."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.consent import NO_CONSENT, Consent, consent_to
from controller.passes import NO_WISHES, Pass, Until
from controller.records import Change, ChangeState, Wishes
from gitops.desired import DesiredState
from gitops.push import Push, Say
from gitops.reading import CommitReader
from gitops.revision import Revision
from gitops.secrets.plain import plain_errors
from gitops.trust.question import Answer, Pusher, Question
from gitops.trust.source import facts, with_signature
from gitops.trust.trust import Trust, changed_environments
from schemas.errors import HerdsmanError, ManifestError
from web.progress import follow
from web.push_lines import (
    Verdict,
    WaveLines,
    Widths,
    build_line,
    change_lines,
    final_line,
    header_line,
    judge,
    kept_lines,
    number_of,
    trust_lines,
    verdict_lines,
    waves_line,
)
from web.settings import WebSettings

BuildState = Callable[[CommitReader, DesiredState | None], DesiredState]
"""Builds the desired state of the commit that is read, from an earlier state where that saves work."""


class TakesPushes(Protocol):
    """The part of the controller that a push speaks to."""

    def desired(self) -> DesiredState | None:
        """Return the desired state that holds now, None before the first."""
        ...

    def request_pass(
        self, trigger: str, *, by: str = "", consent: Consent = NO_CONSENT, wishes: Wishes = NO_WISHES
    ) -> Pass:
        """Ask for a pass as soon as it can be."""
        ...

    async def record_refusal(
        self, revision: Revision, errors: tuple[ManifestError, ...], by: str = ""
    ) -> None:
        """Keep a pushed revision that was refused, for the history."""
        ...


WAIT_HEALTHY = "wait=healthy"
CONFIRM_PRUNE = "confirm-prune"
"""By itself: whatever the pushed revision removes. With `=CODE`: exactly the removals shown with it."""
NO_WAVES = "no-waves"
CONTINUE = "continue"
OVERRIDE_WINDOW = "override-window"
"""With `=REASON`, or by itself."""
_OPTIONS = (WAIT_HEALTHY, CONFIRM_PRUNE, NO_WAVES, CONTINUE, OVERRIDE_WINDOW)


class GitGate:
    """The `PushGate` of our own remote: validates before a push is let in, applies and reports after it."""

    def __init__(
        self,
        controller: TakesPushes,
        build: BuildState,
        settings: WebSettings,
        trust: Trust | None = None,
    ) -> None:
        self._controller = controller
        self._build = build
        self._settings = settings
        self._trust = trust

    async def check(self, push: Push, say: Say) -> bool:
        """Refuse a push that brings a mistake which was not there before; older ones only warn."""
        update = push.deployed
        if update is None or update.deletes:
            return True  # git's side refuses to delete the deployed branch
        judged = await asyncio.to_thread(
            self._judge, push, update.old if not update.creates else "", update.new
        )
        for line in (*verdict_lines(judged.verdict), *trust_lines(judged.answer)):
            await say(line)
        refused = (*judged.verdict.introduced, *judged.answer.refusals)
        if refused:
            await self._controller.record_refusal(judged.revision, refused, push.user)
        return not refused

    def _judge(self, push: Push, old: str, new: str) -> "_Judged":
        """Compare what is wrong before and after, and whether it is trusted; runs in a thread."""
        before = self._controller.desired()
        if old and (before is None or before.revision.id != old):
            with push.reader(old, self._settings.subfolder) as reader:
                before = self._build(reader, before)
        with push.reader(new, self._settings.subfolder) as reader:
            after = self._build(reader, before)
            plain = self._plain(push, old, reader, after)
        verdict = judge(before if old else None, after, plain)
        if self._trust is None:
            return _Judged(verdict, after.revision, Answer())
        question = self._question(push, old, new, before if old else None, after)
        answer = self._trust.judge(question)
        if answer.trusted and not verdict.introduced:
            self._trust.approve(question, answer)
        return _Judged(verdict, with_signature(after.revision, answer.signed), answer)

    def _question(
        self, push: Push, old: str, new: str, before: DesiredState | None, after: DesiredState
    ) -> Question:
        return Question(
            push.repository,
            new,
            push.branch,
            subfolder=self._settings.subfolder,
            at=old,
            pusher=Pusher(push.user, push.role),
            environment=push.environment,
            environments=lambda: changed_environments(facts(before), facts(after)),
        )

    def _plain(self, push: Push, old: str, reader: CommitReader, after: DesiredState) -> list[ManifestError]:
        """Return what the push brings that seems to be a secret in plain text."""
        allowed = after.settings.allowed_plain
        if not old:
            return plain_errors(reader, None, allowed)
        with push.reader(old, self._settings.subfolder) as before:
            return plain_errors(reader, before, allowed)

    async def accepted(self, push: Push, say: Say) -> None:
        """Apply the pushed revision and show each changed bot as it gets there, for a bounded time."""
        update = push.deployed
        if update is None:
            names = ", ".join(one.ref.removeprefix("refs/heads/") for one in push.updates)
            await say(f"herdsman  {names}: kept, and not deployed; only {push.branch} is")
            return
        for option in sorted(_unknown(push.options)):
            await say(f'herdsman  unknown push option "{option}": there are {", ".join(_OPTIONS)}')
        started = self._controller.request_pass(
            "push",
            by=push.user,
            consent=consent_of(push.options, update.new),
            wishes=wishes_of(push.options),
        )
        until: Until = "healthy" if WAIT_HEALTHY in push.options else "running"
        seconds = self._settings.push_wait_healthy if until == "healthy" else self._settings.push_wait
        report = _Report(self._settings, say, until)
        try:
            await report.tell(started, update.new, seconds)
        except TimeoutError:
            await say(f"herdsman  the push is in; after {seconds:.0f} s its pass has not begun; it goes on")
        except HerdsmanError as error:
            await say(f"error: the push is in, but could not be applied yet: {error}")


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is said of a push before it is let in."""

    verdict: Verdict
    revision: Revision
    answer: Answer


def wishes_of(options: Sequence[str]) -> Wishes:
    """Return how a push wants to reach its bots."""
    overrides = [one for one in options if one.partition("=")[0] == OVERRIDE_WINDOW]
    reason = (
        overrides[-1].partition("=")[2].strip() or f"git push -o {OVERRIDE_WINDOW}" if overrides else None
    )
    return Wishes(NO_WAVES in options, CONTINUE in options, reason)


def consent_of(options: Sequence[str], pushed: str) -> Consent:
    """Return what a push confirms: removals of the pushed commit, and of none that comes after it."""
    given = [one.partition("=")[2].strip() for one in options if one.partition("=")[0] == CONFIRM_PRUNE]
    codes = Consent(codes=frozenset(filter(None, given)))
    return codes.joined(consent_to(pushed)) if "" in given else codes


def _unknown(options: Sequence[str]) -> set[str]:
    valued = (OVERRIDE_WINDOW, CONFIRM_PRUNE)
    return {one for one in options if one not in _OPTIONS and one.partition("=")[0] not in valued}


class _Report:
    """The lines that a push prints while it is applied."""

    def __init__(self, settings: WebSettings, say: Say, until: Until) -> None:
        self._url = settings.url
        self._building = settings.push_wait_building
        self._build_line_every = settings.build_line_every
        self._say = say
        self._until = until
        self._builds_told: set[str] = set()
        self._next_build_line = 0.0
        self._held_told: set[str] = set()

    async def tell(self, started: Pass, pushed: str, seconds: float) -> None:
        """Print the header, a line for each changed bot, and how it went."""
        begun = time.monotonic()
        plan = await asyncio.wait_for(started.planned(), seconds)
        await self._say(header_line(plan))
        if plan.revision.id != pushed:
            await self._say(
                f"  {pushed[:7]} was overtaken by {plan.revision.short}, which is applied instead"
            )
        if plan.held:
            await self._say(f"  held: {plan.held}")
        for line in kept_lines(plan):
            await self._say(line)
        if plan.waves:
            await self._say(waves_line(plan))
        told: set[str] = set()
        waves = WaveLines(plan)
        width = Widths.of(started.changes)
        left = seconds - (time.monotonic() - begun)
        async for change in follow(started, self._until, left, self._building):
            await self._tell_build(change, width)
            for line in waves.take(change):
                await self._say(line)
            if change.state is ChangeState.HELD:
                await self._tell_held(started, change.message)
            elif change.bot not in told and self._has_arrived(change):
                told.add(change.bot)
                for line in change_lines(change, width):
                    await self._say(line)
        took = time.monotonic() - begun
        held = sum(action.held for action in plan.actions)
        url = f"{self._url}/r/{plan.revision.short}"
        for line in waves.last():
            await self._say(line)
        await self._say(final_line(started.changes, len(told), took, url, held))

    async def _tell_held(self, started: Pass, message: str) -> None:
        """Say once for all bots what they wait for."""
        if message not in self._held_told:
            self._held_told.add(message)
            waiting = sum(one.message == message for one in started.changes)
            await self._say(f"  {number_of(waiting, 'change')}: {message}")

    async def _tell_build(self, change: Change, width: Widths) -> None:
        """Show now and then how far a build is, once for all the bots that wait for it."""
        now = time.monotonic()
        if not change.building or change.message in self._builds_told or now < self._next_build_line:
            return
        self._builds_told.add(change.message)
        self._next_build_line = now + self._build_line_every
        await self._say(build_line(change, width))

    def _has_arrived(self, change: Change) -> bool:
        on_the_way = (
            {ChangeState.WAITING} if self._until == "running" else {ChangeState.WAITING, ChangeState.RUNNING}
        )
        return change.state not in on_the_way
