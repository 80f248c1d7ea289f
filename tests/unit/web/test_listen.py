from pathlib import Path

import pytest

from schemas.errors import UsageError
from web.access.listen import Listen, Tls, check_listen, parse_listen, tls_files


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8420", "127.0.0.1", 8420), ("[::1]:0", "::1", 0), (":80", "127.0.0.1", 80), ("h:1", "h", 1)],
)
def test_listen_is_host_and_port(text: str, host: str, port: int):
    """HOST:PORT is understood, IPv6 in brackets, without a host loopback."""
    assert parse_listen(text) == Listen(host, port)


@pytest.mark.parametrize("text", ["", "8420", "host", "h:99999", "h:x", "u@h:1", "h:1/x"])
def test_text_that_is_no_address_is_a_clear_error(text: str):
    """The error shows what was given and an example."""
    with pytest.raises(UsageError, match=r"such as 127\.0\.0\.1:8420"):
        parse_listen(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_loopback_needs_nothing(host: str):
    """This machine alone may be served in clear text."""
    check_listen(Listen(host, 8420), None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "fleet.example"])
def test_elsewhere_needs_tls_or_an_explicit_word(host: str):
    """A token never travels in clear text over a network unless somebody said so."""
    with pytest.raises(UsageError, match="--tls-cert and --tls-key"):
        check_listen(Listen(host, 8420), None, insecure=False)
    check_listen(Listen(host, 8420), Tls(Path("c"), Path("k")), insecure=False)
    check_listen(Listen(host, 8420), None, insecure=True)


def test_tls_needs_both_files(tmp_path: Path):
    """One file alone, or a file that is not there, is named in the error."""
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    assert tls_files(None, None) is None
    with pytest.raises(UsageError, match="--tls-key is missing"):
        tls_files(certificate, None)
    with pytest.raises(UsageError, match=r"key\.pem is not a file"):
        tls_files(certificate, tmp_path / "key.pem")


def test_address_is_shown_as_people_open_it():
    """A wildcard is shown as this machine, IPv6 in brackets."""
    assert Listen("0.0.0.0", 1).url(tls=False) == "http://127.0.0.1:1"
    assert Listen("::1", 8420).url(tls=True) == "https://[::1]:8420"
