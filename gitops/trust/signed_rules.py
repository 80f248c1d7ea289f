"""What must be signed: a revision against the rules of signatures."""

from gitops.trust.commits import Commits
from gitops.trust.question import Question, refusal
from gitops.trust.signatures import Signed, tag_signature
from schemas.errors import ManifestError
from schemas.trust_policy import Require, SignatureRule, fits

MOST_TOLD = 20
HOW_TO_SIGN = (
    "sign them and push again: git rebase --exec 'git commit --amend --no-edit -S' {base} (or git commit "
    "--amend -S for the newest alone); how to set a key up is in docs/trust.md"
)


def rules_for(question: Question, rules: tuple[SignatureRule, ...]) -> list[SignatureRule]:
    """Return the rules that a revision must meet; the environments are asked for only if needed."""
    found = [rule for rule in rules if rule.where.covers(question.branch, question.source)]
    if not any(rule.environments for rule in found):
        return found
    changed = question.environments()

    def concerns(rule: SignatureRule) -> bool:
        return not rule.environments or any(fits(one, rule.environments) for one in changed)

    return [rule for rule in found if concerns(rule)]


def judge_signatures(
    question: Question, rule: SignatureRule, base: str, tip: Signed, commits: Commits
) -> list[ManifestError]:
    """Return what is wrong by one rule; `base` is the last trusted commit, "" where there is none. Blocks."""
    base = base or rule.first
    if question.tip == base:
        return []
    if rule.require is Require.TAG:
        return _tag(question, rule, commits)
    if base and not commits.has(base):
        return [refusal(question.tip, f"{base[:7]}, which was trusted last, is not in this repository")]
    if base and not rule.show_rewritten and not commits.follows(question.tip, base):
        return [refusal(question.tip, _rewritten(base))]
    if rule.require is Require.TIP or not base:
        wanted = [tip]
    else:
        wanted = commits.between(base, question.tip) or [tip]
    bad = [(one, said) for one in wanted if (said := _complaint(one, rule, commits))]
    told = [refusal(one.commit, _told(one, said)) for one, said in bad[:MOST_TOLD]]
    if len(bad) > MOST_TOLD:
        told.append(refusal(question.tip, f"and {len(bad) - MOST_TOLD} more commits like these"))
    return told


def _tag(question: Question, rule: SignatureRule, commits: Commits) -> list[ManifestError]:
    if not question.tag:
        message = (
            "a signed tag is required, and what is followed is a branch: follow it with --tag or --semver"
        )
        return [refusal(question.tip, message)]
    signed = tag_signature(commits.repository, commits.environment, question.branch, question.tip)
    said = _complaint(signed, rule, commits)
    return [refusal(question.tip, f"the tag {question.branch}: {said}")] if said else []


def _complaint(one: Signed, rule: SignatureRule, commits: Commits) -> str:
    """Return what a rule has against a commit, "" where nothing."""
    if not one.good:
        clean = rule.clean_merges and len(one.parents) > 1 and commits.is_clean_merge(one)
        return "" if clean else one.complaint
    if rule.signers and not any(fits(name, rule.signers) for name in one.names):
        return f"it is signed by {one.signer}, who may not sign here"
    return ""


def _told(one: Signed, complaint: str) -> str:
    return f'"{one.subject[:72]}" by {one.author}: {complaint}'


def _rewritten(base: str) -> str:
    return (
        f"it does not follow {base[:7]}, the last trusted revision: history was rewritten, or an older "
        "revision was pushed back. To go back, make a signed commit that reverts (git revert)"
    )
