"""Protected paths and manifest keys: what a revision changes of them, and whether it may."""

import posixpath
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from gitops.survey import is_instance
from gitops.trust.commits import Commits
from gitops.trust.question import Question
from gitops.trust.signatures import Signed
from schemas.errors import ManifestError
from schemas.trust_policy import Protection, fits
from schemas.yaml_document import load_document

_MISSING: Any = object()


def judge_protected(
    question: Question, protections: Iterable[Protection], base: str, commits: Commits
) -> list[ManifestError]:
    """Return what a revision changes of what is protected since `base`, the last trusted commit; blocks."""
    mine = [one for one in protections if one.where.covers(question.branch, question.source)]
    open_to = [one for one in mine if not _may_push(question, one)]
    if not open_to or base == question.tip:
        return []
    changed = commits.changed(base, question.tip)
    keys = _Keys(question, base, commits, changed) if any(one.keys for one in open_to) else None
    touching: Mapping[str, list[str]] | None = None
    errors = []
    for protection in open_to:
        hits = {path: path for path in changed if _matches(path, protection.paths)}
        hits |= keys.changed(protection.keys) if keys and protection.keys else {}
        if hits and touching is None:
            touching = commits.touching(base, question.tip)
        for path, what in sorted(hits.items()):
            responsible = commits.these((touching or {}).get(path) or [question.tip])
            culprit = next((one for one in responsible.values() if not _may_sign(one, protection)), None)
            if culprit is not None or not responsible:
                message = _message(what, path, protection, culprit, question)
                errors.append(ManifestError(path, 0, 0, "", message))
    return errors


def _may_push(question: Question, protection: Protection) -> bool:
    pusher = question.pusher
    if pusher is None:
        return False
    roles = {pusher.role, "operate"} if pusher.role == "admin" else {pusher.role}
    return fits(pusher.token, protection.tokens) or bool(roles & set(protection.roles))


def _may_sign(one: Signed, protection: Protection) -> bool:
    return one.good and any(fits(name, protection.signers) for name in one.names)


def _message(what: str, path: str, protection: Protection, culprit: Signed | None, question: Question) -> str:
    who = []
    if protection.signers:
        who.append(f"commits signed by {' or '.join(protection.signers)}")
    if protection.tokens and question.pusher:
        who.append(f"a push with the token {' or '.join(protection.tokens)}")
    if protection.roles and question.pusher:
        who.append(f"a push with a token of the scope {' or '.join(protection.roles)}")
    allowed = f"it takes {', or '.join(who)}" if who else "nobody may change it here"
    named = "this file" if what == path else what
    how = ""
    if culprit is not None:
        by = f"is signed by {culprit.signer}" if culprit.good else f"by {culprit.author}: {culprit.complaint}"
        how = f"; {culprit.commit[:7]} {by}"
    return f"{named} is protected: {allowed}{how}"


@lru_cache(maxsize=1000)
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*|\?)", text + "**" if text.endswith("/") else text)
    words = {"**/": r"(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.DOTALL)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(_pattern(one).fullmatch(path) for one in patterns)


class _Keys:
    """The values of manifest keys before and after, by bot, so that a file that moves hides nothing."""

    def __init__(self, question: Question, base: str, commits: Commits, changed: Iterable[str]) -> None:
        paths = [path for path in changed if is_instance(path, question.subfolder, {})]
        self._before = _documents(commits, base, paths)
        self._after = _documents(commits, question.tip, paths)

    def changed(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the path of each manifest in which one of the keys changed, and which key that is."""
        found = {}
        for bot in self._before.keys() | self._after.keys():
            before, after = self._before.get(bot), self._after.get(bot)
            for key in keys:
                if _value(before, key) != _value(after, key):
                    path = (after or before or ("", {}))[0]
                    found[path] = f"{key} of {bot}"
        return found


def _documents(
    commits: Commits, commit: str, paths: Iterable[str]
) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Return each bot's path and document; what cannot be read changes no bot, and is left out."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for path in paths:
        content = commits.content(commit, path)
        document = load_document(path, content)[0] if content is not None else None
        if document is not None and isinstance(document.value, dict):
            name = document.value.get("name")
            found[name if isinstance(name, str) else posixpath.basename(path)] = (path, document.value)
    return found


def _value(document: tuple[str, Mapping[str, Any]] | None, key: str) -> Any:
    value: Any = document[1] if document is not None else _MISSING
    for part in key.split("."):
        value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
    return value
