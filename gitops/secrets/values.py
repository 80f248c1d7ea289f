"""What of one revision refers to secrets: each bot's values found, or why they cannot be, at the line.

A value decides what a bot is where it lies in git, or where its manifest asks for a restart on change: then a
digest of it under the fleet's own key is part of the bot's digest, so that a push of another value restarts
exactly the bots that use it. Without the key such a digest says nothing, and no value is ever written down.
"""

import hashlib
import hmac
import posixpath
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from gitops.desired import DesiredState
from gitops.secrets.age import Identities
from gitops.secrets.sops import Opened, open_file
from gitops.tree import TreeEntry, TreeReader
from schemas.bot import BotSpec
from schemas.document import MOST_BYTES
from schemas.errors import ManifestError, SecretStoreDown, SecretUnavailable, SourceUnavailable
from schemas.instance import parse_instance
from schemas.secret_reference import IN_GIT, OUTSIDE, SecretReference

MOST_VALUE_BYTES = 32 * 1024
"""The longest values of one bot together: they travel in one Nomad variable."""
_GENERATIONS = 3


class OutsideSource(Protocol):
    """Reads secrets that lie outside git: blocking, and called in threads."""

    def read(self, place: str, key: str) -> str:
        """Return a value. Raises SecretUnavailable, SecretStoreDown where it may be there later."""
        ...


@dataclass(slots=True)
class _Look:
    """One look at a revision: every file and every place outside is read once."""

    reader: TreeReader | None
    files: Mapping[str, TreeEntry]
    opened: dict[tuple[str, str], Opened | str] = field(default_factory=dict)
    outside: dict[str, str | SecretUnavailable] = field(default_factory=dict)


