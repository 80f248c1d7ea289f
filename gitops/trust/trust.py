"""Judging revisions by the trust policy, which lies with the service and is read anew at each judgement."""

import logging
from collections.abc import Mapping
from pathlib import Path

from gitops.trust.commits import Commits
from gitops.trust.keys import verifying_environment
from gitops.trust.memory import Memory, Trusted, signed_of
from gitops.trust.protected import judge_protected
from gitops.trust.question import Answer, Question
from gitops.trust.signatures import Signed, Standing, tag_signature
from gitops.trust.signed_rules import HOW_TO_SIGN, judge_signatures, rules_for
from schemas.errors import InvalidManifests, ManifestError, SourceUnavailable, UsageError
from schemas.trust_policy import TrustPolicy, parse_trust

_LOG = logging.getLogger(__name__)


class Trust:
    """Whom we trust: the policy in `file`; what was trusted last, and our keyrings, are kept in `folder`.

    Its methods block, and may be called in any thread.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._file = file.absolute()
        self._folder = folder.absolute()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = Memory(self._folder / "trusted.json")

    def check(self) -> None:
        """Look at the policy and its keys as a judgement would. Raises UsageError, InvalidManifests."""
        try:
            policy = self._policy()
            verifying_environment(policy.keys, self._folder)
        except SourceUnavailable as error:
            raise UsageError(str(error)) from error

    @property
    def stamp(self) -> tuple[float, ...]:
        """What changes whenever the policy or a key may have: a refused revision is judged again then."""
        paths = [self._file]
        try:
            keys = self._policy().keys
            paths += [path for path in (keys.allowed_signers, keys.revoked, keys.keyring) if path is not None]
            if keys.keyring is not None:
                paths += sorted(keys.keyring.iterdir())
            return tuple(path.stat().st_mtime for path in paths)
        except (OSError, InvalidManifests, SourceUnavailable):
            return (-1.0,)

    def last(self, source: str, branch: str) -> Trusted | None:
        """Return what was trusted last of a branch or tag."""
        return self._memory.last(source, branch)

    def remember(self, question: Question, answer: Answer) -> None:
        """Keep a trusted revision as the one that the next is judged against."""
        self._memory.remember(question.source, question.branch, answer.signed)

    def approve(self, question: Question, answer: Answer) -> None:
        """Keep that a push was let in, by the commit and by whoever pushed it."""
        last = self._memory.last(question.source, question.branch)
        self._memory.approve(question.source, question.branch, answer.signed, last.commit if last else "")

    def judge(self, question: Question) -> Answer:
        """Return whether a revision may be deployed. Raises SourceUnavailable where that cannot be told."""
        try:
            policy = self._policy()
        except InvalidManifests as error:
            raise SourceUnavailable(f"the trust policy is wrong, so nothing new is taken: {error}") from error
        known = verifying_environment(policy.keys, self._folder)
        commits = Commits(question.repository, {**known, **question.environment})
        last = self._memory.last(question.source, question.branch)
        base = last.commit if last is not None else ""
        if last is not None and base == question.tip:
            return Answer(signed=signed_of(last))
        pushed = self._memory.approved(question.source, question.branch)
        if pushed is not None and pushed[1] == base:
            if pushed[0].commit == question.tip:
                return Answer(signed=signed_of(pushed[0]))
            if pushed[0].commit == question.at:
                base = question.at  # it was let in, and nobody has looked at the branch since
        tip = self._tip(question, commits)
        errors: list[ManifestError] = []
        for rule in rules_for(question, policy.signatures):
            errors += judge_signatures(question, rule, base, tip, commits)
        advice = HOW_TO_SIGN.format(base=base[:7] or "--root") if errors else ""
        if base and commits.has(base):
            errors += judge_protected(question, policy.protected, base, commits)
        rewritten = base if base and not commits.follows(question.tip, base) else ""
        return Answer(tuple(dict.fromkeys(errors)), advice, tip, rewritten)

    def _tip(self, question: Question, commits: Commits) -> Signed:
        tip = commits.these([question.tip])[question.tip]
        if question.tag and not tip.good:
            tagged = tag_signature(commits.repository, commits.environment, question.branch, question.tip)
            return tagged if tagged.standing is not Standing.NONE else tip
        return tip

    def _policy(self) -> TrustPolicy:
        try:
            content = self._file.read_bytes()
        except OSError as error:
            raise SourceUnavailable(
                f"the trust policy {self._file} cannot be read, so nothing new is taken: {error.strerror}"
            ) from error
        policy, errors = parse_trust(str(self._file), content, self._file.parent)
        if policy is None:
            raise InvalidManifests(errors)
        return policy


def changed_environments(
    before: Mapping[str, tuple[str, str]], after: Mapping[str, tuple[str, str]]
) -> frozenset[str]:
    """Return the environments of bots that differ; both map a bot to its environment and its digest."""
    return frozenset(
        environment
        for bot in before.keys() | after.keys()
        if before.get(bot) != after.get(bot)
        for environment, _ in (one for one in (before.get(bot), after.get(bot)) if one is not None)
    )
