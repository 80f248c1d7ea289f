"""Deliveries of git servers: genuine, new, of our branch, and within their limits, or without effect."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import httpx
import pytest

from schemas.errors import UsageError
from telemetry.prometheus import Registry
from tests.fakes.web import running
from web.webhooks import MOST_A_MINUTE, Answer, Hook, Webhooks, check_secret_file

SECRET = b"a secret of some length"
PUSH = json.dumps({"ref": "refs/heads/main", "after": "1" * 40}).encode()
NOW = 1_800_000_000.0


def digest(body: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def github(body: bytes = PUSH, delivery: str = "d-1", event: str = "push", secret: bytes = SECRET):
    return {
        "x-github-event": event,
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={digest(body, secret)}",
    }


def gitea(body: bytes = PUSH, delivery: str = "d-1", event: str = "push", kind: str = "gitea"):
    return {
        f"x-{kind}-event": event,
        f"x-{kind}-delivery": delivery,
        f"x-{kind}-signature": digest(body),
        "x-github-event": event,
    }


def gitlab(delivery: str = "d-1", event: str = "Push Hook", token: str = SECRET.decode()):
    return {"x-gitlab-event": event, "x-gitlab-event-uuid": delivery, "x-gitlab-token": token}


def standard(body: bytes = PUSH, delivery: str = "m-1", at: float = NOW, secret: bytes = SECRET):
    key = base64.b64decode(secret[6:]) if secret.startswith(b"whsec_") else secret
    signed = f"{delivery}.{at:.0f}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": delivery,
        "webhook-timestamp": f"{at:.0f}",
        "webhook-signature": f"v1,b2xk v1,{signature}",
    }


class Desk:
    """The webhook of one source that follows the branch main, on a clock that stands."""

    def __init__(self, folder: Path, secret: bytes = SECRET) -> None:
        self.file = folder / "secret"
        self.file.write_bytes(secret + b"\n")
        self.file.chmod(0o600)
        self.now = NOW
        self.announced: list[str] = []
        self.registry = Registry()
        hook = Hook(self.file, lambda ref: ref == "refs/heads/main")
        self.webhooks = Webhooks({"desk": hook}, self.announced.append, lambda: self.now, self.registry)

    def take(self, headers, body: bytes = PUSH, source: str = "desk", address: str = "10.0.0.9") -> Answer:
        return self.webhooks.take(source, headers, body, address)[0]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.mark.parametrize(
    "headers",
    [github(), gitea(), gitea(kind="forgejo"), gitlab(), gitlab(event="Tag Push Hook"), standard()],
    ids=["github", "gitea", "forgejo", "gitlab", "gitlab tag", "standard"],
)
def test_a_genuine_push_has_the_source_looked_at(desk, headers):
    """Each forge's own proof is taken, and only the configured source is looked at."""
    assert desk.take(headers) is Answer.LOOKING
    assert desk.announced == ["desk"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-github-event": "push"},
        github(secret=b"another secret, as long"),
        github(body=PUSH + b" "),
        gitlab(token="wrong"),
        gitlab(token=""),
        gitlab(token="sécret"),
        {**github(), "x-hub-signature-256": "sha256="},
        {**gitea(), "x-gitea-signature": "é" * 64},
        standard(secret=b"another secret, as long"),
        {**standard(), "webhook-id": "another"},
        {**standard(), "webhook-timestamp": f"{NOW + 1:.0f}"},
        {**standard(), "webhook-signature": ""},
    ],
)
def test_what_is_not_genuine_is_refused(desk, headers):
    """No proof, a wrong one, and one of another body, id or time all get the same answer, and do nothing."""
    assert desk.take(headers) is Answer.REFUSED
    assert desk.announced == []


def test_a_wrong_signature_is_not_saved_by_a_right_one_beside_it(desk):
    """Where a forge's own signature is there, it is the one that counts."""
    assert desk.take({**github(), "x-gitea-signature": "0" * 64}) is Answer.REFUSED


def test_an_unknown_source_is_refused_like_a_wrong_secret(desk):
    """Nobody learns from the answer which sources there are; its name becomes no label of a series."""
    assert desk.take(github(), source="elsewhere") is Answer.REFUSED
    text = desk.registry.render().decode()
    assert 'herdsman_webhooks_total{result="refused",source=""} 1' in text


def test_without_its_secret_nothing_is_genuine(desk):
    """A secret file that is gone does not turn an empty secret into a right one."""
    desk.file.unlink()
    assert desk.take(github(secret=b"")) is Answer.REFUSED
    assert desk.take(gitlab(token="")) is Answer.REFUSED


def test_a_new_secret_holds_at_once(desk):
    """The file is read at each delivery, so that a secret can be changed without a restart."""
    desk.file.write_bytes(b"the secret of tomorrow")
    assert desk.take(github()) is Answer.REFUSED
    assert desk.take(github(secret=b"the secret of tomorrow")) is Answer.LOOKING