class FleetSecrets:
    """Finds the values of a fleet's secrets. `key` is the fleet's own, under which digests are made.

    `outside` are sources by the kind of reference (env-file, nomad, vault). Used from several threads.
    """

    def __init__(
        self,
        key: bytes,
        identities: Identities | None = None,
        outside: Mapping[str, OutsideSource] | None = None,
    ) -> None:
        self._key = key
        self.identities = identities or Identities()
        self._outside = dict(outside or {})
        self._values: list[dict[str, dict[str, str]]] = []
        self._good: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self.troubled = False
        """Whether a store did not answer at the last look at what is deployed: worth another look."""

    def attach(self, reader: TreeReader, state: DesiredState, *, aside: bool = False) -> DesiredState:
        """Return a state whose bots know the digests of their secrets.

        A bot whose secrets cannot be had is left as it was last applied, with an error at the reference: a
        warning where nothing that was pushed is to blame. Of a state that is only looked at (`aside`) nothing
        is remembered.
        """
        wanting = [spec for spec in state.bots.values() if any(one.handed for one in spec.secrets)]
        if not wanting:
            return state
        look = _Look(reader, self._find(reader, wanting))
        errors: list[ManifestError] = []
        waiting = False
        bots = dict(state.bots)
        values: dict[str, dict[str, str]] = {}
        good: dict[str, tuple[str, ...]] = {}
        for spec in wanting:
            found, problems = self._look_up(spec, look)
            inputs = _inputs(spec, reader.subfolder, look.files)
            if problems:
                waiting = waiting or any(why.transient for _, why in problems)
                known = self._good.get(spec.name) == inputs
                errors += [_error(reader, state, spec, one, why, known) for one, why in problems]
                del bots[spec.name]
            else:
                done = self._with_digests(spec, found)
                bots[spec.name] = done
                values[done.digest] = found
                good[spec.name] = inputs
        if not aside:
            self._remember(values, good)
            self.troubled = waiting
        return _without(state, bots, errors)

    def values(self, spec: BotSpec) -> dict[str, str] | None:
        """Return the values of a spec that was attached lately, None where they are not known any more."""
        with self._lock:
            known = (generation.get(spec.digest) for generation in reversed(self._values))
            found = next((one for one in known if one is not None), None)
        if found is None or not any(one.kind in OUTSIDE for one in spec.secrets):
            return found
        return self._fresh(spec, found)

    def reread(self, spec: BotSpec, reader: TreeReader) -> dict[str, str]:
        """Return the values of a spec as the revision that is read has them.

        Raises SecretUnavailable, also where they are not those that the spec was made with.
        """
        found, problems = self._look_up(spec, _Look(reader, self._find(reader, [spec])))
        if problems:
            reference, error = problems[0]
            raise SecretUnavailable(f"secret {reference.variable} ({reference.reference}): {error}")
        for reference in spec.secrets:
            if reference.digest and reference.digest != self.digest_of(spec.name, reference, found):
                raise SecretUnavailable(f"secret {reference.variable} has another value by now")
        return found

    def moved(self, specs: Iterable[BotSpec]) -> bool:
        """Say whether a value outside git is another now, of those whose change restarts a bot; blocks."""
        look = _Look(None, {})
        for spec in specs:
            for one in spec.secrets:
                if not one.watched:
                    continue
                try:
                    now = {one.variable: self._read_outside(one, look)}
                except SecretUnavailable:
                    continue
                if self.digest_of(spec.name, one, now) != one.digest:
                    return True
        return False

    def digest_of(self, bot: str, reference: SecretReference, values: Mapping[str, str]) -> str:
        """Return the keyed digest of a bot's value."""
        text = f"{bot}\0{reference.variable}\0{values[reference.variable]}"
        return hmac.new(self._key, text.encode("utf-8", "surrogateescape"), "sha256").hexdigest()[:32]

    def _with_digests(self, spec: BotSpec, found: Mapping[str, str]) -> BotSpec:
        secrets = tuple(
            replace(one, digest=self.digest_of(spec.name, one, found)) if one.decides else one
            for one in spec.secrets
        )
        deciding = [f"{one.variable}={one.digest}" for one in secrets if one.digest]
        if not deciding:
            return spec
        digest = hashlib.sha256("\n".join([spec.digest, *deciding]).encode()).hexdigest()
        return replace(spec, secrets=secrets, digest=digest)

    def _remember(self, values: dict[str, dict[str, str]], good: dict[str, tuple[str, ...]]) -> None:
        with self._lock:
            self._good |= good
            self._values = [*self._values, values][-_GENERATIONS:]

    def _fresh(self, spec: BotSpec, known: Mapping[str, str]) -> dict[str, str]:
        """Return values with those outside git as they are now."""
        look = _Look(None, {})
        return {
            one.variable: self._read_outside(one, look)
            if one.kind in OUTSIDE and not one.decides
            else known[one.variable]
            for one in spec.secrets
            if one.handed
        }

    def _find(self, reader: TreeReader, specs: Iterable[BotSpec]) -> Mapping[str, TreeEntry]:
        paths = {
            posixpath.join(reader.subfolder, one.place)
            for spec in specs
            for one in spec.secrets
            if one.kind in IN_GIT
        }
        return reader.find(sorted(paths)) if paths else {}

    def _look_up(
        self, spec: BotSpec, look: _Look
    ) -> tuple[dict[str, str], list[tuple[SecretReference, SecretUnavailable]]]:
        values: dict[str, str] = {}
        problems: list[tuple[SecretReference, SecretUnavailable]] = []
        for one in spec.secrets:
            if not one.handed:
                continue
            try:
                value = self._read_file(one, look) if one.kind in IN_GIT else self._read_outside(one, look)
                _check(value)
                values[one.variable] = value
            except SecretUnavailable as error:
                problems.append((one, error))
        if sum(len(value.encode("utf-8", "surrogateescape")) for value in values.values()) > MOST_VALUE_BYTES:
            limit = f"its secrets are longer than {MOST_VALUE_BYTES // 1024} KiB together"
            problems.append((spec.secrets[0], SecretUnavailable(limit)))
        return values, problems

    def _read_outside(self, reference: SecretReference, look: _Look) -> str:
        source = self._outside.get(reference.kind)
        if source is None:
            raise SecretUnavailable(_MISSING[reference.kind])
        known = look.outside.get(reference.reference)
        if known is None:
            try:
                known = source.read(reference.place, reference.key)
            except SecretUnavailable as error:
                known = error
            look.outside[reference.reference] = known
        if isinstance(known, SecretUnavailable):
            raise known
        return known

    def _read_file(self, reference: SecretReference, look: _Look) -> str:
        reader = look.reader
        entry = look.files.get(posixpath.join(reader.subfolder, reference.place)) if reader else None
        if reader is None or entry is None or not entry.is_file:
            raise SecretUnavailable(f"there is no file {reference.place} in the fleet's folder")
        kept = (entry.oid, reference.kind)
        if kept not in look.opened:
            look.opened[kept] = self._open(reader, entry, reference)
        opened = look.opened[kept]
        return opened if isinstance(opened, str) else opened.find(reference.key)

    def _open(self, reader: TreeReader, entry: TreeEntry, reference: SecretReference) -> Opened | str:
        if entry.size > MOST_BYTES:
            raise SecretUnavailable("the file is larger than 1 MiB")
        try:
            content = reader.read(entry.oid)
        except SourceUnavailable as error:
            raise SecretStoreDown(f"the file could not be read: {error}") from None
        if reference.kind == "sops":
            return open_file(reference.place, content, self.identities)
        return _text(self.identities.decrypt(content)).rstrip("\n")


