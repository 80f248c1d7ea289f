"""Finding secrets that stand in plain text in files of a fleet: detect-secrets, tuned to be believed.

A push is refused for what is found here, and a false alarm costs somebody's evening: tokens of a known form
count as they are; behind a telling name (`api_secret: ...`) a value counts only where it looks drawn by
chance. A line whose comment says `pragma: allowlist secret` is left alone, and what `herdsman.yaml` allows.
"""

import fnmatch
import math
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from gitops.secrets.sops import is_sops
from gitops.tree import TreeChange, TreeEntry, TreeReader
from schemas.errors import ManifestError
from schemas.fleet import AllowedPlain
from schemas.secret_reference import KINDS

MOST_FILE_BYTES = 256 * 1024
MOST_BYTES = 8 * 1024 * 1024
"""What one push is looked through for at most; the rest is said to be unread."""
_LONGEST_LINE = 2000
_NOT_READ = re.compile(
    r"(package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|uv\.lock|Cargo\.lock|go\.sum|\.age|\.lock|\.svg|\.ipynb)$"
)
_WORDS = (
    *("key", "secret", "token", "pass", "pwd", "contrase", "begin ", "akia", "asia", "glpat", "xox"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "sk_live", "rk_live"),
)
"""A shorter line without any of these is passed at once."""
_LONG = 64
_ALLOWED = re.compile(r"(?i)pragma: ?(allow|white)list[ -]secret")
_NAMED = re.compile(
    r"""(?i)[\w.-]*(?:key|secret|token|passphrase|password|passwd|pwd)["']?\s*[:=]{1,2}>?\s*["']?([A-Za-z0-9+/=_-]{16,256})["']?\s*(?:[,;}#].*)?$"""
)
_BARE = re.compile(r"""(?<![A-Za-z0-9+/=_-])(?:[A-Za-z0-9]{64}|[A-Za-z0-9+/]{86}==)(?![A-Za-z0-9+/=_-])""")
"""The forms in which large exchanges hand out keys: 64 letters and digits, or 64 bytes as base64."""
_AGE = re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{20,}")
_MADE_UP = re.compile(
    r"(?i)example|sample|dummy|change.?me|placeholder|your|insert|fake|redacted|xxxx|1234|abcd|\.\.\."
)
_ADVICE = (
    "encrypt it and refer to it under herdsman: secrets:, docs/secrets.md; if it is no secret, end the line "
    'with "pragma: allowlist secret" in a comment, or allow the file in herdsman.yaml'
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that seems to hold a secret; what it holds is not kept."""

    line: int
    kind: str


def find_plain(path: str, content: bytes) -> list[Finding]:
    """Return the lines of a file that seem to hold a secret in plain text."""
    if _NOT_READ.search(path) or b"\0" in content[:8192] or is_sops(content):
        return []
    found = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        text = line[:_LONGEST_LINE]
        if _is_worth_a_look(text) and not _ALLOWED.search(text) and (kind := _kind_of(path, text)):
            found.append(Finding(number, kind))
    return found


def _is_worth_a_look(line: str) -> bool:
    lower = line.lower()
    return len(line) >= _LONG or any(word in lower for word in _WORDS)


def _kind_of(path: str, line: str) -> str:
    """Return in words which secret a line holds, "" for none."""
    if _AGE.search(line):
        return "an age identity"
    for detect in _known_forms():
        if kind := detect(path, line):
            return kind
    if any(_by_chance(match[1]) for match in _NAMED.finditer(line)):
        return "a key or password"
    if any(_by_chance(match[0]) and _mixed(match[0]) for match in _BARE.finditer(line)):
        return "an exchange's key"
    return ""


@cache
def _known_forms() -> tuple[Callable[[str, str], str], ...]:
    """Return detect-secrets' detectors, imported at the first push that is looked through."""
    from detect_secrets.plugins import (
        aws,
        github_token,
        gitlab_token,
        keyword,
        private_key,
        slack,
        stripe,
        telegram_token,
        twilio,
    )

    exact = (
        (aws.AWSKeyDetector(), "an AWS key"),
        (private_key.PrivateKeyDetector(), "a private key"),
        (github_token.GitHubTokenDetector(), "a GitHub token"),
        (gitlab_token.GitLabTokenDetector(), "a GitLab token"),
        (slack.SlackDetector(), "a Slack token"),
        (stripe.StripeDetector(), "a Stripe key"),
        (telegram_token.TelegramBotTokenDetector(), "a Telegram bot's token"),
        (twilio.TwilioKeyDetector(), "a Twilio key"),
    )
    words = keyword.KeywordDetector()

    def of_known_form(_path: str, line: str) -> str:
        return next(
            (
                kind
                for one, kind in exact
                if any(not _MADE_UP.search(hit) for hit in one.analyze_string(line))
            ),
            "",
        )

    def behind_a_name(path: str, line: str) -> str:
        hits = words.analyze_line(path, line, 1)
        return "a key or password" if any(_by_chance(hit.secret_value or "") for hit in hits) else ""

    return of_known_form, behind_a_name


def _by_chance(value: str) -> bool:
    """Say whether a value looks drawn by chance: long, of letters and digits, none of it repeated much."""
    value = value.strip("\"' ")
    if len(value) < 16 or _MADE_UP.search(value) or value.partition(":")[0] in KINDS:
        return False
    if not re.fullmatch(r"[A-Za-z0-9+/=_-]+", value) or value.startswith(("/", "./", "ENC[", "sha", "age1")):
        return False
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    words = re.split(r"[-_/]", value)
    if len(words) > 1 and all(word.isalpha() or len(word) <= 4 for word in words):
        return False  # words-joined-by-hyphens, dates, paths
    return _entropy(value) >= (3.3 if re.fullmatch(r"[0-9a-fA-F-]+", value) else 3.6)


def _mixed(value: str) -> bool:
    return bool(re.search(r"[a-z]", value) and re.search(r"[A-Z]", value))


def _entropy(value: str) -> float:
    """Return Shannon's entropy of a text's characters, in bits each."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def plain_errors(
    reader: TreeReader, before: TreeReader | None, allowed: Sequence[AllowedPlain]
) -> list[ManifestError]:
    """Return an error for each secret in what differs from `before`, a warning for one that was there."""
    changes = reader.changes(before.revision.id) if before is not None else None
    entries = _entries(reader.entries() if changes is None else changes)
    errors: list[ManifestError] = []
    budget, unread = MOST_BYTES, 0
    for entry in entries:
        if entry.size > MOST_FILE_BYTES or _is_allowed(entry.path, reader.subfolder, allowed):
            continue
        if entry.size > budget:
            unread += 1
            continue
        budget -= entry.size
        content = reader.read(entry.oid)
        if found := find_plain(entry.path, content):
            errors += _placed(entry.path, content, found, _lines_before(before, entry.path))
    if unread:
        message = f"{unread} changed files were not searched for secrets in plain text: the push is too large"
        errors.append(ManifestError(".", 0, 0, "", message, warning=True))
    return errors


def _entries(changed: Iterable[TreeChange | TreeEntry]) -> Iterator[TreeEntry]:
    for one in changed:
        entry = one.entry if isinstance(one, TreeChange) else one
        if entry is not None and entry.is_file:
            yield entry


def _is_allowed(path: str, subfolder: str, allowed: Sequence[AllowedPlain]) -> bool:
    inside = posixpath.relpath(path, subfolder) if subfolder else path
    return any(fnmatch.fnmatchcase(inside, one.file) for one in allowed)


def _lines_before(before: TreeReader | None, path: str) -> frozenset[str]:
    entry = before.find([path]).get(path) if before is not None else None
    if before is None or entry is None or not entry.is_file or entry.size > MOST_FILE_BYTES:
        return frozenset()
    return frozenset(before.read(entry.oid).decode("utf-8", "replace").splitlines())


def _placed(
    path: str, content: bytes, found: Sequence[Finding], known: frozenset[str]
) -> Iterator[ManifestError]:
    lines = content.decode("utf-8", "replace").splitlines()
    for one in found:
        message = f"this line seems to hold {one.kind} in plain text"
        older = lines[one.line - 1] in known
        yield ManifestError(path, one.line, 1, "", message, _ADVICE, warning=older)
