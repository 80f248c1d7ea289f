"""The errors of the whole product.

HerdsmanError
├── InvalidManifests       documents of a fleet are wrong; carries every ManifestError found (terminal)
├── UsageError             the person asked for something that cannot be (terminal)
│   └── SearchTooLong      a search that would take too long as it was asked (terminal)
├── NotFound               a bot, revision or file that is not there (terminal)
├── Conflict               somebody else changed it in between; read again (transient)
│   ├── BotRuns            what is not done under a running bot (transient)
│   └── StoppedLonger      a bot is stopped already for as long as a rule asks for (transient)
├── SourceUnavailable      a git repository cannot be reached or read (transient)
├── SchedulerUnavailable   the scheduler does not answer (transient)
├── SchedulerRefused       the scheduler says no to what we asked (terminal)
├── QueryRefused           a bot that answers no queries, or none now (terminal)
├── QueryFailed            a query program that raised, or gave no sound answer (terminal)
├── QueryTimedOut          a query that was not answered in time (transient)
├── TooBusy                as much of this is under way as may be; ask again later (transient)
├── StoreUnavailable       a telemetry or state store does not answer (transient)
├── SecretUnavailable      a secret's value cannot be had (terminal)
│   └── SecretStoreDown    the store that has it does not answer (transient)
├── StateDamaged           a saved state is not what its checksum says (terminal)
├── StateRefused           a state was offered or asked for by what is not its bot's allocation (terminal)
└── BuildFailed            a bundle or dependency layer could not be built (terminal until it changes)

Each is terminal (trying again cannot help) or transient. Their text is for people: what happened, why,
what to do; never a secret. The CLI, the push hook and the API print it unchanged.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class ManifestError:
    """One mistake in one file of a fleet.

    `line` and `column` count from 1 (0 where the mistake has no place in the file, such as a missing
    file); `pointer` is a JSON pointer (RFC 6901) into the document, "" for the whole of it.
    """

    file: str
    line: int
    column: int
    pointer: str
    message: str
    suggestion: str | None = None
    excerpt: str | None = None
    """The source line, for display under the message; never a value that may be a secret."""
    bots: tuple[str, ...] = ()
    """The bots that this mistake keeps from changing, where they are known."""
    warning: bool = False

    def __str__(self) -> str:
        """Return `file:line:column  message`, the form that editors and people can follow."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        tail = f" ({self.advice})" if self.suggestion else ""
        return f"{place}  {self.message}{tail}"

    @property
    def advice(self) -> str:
        """Return the suggestion in words: a name as a question, a sentence as it is."""
        if self.suggestion is None or " " in self.suggestion:
            return self.suggestion or ""
        return f'did you mean "{self.suggestion}"?'


class HerdsmanError(Exception):
    """Base of every error that herdsman raises on purpose."""

    transient: ClassVar[bool] = False


class InvalidManifests(HerdsmanError):
    """A revision or folder holds documents that do not validate."""

    def __init__(self, errors: tuple[ManifestError, ...]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class UsageError(HerdsmanError):
    """The request makes no sense as it was made."""


class SearchTooLong(UsageError):
    """A search took longer than it may; a narrower one is answered."""


class NotFound(HerdsmanError):
    """What was asked for does not exist."""


class Conflict(HerdsmanError):
    """The thing changed since it was read (a failed compare-and-set)."""

    transient = True


class StoppedLonger(Conflict):
    """A bot is stopped already, for as long as a rule asks for or longer: it is left so."""


class BotRuns(Conflict):
    """What was asked for is not done under a running bot."""


class SourceUnavailable(HerdsmanError):
    """A git repository cannot be reached or read."""

    transient = True


class SchedulerUnavailable(HerdsmanError):
    """The scheduler does not answer, or answers that it cannot now."""

    transient = True


class SchedulerRefused(HerdsmanError):
    """The scheduler understood, and says no."""


class RuntimeMissing(HerdsmanError):
    """Nothing here runs, or builds, programs of that runtime; the text says what to install."""


class QueryRefused(HerdsmanError):
    """The bot answers no queries, or cannot now: it does not run."""


class QueryFailed(HerdsmanError):
    """A query program raised, or gave no answer that can be used.

    `trace` is the end of what it printed on stderr; `available` are the paths that it knows, where it told.
    """

    def __init__(self, message: str, trace: str = "", available: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.trace = trace
        self.available = available


class QueryTimedOut(HerdsmanError):
    """A query was not answered within its time and was ended."""

    transient = True


class TooBusy(HerdsmanError):
    """As much of this is under way as may be at once."""

    transient = True


class StoreUnavailable(HerdsmanError):
    """A telemetry or state store does not answer."""

    transient = True


class SecretUnavailable(HerdsmanError):
    """A secret's value cannot be had; the text names where it was looked for, never a value."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


class SecretStoreDown(SecretUnavailable):
    """The store that has a secret does not answer now."""

    transient = True


class StateDamaged(HerdsmanError):
    """A saved state, or a part of it, is not what its checksum says."""


class StateRefused(HerdsmanError):
    """A bot's state was offered, or asked for, on behalf of an allocation that is not that bot's."""


class BuildFailed(HerdsmanError):
    """A bundle or a dependency layer could not be built; carries the end of the build log."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