_NO_TEXT = "it holds no text (UTF-8), and an environment variable cannot be more"
_MISSING = {
    "nomad": "this herdsman knows no Nomad: it runs its bots on this machine",
    "vault": "this herdsman knows no Vault: set VAULT_ADDR and a token; docs/secrets.md",
    "env-file": "environment files are not read here",
}


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SecretUnavailable(
            "it holds no text (UTF-8), and an environment variable cannot be more"
        ) from None


def _check(value: str) -> None:
    if "\0" in value:
        raise SecretUnavailable("its value has a zero byte, which no environment variable can hold")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise SecretUnavailable(
            "it holds no text (UTF-8), and an environment variable cannot be more"
        ) from None


def _inputs(spec: BotSpec, subfolder: str, files: Mapping[str, TreeEntry]) -> tuple[str, ...]:
    """Return what a push can change of a bot's secrets: its manifest's share, and the files' ids."""
    paths = (posixpath.join(subfolder, one.place) for one in spec.secrets if one.kind in IN_GIT)
    oids = (files[path].oid if path in files else "" for path in paths)
    return (spec.digest, *(one.reference for one in spec.secrets), *oids)


def _error(
    reader: TreeReader,
    state: DesiredState,
    spec: BotSpec,
    reference: SecretReference,
    why: SecretUnavailable,
    known: bool,
) -> ManifestError:
    message = f"secret {reference.variable} ({reference.reference}): {why}"
    place = ("herdsman", "secrets", reference.variable)
    record = state.index.instances.get(spec.path) if state.index else None
    manifest = parse_instance(spec.path, reader.read(record.oid))[0] if record else None
    if manifest is None:
        pointer = f"/herdsman/secrets/{reference.variable}"
        error = ManifestError(spec.path, 0, 0, pointer, message, why.suggestion)
    else:
        error = manifest.document.error(place, message, why.suggestion)
    return replace(error, bots=(spec.name,), excerpt=None, warning=why.transient or known)


def _without(state: DesiredState, bots: Mapping[str, BotSpec], errors: list[ManifestError]) -> DesiredState:
    """Return the state with its bots as they are now; those that errors name are protected."""
    if not errors:
        return replace(state, bots=bots)
    everything = sorted((*state.errors, *errors), key=_order)
    return replace(
        state,
        bots=bots,
        errors=tuple(everything),
        failed_paths=state.failed_paths | {error.file for error in errors},
        failed_bots=state.failed_bots | {bot for error in errors for bot in error.bots},
    )


def _order(error: ManifestError) -> tuple[str, int, int, str, str]:
    return error.file, error.line, error.column, error.pointer, error.message
