"""A language model behind an endpoint: what it is sent, what becomes of its answers."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import StoreUnavailable, UsageError
from telemetry.errors.model import HttpModel
from telemetry.errors.redaction import redacted

Answer = Callable[[Mapping[str, str], str], tuple[int, str]]
"""Takes the headers (the path under "") and the body, returns status and text."""


@contextmanager
def endpoint(answer: Answer) -> Iterator[str]:
    """Serve answers on the loopback, from threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, text = answer({**headers, "": self.path}, body)
            with contextlib.suppress(OSError):  # whoever asked may be gone
                self.send_response(status)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing waits for them
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def completion(text: str) -> str:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


async def test_the_error_goes_out_redacted_and_the_answer_comes_back(tmp_path: Path) -> None:
    """The endpoint gets the model's name, the key as a bearer token and the error without its secrets."""
    key = tmp_path / "key"
    key.write_text("sk-local\n")
    seen: list[tuple[Mapping[str, str], str]] = []

    def answer(headers: Mapping[str, str], body: str) -> tuple[int, str]:
        seen.append((headers, body))
        return 200, completion("  The key is wrong.  ")

    with endpoint(answer) as url:
        model = HttpModel(url, "small", key)
        assert await model.explain("refused: api_key=abcdef123 for ann@desk.example") == "The key is wrong."
        assert model.name == "small at 127.0.0.1"
    ((headers, body),) = seen
    assert headers[""] == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer sk-local"
    sent = json.loads(body)
    assert (sent["model"], sent["stream"]) == ("small", False)
    text = sent["messages"][1]["content"]
    assert "refused" in text
    assert "abcdef123" not in body
    assert "ann@desk.example" not in body


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (500, "{}", "answered with status 500"),
        (200, "no json", "no chat completion"),
        (200, "{}", "no chat completion"),
        (200, '{"choices": []}', "no chat completion"),
    ],
)
async def test_answers_that_are_none(status: int, text: str, said: str) -> None:
    """An endpoint that fails, or speaks otherwise, is told of in words."""

    def answer(_headers: Mapping[str, str], _body: str) -> tuple[int, str]:
        return status, text

    with endpoint(answer) as url, pytest.raises(StoreUnavailable, match=said):
        await HttpModel(url, "small").explain("x")


async def test_an_endpoint_that_does_not_answer_in_time_is_given_up() -> None:
    """The time limit ends the wait, whatever the endpoint does."""
    given_up = threading.Event()

    def answer(_headers: Mapping[str, str], _body: str) -> tuple[int, str]:
        given_up.wait(60)
        return 200, completion("too late")

    with endpoint(answer) as url:
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.05 s"):
            await HttpModel(url, "small", time_limit=0.05).explain("x")
        given_up.set()


async def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    """A refused connection, and a key that cannot be read, are told of in words."""
    with endpoint(lambda _headers, _body: (200, "")) as url:
        pass
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await HttpModel(url, "small").explain("x")
    with pytest.raises(StoreUnavailable, match="key file"):
        await HttpModel(url, "small", tmp_path / "none").explain("x")


@pytest.mark.parametrize(
    ("url", "model"), [("nonsense", "small"), ("ftp://host", "small"), ("http://host", "")]
)
def test_settings_that_name_no_model_are_refused(url: str, model: str) -> None:
    """An address that is none, and an endpoint without a model's name, are refused at the start."""
    with pytest.raises(UsageError):
        HttpModel(url, model)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('{"apiKey": "a1b2c3d4"}', "a1b2c3d4"),
        ("secret=hunter2, and more", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("GET https://user:pw1@host/v1?signature=zz9 failed", "pw1"),
        ("GET https://host/v1/order?signature=zz9&x=1 failed", "zz9"),
        ("key 9f8e7d6c5b4a39281706f5e4d3c2b1a0 refused", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
        ("token eyJhbGciOi.eyJzdWIi.sig", "eyJzdWIi"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "MIIabc"),
        ("connect to 10.1.2.3 failed", "10.1.2.3"),
        ("/home/ann/bot.py", "ann"),
        ("ask ann@desk.example", "ann@desk.example"),
        ('password="two words here"', "words here"),
        ('{"passphrase": "ab,cdEFgh!x"}', "cdEFgh"),
        ('{"passphrase": "ab\\"cdEFgh"}', "cdEFgh"),
        (r"sent {\"secret\": \"ab cdEFgh\"}", "cdEFgh"),
        ("{'token': b'ab cdEFgh'}", "cdEFgh"),
        ("Authorization: token abcdef12", "abcdef12"),
        ("Proxy-Authorization: Digest a=b, c=abcdef12", "abcdef12"),
        ("Cookie: a=b; session=abcdef12", "abcdef12"),
        ("password: two words", "words"),
        ("secret=ab,cdef12", "cdef12"),
        ("OK-ACCESS-SIGN: aB3/dEf==", "dEf"),
        ("POST symbol=BTCUSDT&sign=abcd1234", "abcd1234"),
        ("listenKey=abcd1234", "abcd1234"),
        ("curl -H 'bearer abcdef12'", "abcdef12"),
        ("MC4CAQAwBQYDK2VwBCIEINTuct/Nz5/5Oafb9k+Rg8e3QmW1yTxAa2vH7cLsD4fZ", "Nz5"),
        ("https://u:p@ss@host/v1", "ss@"),
        ("https://u:p/s?s@host/v1", "s@"),
        ("connect to [2001:db8::8a2e:7334]:443 failed", "2001:db8"),
        ("fe80::1: refused", "fe80"),
        ("from ::ffff:10.1.2.3", "10.1"),
        ("1:2:3:4:5:6:7:8 left", "4:5"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    """Keys, tokens, signatures, private keys, addresses of machines and people do not stay."""
    assert secret not in redacted(text)


def test_what_explains_an_error_stays() -> None:
    """Types, words, paths in the program and numbers of an error are kept."""
    text = (
        'File "desk/orders.py", line 12, in trade\nInsufficientFunds: balance 12.5 USDT is too small\n'
        'File "/opt/herdsman/local/code/strategies/v2/mean_reversion/main.py", line 3, in assign\n'
        "File '/usr/lib/python3.11/site-packages/ccxt/base/exchange.py'\n"
        "12:34:56 signal: buy, designed: yes; std::vector<int>::at ::foo std::__1::abc\n"
        "GET https://api.exchange.example/v5/order/create failed"
    )
    assert redacted(text) == text
