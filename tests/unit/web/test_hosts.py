import pytest

from web.access.hosts import host_allowed, refused_origin

NAMES = frozenset({"fleet.example"})


@pytest.mark.parametrize(
    "header", ["localhost", "localhost:8420", "127.0.0.1:1", "[::1]:8420", "127.8.8.8", "Fleet.Example:443"]
)
def test_loopback_and_configured_names_are_ours(header: str):
    """Requests to loopback addresses and to configured names are meant for us."""
    assert host_allowed(header, NAMES)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "fleet.example.evil",
        "[",
        "10.0.0.5",
    ],
)
def test_other_names_are_refused(header: str):
    """A name that somebody pointed at 127.0.0.1 is not ours, whatever it looks like."""
    assert not host_allowed(header, NAMES)


def test_numeric_addresses_are_ours_where_we_listen_on_all():
    """Only names can be rebound: where we listen everywhere, any address may be used, any name may not."""
    assert host_allowed("10.0.0.5:8420", NAMES, any_address=True)
    assert not host_allowed("evil.example", NAMES, any_address=True)


@pytest.mark.parametrize(
    ("headers", "cookie", "passes"),
    [
        ({"sec-fetch-site": "same-origin"}, True, True),
        ({"sec-fetch-site": "same-site"}, True, False),
        ({"sec-fetch-site": "cross-site"}, True, False),
        ({"sec-fetch-site": "cross-site"}, False, False),
        ({"sec-fetch-site": "none"}, True, False),
        ({"origin": "http://127.0.0.1:8420"}, True, True),
        ({"origin": "https://127.0.0.1:8420"}, True, True),
        ({"origin": "http://127.0.0.1:9999"}, True, False),
        ({"origin": "http://evil.example"}, False, False),
        ({"origin": "null"}, True, False),
        ({}, True, False),
        ({}, False, True),
    ],
)
def test_unsafe_requests_must_come_from_our_own_pages(headers: dict[str, str], cookie: bool, passes: bool):
    """What a browser marks as another site's is refused, and a cookie without any mark as well."""
    headers = {"host": "127.0.0.1:8420", **headers}
    assert (refused_origin("POST", headers, cookie=cookie) == "") is passes
    assert refused_origin("GET", headers, cookie=cookie) == ""
