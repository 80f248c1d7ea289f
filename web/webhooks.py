"""Webhooks of git servers: who sent one, whether it is genuine and new, and what it asks for.

Nothing in a body is trusted: a genuine delivery only has the configured source looked at. GitHub, Gitea and
Forgejo sign the body; GitLab sends the secret itself, or signs like the Standard Webhooks that anybody else
can send: a message id, a time, and both of them signed with the body.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qs

from schemas.errors import UsageError
from telemetry.names import HEALTH
from telemetry.prometheus import Registry
from web.access.throttle import Throttle

SERIES = "herdsman_webhooks_total"
SHORTEST_SECRET = 16
REMEMBERED = 24 * 3600.0
"""Seconds for which a delivery is known, so that it is not taken twice."""

MOST_REMEMBERED = 10_000
CLOCK_WINDOW = 300.0
"""Seconds that a signed time may differ from ours."""

MOST_A_MINUTE = 60
"""Genuine deliveries of one source that are taken within a minute."""

_IDS = (
    "webhook-id",
    "x-github-delivery",
    "x-forgejo-delivery",
    "x-gitea-delivery",
    "x-gitlab-event-uuid",
)
_EVENTS = ("x-github-event", "x-forgejo-event", "x-gitea-event", "x-gitlab-event")
_SIGNED = ("x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256")
_MOVING = frozenset({"", "push", "create", "delete", "Push Hook", "Tag Push Hook", "System Hook"})


class Answer(StrEnum):
    """What becomes of a delivery."""

    LOOKING = "looking"
    """The source is being looked at."""
    PONG = "pong"
    """The forge only tried whether we answer."""
    IGNORED = "ignored"
    """It is of another branch, or of an event that moves nothing."""
    REFUSED = "refused"
    """It is not genuine; nobody is told why."""
    REPLAYED = "replayed"
    """It was taken before, or its time is too far from ours."""
    LIMITED = "limited"
    """There were too many of them."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One source's webhook: the file with its secret, and whether a moved ref concerns the source."""

    secret_file: Path
    concerns: Callable[[str], bool]

    def secret(self) -> bytes:
        """Return the secret as it is now, b"" where it cannot be read: then nothing is genuine."""
        try:
            return self.secret_file.read_bytes().strip()
        except OSError:
            return b""


def check_secret_file(path: Path) -> None:
    """Raise UsageError for a file that others can read, or that holds no good secret."""
    try:
        mode, content = path.stat().st_mode, path.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"the webhook's secret file {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"the webhook's secret file {path} can be read by others: chmod 600 {path}")
    if len(content) < SHORTEST_SECRET:
        raise UsageError(
            f"the webhook's secret in {path} is shorter than {SHORTEST_SECRET} characters: make one with "
            f"`openssl rand -hex 32 > {path}`"
        )


class Webhooks:
    """Takes deliveries: `announce` is called with the source's name for each that may bring something new."""

    def __init__(
        self,
        hooks: Mapping[str, Hook],
        announce: Callable[[str], None],
        clock: Callable[[], float],
        registry: Registry,
    ) -> None:
        self._hooks = hooks
        self._announce = announce
        self._clock = clock
        self._failures = Throttle(clock)
        self._rates = Throttle(clock, most=MOST_A_MINUTE)
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._nobody = secrets.token_bytes(32)
        self._count = registry.counter(SERIES, HEALTH[SERIES])

    def take(
        self, source: str, headers: Mapping[str, str], body: bytes, address: str
    ) -> tuple[Answer, float]:
        """Return what becomes of a delivery, and the seconds to wait where it was one too many.

        `headers` has lower-case names; `address` is the client's.
        """
        hook = self._hooks.get(source)
        answer, wait = self._judge(source, hook, headers, body, address)
        # The name of a source that there is not came from outside: it is no label.
        self._count.add(source=source if hook else "", result=answer.value)
        return answer, wait

    def _judge(
        self, source: str, hook: Hook | None, headers: Mapping[str, str], body: bytes, address: str
    ) -> tuple[Answer, float]:
        # An unknown source costs as much time as a wrong secret, and gets the same answer.
        secret = (hook.secret() if hook else b"") or self._nobody
        genuine = is_genuine(headers, body, secret)
        if hook is None or not genuine:
            wait = self._failures.failed(address)
            return (Answer.LIMITED, wait) if wait else (Answer.REFUSED, 0.0)
        if wait := self._rates.failed(source):
            return Answer.LIMITED, wait
        if self._is_old(headers) or self._known(source, headers, body):
            return Answer.REPLAYED, 0.0
        event = next((headers[name] for name in _EVENTS if name in headers), "")
        if event == "ping":
            return Answer.PONG, 0.0
        ref = moved_ref(headers, body)
        if event not in _MOVING or (ref and not hook.concerns(ref)):
            return Answer.IGNORED, 0.0
        self._announce(source)
        return Answer.LOOKING, 0.0

    def _is_old(self, headers: Mapping[str, str]) -> bool:
        """Say whether a signed time is too far from ours; most forges sign none."""
        if "webhook-signature" not in headers:
            return False
        try:
            return not abs(self._clock() - float(headers.get("webhook-timestamp", ""))) <= CLOCK_WINDOW
        except ValueError:
            return True

    def _known(self, source: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Say whether a delivery was taken before, by its id or (ids are not signed) by its content."""
        now = self._clock()
        while self._seen and next(iter(self._seen.values())) < now - REMEMBERED:
            self._seen.popitem(last=False)
        told_at = headers.get("webhook-timestamp", "") if "webhook-signature" in headers else ""
        marks = {hashlib.sha256(f"{told_at}.".encode() + body).hexdigest()}
        marks |= {headers[name] for name in _IDS if headers.get(name)}
        if any((source, mark) in self._seen for mark in marks):
            return True
        self._seen.update({(source, mark): now for mark in marks})
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
        return False


def no_webhooks() -> Webhooks:
    """Return what takes no delivery, since no source has a secret."""
    return Webhooks({}, lambda _source: None, time.time, Registry())


def is_genuine(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Say whether whoever sent this knows the secret. Every comparison takes the same time."""
    digest = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    for name in _SIGNED:
        if name in headers:
            given = headers[name].removeprefix("sha256=").strip()
            return hmac.compare_digest(digest, given.encode())
    if "webhook-signature" in headers and _is_signed(headers, body, secret):
        return True
    if "x-gitlab-token" in headers:
        return hmac.compare_digest(secret, headers["x-gitlab-token"].encode())
    return False


def _is_signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """Say whether a Standard Webhook is genuine: `v1,BASE64` of HMAC-SHA256 over id, time and body."""
    signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
    expected = base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest())
    given = [part.removeprefix("v1,").encode() for part in headers["webhook-signature"].split()[:10]]
    return sum(hmac.compare_digest(expected, one) for one in given) > 0


def signing_key(secret: bytes) -> bytes:
    """Return the key that a secret stands for: `whsec_BASE64` is the standard's form, any other is itself."""
    if secret.startswith(b"whsec_"):
        try:
            return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            return secret
    return secret


def moved_ref(headers: Mapping[str, str], body: bytes) -> str:
    """Return the ref that a delivery says has moved, "" where it does not say: used only to do less."""
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body.decode(errors="replace")).get("payload", [""])[0].encode()
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    ref = told.get("ref") if isinstance(told, dict) else None
    return ref if isinstance(ref, str) and ref.startswith("refs/") else ""
