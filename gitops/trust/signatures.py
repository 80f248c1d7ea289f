"""Who signed commits and tags, as git itself finds by the known keys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gitops.process import CommandTimedOut, run
from schemas.errors import SourceUnavailable

VERIFY_TIMEOUT = 300.0
_FORM = "%H%x1f%G?%x1f%GF%x1f%P%x1f%GS%x1f%an <%ae>%x1f%s"
_MAIL = re.compile(r"<([^<>\s]+)>")


class Standing(StrEnum):
    """What a signature is worth."""

    GOOD = "good"
    NONE = "none"
    UNKNOWN = "unknown"
    """Signed by a key that is not known."""
    BAD = "bad"
    """The content is not what was signed."""
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNCHECKED = "unchecked"
    """The machine lacks what checks such signatures."""


_STANDINGS = {
    "G": Standing.GOOD,
    "N": Standing.NONE,
    "U": Standing.UNKNOWN,
    "E": Standing.UNKNOWN,
    "B": Standing.BAD,
    "X": Standing.EXPIRED,
    "Y": Standing.EXPIRED,
    "R": Standing.REVOKED,
}
_WORDS = {
    Standing.NONE: "it is not signed",
    Standing.UNKNOWN: "it is signed by a key that the trust policy does not know",
    Standing.BAD: "its signature is broken, or by a key that was revoked: it is not what was signed",
    Standing.EXPIRED: "its signature, or the key, had expired",
    Standing.REVOKED: "the key that signed it was revoked",
    Standing.UNCHECKED: "its signature cannot be checked here",
}


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit with what its signature is worth; `signer` and `key` (a fingerprint) only where it is good."""

    commit: str
    standing: Standing
    signer: str = ""
    key: str = ""
    author: str = ""
    subject: str = ""
    parents: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether a known key signed it."""
        return self.standing is Standing.GOOD

    @property
    def names(self) -> tuple[str, ...]:
        """Return what a policy may call its signer: the name, the mail address in it, the key."""
        return tuple(name for name in (self.signer, *_MAIL.findall(self.signer), self.key) if name)

    @property
    def complaint(self) -> str:
        """Return what is wrong with it, in words."""
        return _WORDS.get(self.standing, "")


def signatures(
    repository: Path, environment: Mapping[str, str], wanted: Sequence[str], most: int
) -> list[Signed]:
    """Return the commits that git's log shows for `wanted`, the newest first, at most `most`; blocks.

    `environment` is that of `verifying_environment`. Raises SourceUnavailable.
    """
    command = ["git", "--git-dir", str(repository), "log", "-z", f"--max-count={most}", f"--format={_FORM}"]
    try:
        done = run([*command, *wanted, "--"], environment=environment, timeout=VERIFY_TIMEOUT)
    except (OSError, CommandTimedOut) as error:
        raise SourceUnavailable(f"signatures could not be checked: {error}") from error
    if done.code != 0:
        raise SourceUnavailable(f"signatures could not be checked: {done.text}")
    text = done.stdout.decode(errors="replace")
    return [_signed(record) for record in text.split("\0") if record.strip()]


def _signed(record: str) -> Signed:
    commit, mark, key, parents, signer, author, subject = record.lstrip("\n").split("\x1f", 6)
    standing = _STANDINGS.get(mark, Standing.UNCHECKED)
    good = standing is Standing.GOOD
    return Signed(
        commit,
        standing,
        signer if good else "",
        key if good else "",
        author,
        subject,
        tuple(parents.split()),
    )


def tag_signature(repository: Path, environment: Mapping[str, str], tag: str, commit: str) -> Signed:
    """Return what the signature of a tag is worth, as one of the commit that it names; blocks.

    A tag object that was made for another name or another commit is worth nothing: it was moved here.
    """
    ref = f"refs/tags/{tag}"
    shown = run(
        ["git", "--git-dir", str(repository), "cat-file", "tag", ref], environment=environment, timeout=60
    )
    if shown.code != 0:
        return Signed(commit, Standing.NONE)
    head = dict(
        line.partition(" ")[::2]
        for line in shown.stdout.partition(b"\n\n")[0].decode(errors="replace").split("\n")
    )
    if head.get("tag") != tag or head.get("object") != commit:
        return Signed(commit, Standing.BAD)
    asked = run(
        ["git", "--git-dir", str(repository), "verify-tag", "--raw", ref], environment=environment, timeout=60
    )
    said = asked.stderr.decode(errors="replace")
    signer, key = _ssh_signer(said) or _openpgp_signer(said) or ("", "")
    if asked.code == 0 and signer:
        return Signed(commit, Standing.GOOD, signer, key, head.get("tagger", ""), tag)
    unsigned = b"-----BEGIN" not in shown.stdout
    return Signed(commit, Standing.NONE if unsigned else Standing.UNKNOWN)


def _ssh_signer(said: str) -> tuple[str, str] | None:
    found = re.search(r'^Good "git" signature for (.+) with \S+ key (\S+)$', said, re.MULTILINE)
    return (found[1], found[2]) if found else None


def _openpgp_signer(said: str) -> tuple[str, str] | None:
    good = re.search(r"^\[GNUPG:\] GOODSIG \S+ (.+)$", said, re.MULTILINE)
    key = re.search(r"^\[GNUPG:\] VALIDSIG (\S+)", said, re.MULTILINE)
    return (good[1], key[1]) if good and key else None
