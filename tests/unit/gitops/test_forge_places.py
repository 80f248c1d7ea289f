"""Where a repository and a pull request lie on a forge, and signing in there as a GitHub App."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gitops.forges.github_app import AppKeys, GitHubApp
from gitops.forges.place import ForgeKind, place_of, pull_request_of, pull_request_of_job
from gitops.transport import Credentials, Transport
from schemas.errors import SourceUnavailable, UsageError


@pytest.mark.parametrize(
    ("url", "kind", "api", "path"),
    [
        ("https://github.com/desk/fleet.git", "", "https://api.github.com", "desk/fleet"),
        ("git@github.com:desk/fleet.git", "", "https://api.github.com", "desk/fleet"),
        ("https://github.example.com/desk/fleet", "", "https://github.example.com/api/v3", "desk/fleet"),
        ("ssh://git@gitlab.com:2222/a/b/c.git", "", "https://gitlab.com/api/v4", "a/b/c"),
        ("https://git.example.com:3000/d/f.git", "gitea", "https://git.example.com:3000/api/v1", "d/f"),
        ("https://codeberg.org/d/f.git", "", "https://codeberg.org/api/v1", "d/f"),
    ],
)
def test_a_sources_url_says_where_its_statuses_go(url: str, kind: str, api: str, path: str) -> None:
    """By https and ssh, on the known forges and on one's own server whose kind is said."""
    found = place_of(url, kind)
    assert (found.api, found.path) == (api, path)


def test_a_host_that_tells_nothing_is_asked_about() -> None:
    """Guessing would send a token to another API; a path is on no forge."""
    with pytest.raises(UsageError, match=r"which kind of forge is git\.example\.com"):
        place_of("https://git.example.com/d/f.git")
    with pytest.raises(UsageError, match="names no repository of a forge"):
        place_of("/srv/fleet.git")


def test_a_pull_request_is_found_by_its_address_or_its_job() -> None:
    """GitHub, GitLab and Gitea differ in the path, and in the variables of their jobs."""
    found = pull_request_of("https://gitlab.example.com/a/b/c/-/merge_requests/12/diffs")
    assert (found.place.kind, found.place.path, found.number) == (ForgeKind.GITLAB, "a/b/c", 12)
    assert pull_request_of("https://github.com/d/f/pull/3").place.api == "https://api.github.com"
    assert pull_request_of("http://127.0.0.1:3000/d/f/pulls/4").place.api == "http://127.0.0.1:3000/api/v1"
    with pytest.raises(UsageError, match="no address of a pull request"):
        pull_request_of("https://github.com/d/f/issues/3")
    github = {
        "GITHUB_REF": "refs/pull/5/merge",
        "GITHUB_REPOSITORY": "d/f",
        "GITHUB_API_URL": "https://api.x",
    }
    job = pull_request_of_job(github)
    assert job
    assert (job.place.api, job.number) == ("https://api.x", 5)
    forgejo = pull_request_of_job({**github, "FORGEJO_ACTIONS": "true", "GITHUB_SERVER_URL": "https://f.x"})
    assert forgejo
    assert (forgejo.place.kind, forgejo.place.api) == (ForgeKind.GITEA, "https://f.x/api/v1")
    gitlab = {"CI_MERGE_REQUEST_IID": "6", "CI_API_V4_URL": "https://g.x/api/v4", "CI_PROJECT_PATH": "d/f"}
    merge = pull_request_of_job(gitlab)
    assert merge
    assert (merge.place.path, merge.number) == ("d/f", 6)
    assert pull_request_of_job({"GITHUB_REF": "refs/heads/main"}) is None


class Api:
    """GitHub's endpoint for tokens of installations: checks the statement, and counts its answers."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self.public = key.public_key()
        self.given = 0
        self.now = 1_000_000.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                head, body, signature = self.headers["authorization"].removeprefix("Bearer ").split(".")
                signed = base64.urlsafe_b64decode(signature + "==")
                api.public.verify(signed, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
                claims = json.loads(base64.urlsafe_b64decode(body + "=="))
                assert claims["iss"] == "Iv1.abc"
                assert claims["iat"] < api.now < claims["exp"] <= api.now + 600
                known = self.path == "/app/installations/42/access_tokens"
                api.given += 1
                answer = {"token": f"ghs_{api.given}", "expires_at": "1970-01-12T14:46:40Z"}
                content = json.dumps(answer if known else {"message": "Not Found"}).encode()
                self.send_response(201 if known else 404)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def app(tmp_path: Path) -> Iterator[tuple[Api, AppKeys]]:
    """Return GitHub's side and an App's keys."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "app.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
    file.write_bytes(key.private_bytes(*form, serialization.NoEncryption()))
    file.chmod(0o600)
    api = Api(key)
    thread = threading.Thread(target=api.server.serve_forever)
    thread.start()
    yield api, AppKeys("Iv1.abc", 42, file)
    api.server.shutdown()
    thread.join()
    api.server.server_close()


def test_an_apps_token_is_asked_for_once_and_renewed_in_time(app: tuple[Api, AppKeys]) -> None:
    """The statement is signed by the App's key; git gets the token by its environment, in no argument."""
    api, keys = app
    keys.check()
    given = GitHubApp(keys, api.url, lambda: api.now)
    assert [given.token(), given.token()] == ["ghs_1", "ghs_1"]
    way = Transport("https://github.com/d/f.git", Credentials(user="x-access-token", app=given))
    assert way.environment(5)["HERDSMAN_SOURCE_TOKEN"] == "ghs_1"
    assert "ghs_1" not in repr(way)
    api.now += 3_400  # it ends an hour after its beginning
    assert given.token() == "ghs_2"


def test_an_app_that_is_not_installed_or_whose_key_is_no_key_says_so(app: tuple[Api, AppKeys]) -> None:
    """The errors name what to check, and the key's file must be private."""
    api, keys = app
    with pytest.raises(SourceUnavailable, match="check the installation's number"):
        GitHubApp(AppKeys(keys.id, 43, keys.key_file), api.url, lambda: api.now).token()
    keys.key_file.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        keys.check()
    keys.key_file.write_text("no key")
    with pytest.raises(UsageError, match="holds no RSA key"):
        keys.check()