@pytest.mark.parametrize("make", [github, gitea, standard])
def test_a_delivery_is_taken_once(desk, make):
    """The same id, and the same content under another id, are replays for a day."""
    assert desk.take(make(delivery="one")) is Answer.LOOKING
    assert desk.take(make(delivery="one")) is Answer.REPLAYED
    assert desk.take(make(delivery="two")) is Answer.REPLAYED
    other = PUSH.replace(b"1", b"2")
    assert desk.take(make(body=other, delivery="one"), other) is Answer.REPLAYED
    assert desk.take(make(body=other, delivery="three"), other) is Answer.LOOKING
    assert desk.announced == ["desk", "desk"]


def test_the_same_content_may_be_signed_anew_later(desk):
    """With a signed time, equal content at another time is another message."""
    body = b"{}"
    assert desk.take(standard(body, "one"), body) is Answer.LOOKING
    desk.now += 10
    assert desk.take(standard(body, "two", at=desk.now), body) is Answer.LOOKING


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signed_time_must_be_near_ours(desk, seconds):
    """An old message, and one from the future, are refused though they are genuine."""
    assert desk.take(standard(at=NOW + seconds)) is Answer.REPLAYED
    assert desk.take(standard(at=NOW + seconds / 1.01)) is Answer.LOOKING


def test_a_ping_is_answered_and_does_nothing(desk):
    """A forge that tries the webhook learns that it works."""
    assert desk.take(github(b"{}", event="ping"), b"{}") is Answer.PONG
    assert desk.announced == []


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("push", {"ref": "refs/heads/other"}),
        ("push", {"ref": "refs/tags/v1"}),
        ("issues", {"action": "opened"}),
    ],
)
def test_what_does_not_concern_the_source_is_ignored(desk, event, body):
    """A push to another branch, and events that move no branch, do nothing."""
    text = json.dumps(body).encode()
    assert desk.take(github(text, event=event), text) is Answer.IGNORED
    assert desk.announced == []


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1]", b'{"ref": 7}', b'{"ref": ["refs/heads/x"]}', b"[" * 9999]
)
def test_a_body_that_says_nothing_still_has_the_source_looked_at(desk, body):
    """What a body says is used only to do less."""
    assert desk.take(github(body), body) is Answer.LOOKING


def test_a_form_is_read_too(desk):
    """GitHub sends forms where it is not told otherwise."""
    body = b"payload=%7B%22ref%22%3A%22refs%2Fheads%2Fother%22%7D"
    headers = {**github(body), "content-type": "application/x-www-form-urlencoded"}
    assert desk.take(headers, body) is Answer.IGNORED


def test_a_key_in_the_standards_form(tmp_path):
    """A secret that begins with whsec_ stands for the bytes behind it."""
    secret = b"whsec_" + base64.b64encode(b"thirty-two bytes of a signing key")
    desk = Desk(tmp_path, secret)
    assert desk.take(standard(secret=secret)) is Answer.LOOKING


def test_too_many_failures_of_one_address_have_to_wait(desk):
    """Whoever guesses is told to wait; a genuine delivery from the same address still gets through."""
    answers = [desk.take({}) for _ in range(25)]
    assert answers[0] is Answer.REFUSED
    assert answers[-1] is Answer.LIMITED
    assert desk.take(github()) is Answer.LOOKING


def test_too_many_deliveries_have_to_wait(desk):
    """A forge that runs wild is slowed down, for its own source alone."""
    bodies = [f'{{"n": {number}}}'.encode() for number in range(MOST_A_MINUTE + 1)]
    answers = [desk.take(github(body, f"d-{body!r}"), body) for body in bodies]
    assert answers[-2:] == [Answer.LOOKING, Answer.LIMITED]
    desk.now += 61
    assert desk.take(github(b"later", "later"), b"later") is Answer.LOOKING


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(b"short", 0o600, "shorter than 16"), (SECRET, 0o644, "chmod 600"), (None, 0, "cannot be read")],
)
def test_a_bad_secret_file_is_told_at_the_start(tmp_path, content, mode, words):
    """A secret that others can read, that is too short, or that is not there, is an error with its remedy."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    with pytest.raises(UsageError, match=words):
        check_secret_file(file)


async def test_the_route_needs_no_token_and_no_session(tmp_path, desk):
    """A forge posts without any credential of ours; what is refused gets one and the same problem."""
    async with (
        running(tmp_path, webhooks=desk.webhooks) as web,
        httpx.AsyncClient(base_url=web.url, timeout=90) as client,
    ):
        taken = await client.post("/api/v1/webhooks/desk", content=PUSH, headers=github())
        assert (taken.status_code, taken.json()) == (202, {"result": "looking"})
        again = await client.post("/api/v1/webhooks/desk", content=PUSH, headers=github())
        assert (again.status_code, again.json()["reason"]) == (409, "Replayed")
        wrong = await client.post("/api/v1/webhooks/desk", content=b"x", headers=github())
        unknown = await client.post("/api/v1/webhooks/nowhere", content=PUSH, headers=github())
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json() | {"instance": ""} == unknown.json() | {"instance": ""}
        large = await client.post("/api/v1/webhooks/desk", content=b"x" * (5 * 1024 * 1024 + 1))
        assert large.status_code == 413
    assert desk.announced == ["desk"]
