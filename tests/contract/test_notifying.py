"""Sending through apprise to real servers: webhooks that answer, refuse and hang, and mail by SMTP."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message as Mail
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller as MailServer
from aiosmtpd.handlers import Message as MailHandler

from controller.notifications.apprise_sender import AppriseSender
from controller.notifications.destinations import Destination
from controller.notifications.wording import Message
from schemas.alerts import Severity
from schemas.errors import UsageError
from tests.engines.ports import free_ports
from tests.engines.webhooks import Webhooks, webhooks

TOP = Path(__file__).parents[2]
SECRET = "s3cr3t-t0ken"


@pytest.fixture(scope="module")
def hooks() -> Iterator[Webhooks]:
    with webhooks() as server:
        yield server


def message(destination: str) -> Message:
    return Message(
        "0a1b", destination, "[desk-1] 2 bots Degraded", "why: exit 1\n\nid 0a1b", Severity.CRITICAL, 0.0
    )


async def test_a_webhook_gets_title_body_and_severity(hooks: Webhooks) -> None:
    """A server that answers 200 has the message."""
    hooks.taken.clear()
    sender = AppriseSender(
        [Destination("desk", f"json://127.0.0.1:{hooks.server_port}/{SECRET}/200")], patience=90.0
    )
    assert await sender.send(message("desk")) == ""
    (taken,) = hooks.taken
    assert taken["title"] == "[desk-1] 2 bots Degraded"
    assert "id 0a1b" in taken["message"]
    assert taken["type"] == "failure"


@pytest.mark.parametrize(
    ("path", "said"),
    [("429", "refused with 429"), ("500", "refused with 500"), ("hang", "no answer within 0.3 s")],
)
async def test_a_failure_is_told_without_the_address(
    hooks: Webhooks, path: str, said: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Why it did not arrive is said, and the credential stands in no log, on no terminal and in no error."""
    caplog.set_level(logging.DEBUG)
    url = f"json://{SECRET}:{SECRET}@127.0.0.1:{hooks.server_port}/{SECRET}/{path}?rto=60"
    sender = AppriseSender([Destination("desk", url)], patience=0.3 if path == "hang" else 90.0)
    assert await sender.send(message("desk")) == said
    if path == "hang":
        assert await sender.send(message("desk")) == "it has not answered the last try yet"
    printed = capfd.readouterr()
    assert SECRET not in caplog.text + printed.out + printed.err


async def test_a_server_that_is_not_there_is_told(hooks: Webhooks) -> None:
    """Nobody listens: the message did not arrive, and another destination is as well as before."""
    sender = AppriseSender(
        [
            Destination("gone", f"json://127.0.0.1:1/{SECRET}"),
            Destination("desk", f"json://127.0.0.1:{hooks.server_port}/200"),
        ]
    )
    gone, desk = await asyncio.gather(sender.send(message("gone")), sender.send(message("desk")))
    assert (gone, desk) == ("it cannot be reached, or refused it", "")


async def test_mail_arrives_at_a_real_server() -> None:
    """By SMTP: the subject is the title, the text is the body as it is."""
    arrived: list[Mail] = []

    class Inbox(MailHandler):  # type: ignore[misc]
        def handle_message(self, message: Mail) -> None:
            arrived.append(message)

    server = MailServer(Inbox(), hostname="127.0.0.1", port=free_ports(1)[0], ready_timeout=90)
    server.start()
    try:
        url = f"mailto://127.0.0.1:{server.port}?mode=insecure&from=herdsman@desk.example&to=ops@desk.example"
        assert await AppriseSender([Destination("mail", url)], patience=90.0).send(message("mail")) == ""
    finally:
        server.stop()
    (mail,) = arrived
    assert mail["subject"] == "[desk-1] 2 bots Degraded"
    assert "ops@desk.example" in mail["to"]
    assert "why: exit 1" in str(mail)


def test_an_address_that_apprise_does_not_know_is_refused_without_repeating_it() -> None:
    """A mistake in the file is said at the start, with the name and the kind alone."""
    with pytest.raises(UsageError, match=r"the address of desk \(slcak://\.\.\.\)") as refused:
        AppriseSender([Destination("desk", f"slcak://{SECRET}/x")])
    assert SECRET not in str(refused.value)


def test_without_a_file_apprise_is_not_loaded() -> None:
    """Neither the command line nor a service without destinations pays for it."""
    code = "import sys, cli.main, cli.notify, cli.service.parts; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=TOP, check=False).returncode == 0
