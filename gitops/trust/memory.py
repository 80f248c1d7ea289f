"""The last trusted commit of each branch of each source, in a file of ours beside no repository."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from gitops.trust.signatures import Signed, Standing


@dataclass(frozen=True, slots=True)
class Trusted:
    """A commit that was judged and taken, with what was known of its signature then."""

    commit: str
    standing: str = ""
    signer: str = ""
    key: str = ""


class Memory:
    """Remembers in `file`; one that is lost or damaged is as if nothing had been trusted yet."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def last(self, source: str, branch: str) -> Trusted | None:
        """Return what was trusted last, None where nothing was."""
        return self._read().get(f"{source}:{branch}")

    def remember(self, source: str, branch: str, signed: Signed) -> None:
        """Keep a commit as the last trusted one; blocks."""
        known = self._read()
        now = _trusted(signed)
        if known.get(f"{source}:{branch}") == now:
            return
        known[f"{source}:{branch}"] = now
        self._write(known)

    def approved(self, source: str, branch: str) -> tuple[Trusted, str] | None:
        """Return the newest push that was let in, with what it was judged against; None for none."""
        known = self._read()
        found, base = known.get(f"pushed {source}:{branch}"), known.get(f"before {source}:{branch}")
        return (found, base.commit) if found is not None and base is not None else None

    def approve(self, source: str, branch: str, signed: Signed, base: str) -> None:
        """Keep that a push was let in: what its token allowed is not seen in the commit itself; blocks."""
        known = self._read()
        known[f"pushed {source}:{branch}"] = _trusted(signed)
        known[f"before {source}:{branch}"] = Trusted(base)
        self._write(known)

    def _write(self, known: dict[str, Trusted]) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({name: asdict(one) for name, one in known.items()}, indent=1))
        part.replace(self._file)

    def _read(self) -> dict[str, Trusted]:
        try:
            found = json.loads(self._file.read_text())
            return {name: Trusted(**one) for name, one in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _trusted(signed: Signed) -> Trusted:
    return Trusted(signed.commit, signed.standing.value, signed.signer, signed.key)


def signed_of(trusted: Trusted) -> Signed:
    """Return what is remembered of a commit's signature."""
    standing = Standing(trusted.standing) if trusted.standing else Standing.UNCHECKED
    return Signed(trusted.commit, standing, trusted.signer, trusted.key)
