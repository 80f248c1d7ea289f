"""What a pass would do for any revision: a branch, tag or commit of a source, or what somebody sends."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from controller.preview import Detail, Preview
from controller.remote.trouble import NoController
from gitops.candidates import Candidate, Candidates, Packed
from gitops.code_changes import CodeChange, code_change
from gitops.desired import DesiredState
from gitops.trust.question import Question
from gitops.trust.source import facts
from gitops.trust.trust import Trust, changed_environments
from web.documents.revisions import PlanDocument
from web.plan_documents import preview_document
from web.push_lines import judge

MADE_HERE = "herdsman <herdsman@localhost>"
"""The author of a commit that was made for a plan alone."""


class Previews(Protocol):
    """The part of the controller that tells what it would do."""

    def desired(self) -> DesiredState | None:
        """Return the desired state that holds now, None before the first."""
        ...

    async def preview(self) -> Preview:
        """Return what a pass would do now. Raises SourceUnavailable."""
        ...

    def preview_of(self, desired: DesiredState) -> Preview:
        """Return what a pass would do for a desired state."""
        ...


class NoPlans:
    """In a process that makes none: the leader does."""

    async def now(self) -> PlanDocument:
        """Raise NoController."""
        raise NoController("no controller leads in this process, which makes no plans by itself")

    async def of(self, asked: str | Packed, source: str) -> PlanDocument:
        """Raise NoController."""
        del asked, source
        return await self.now()


class Together(Protocol):
    """Several sources of one fleet."""

    def with_candidate(self, name: str, built: DesiredState, current: DesiredState | None) -> DesiredState:
        """Return what the whole fleet would be with another state of one source."""
        ...


class Plans:
    """Makes plans that nobody carries out; `together` is None where the fleet has one source."""

    def __init__(
        self,
        controller: Previews,
        candidates: Candidates,
        repository: Path,
        together: Together | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._controller = controller
        self._candidates = candidates
        self._repository = repository
        self._together = together
        self._trust = trust

    async def now(self) -> PlanDocument:
        """Return what a pass would do now. Raises SourceUnavailable."""
        before = self._controller.desired()
        preview = await self._controller.preview()
        code = await asyncio.to_thread(_code, self._repository, {}, preview.details)
        verdict = judge(before, preview.desired)
        return preview_document(preview, preview.desired, verdict, code, _id(before))

    async def of(self, asked: str | Packed, source: str) -> PlanDocument:
        """Return what a pass would do for a ref, or for what a pack holds; see `Candidates.look`."""
        current = self._controller.desired()
        before = current.of_source(source) if current is not None and source else current
        async with self._candidates.look(asked, source, before) as candidate:
            return await self._of(candidate, current)

    async def _of(self, candidate: Candidate, current: DesiredState | None) -> PlanDocument:
        name = candidate.place.name
        before = current.of_source(name) if current is not None else None
        desired = candidate.state
        if self._together is not None:
            desired = self._together.with_candidate(name, candidate.state, current)
        preview = self._controller.preview_of(desired)
        code = await asyncio.to_thread(_code, self._repository, candidate.environment, preview.details)
        judged = desired.of_source(name) or desired
        verdict = judge(before, judged)
        found = preview_document(preview, judged, verdict, code, _id(before), candidate.revision.branch)
        if self._trust is not None:
            await asyncio.to_thread(self._tell_trust, self._trust, found, candidate, before)
        return found

    def _tell_trust(
        self, trust: Trust, found: PlanDocument, candidate: Candidate, before: DesiredState | None
    ) -> None:
        """Add what the trust policy says of a revision that is committed; runs in a thread."""
        revision, source = candidate.revision, candidate.place.source
        if revision.author == MADE_HERE:
            found.signature = "not judged: these files are not committed"
            return
        question = Question(
            source.repository,
            revision.id,
            source.branch,
            candidate.place.name,
            source.subfolder,
            environment=candidate.environment,
            environments=lambda: changed_environments(facts(before), facts(candidate.state)),
        )
        answer = trust.judge(question)
        signed = answer.signed
        found.signature = f"signed by {signed.signer} ({signed.key})" if signed.good else signed.complaint
        found.refused = [*found.refused, *(str(one) for one in answer.refusals)]


def _id(state: DesiredState | None) -> str:
    return state.revision.id if state is not None else ""


def _code(
    repository: Path, environment: Mapping[str, str], details: Mapping[str, Detail]
) -> dict[str, CodeChange]:
    """Return what differs in the bots' programs, each pair of contents compared once; blocks."""
    pairs = {
        bot: (one.before.program.tree, one.after.program.tree)
        for bot, one in details.items()
        if one.before and one.after and one.before.program.tree != one.after.program.tree
    }
    compared = {pair: code_change(repository, environment, *pair) for pair in set(pairs.values())}
    return {bot: found for bot, pair in pairs.items() if (found := compared[pair]) is not None}
