"""What a person agreed to: removals that they had seen, and no others. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consent:
    """A word that removals which are held may go through.

    `codes` name sets of removals as they were shown, `revisions` commits whatever they remove. `held` means
    what is held at the moment of asking, which whoever takes the word turns into codes at once.
    """

    codes: frozenset[str] = frozenset()
    revisions: frozenset[str] = frozenset()
    held: bool = False

    def covers(self, code: str, revision: str) -> bool:
        """Say whether it is about these removals, or about the commit that asks for them."""
        return code in self.codes or revision in self.revisions

    def taken(self, held: frozenset[str]) -> "Consent":
        """Return it with what is held now (codes) in place of `held`."""
        return Consent(self.codes | held, self.revisions) if self.held else self

    def joined(self, other: "Consent") -> "Consent":
        """Return what both agree to."""
        return Consent(self.codes | other.codes, self.revisions | other.revisions, self.held or other.held)

    def words(self) -> list[str]:
        """Return what was agreed to, for the record."""
        return [*sorted(self.codes), *sorted(self.revisions)]


NO_CONSENT = Consent()
TO_WHAT_IS_HELD = Consent(held=True)


def consent_to(*revisions: str) -> Consent:
    """Return a word about whatever these commits remove."""
    return Consent(revisions=frozenset(revisions))
