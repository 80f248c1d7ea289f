"""The query server beside a realtime bot: it comes and goes with the bot, and never the other way round."""

import json
import os
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.unit.controller.launcher.station import Station, alive, ended, until

BOT = """
import os, signal, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
print("port", os.environ.get("THE0_QUERY_PORT"), flush=True)
while not asked:
    time.sleep(0.01)
"""
SERVER = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        if self.path == "/end":
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid()}).encode())
server = http.server.HTTPServer(("0.0.0.0", int(os.environ["THE0_QUERY_PORT"])), Handler)
print("listening", os.getpid(), flush=True)
server.serve_forever()
"""


def served(place: Station, code: str = SERVER) -> dict[str, Any]:
    """Return the order of a bot with a query program."""
    (place.code / "query.py").write_text(code)
    return place.order(changes={"query_entrypoint": "query.py"})


def post(place: Station, path: str) -> Any:
    """Ask the server on its port."""
    port = (place.folder / "work" / "query" / "port").read_text()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=b"{}", timeout=60) as answer:
        return json.load(answer)


async def test_it_lives_as_long_as_its_bot(station: Callable[[str], Station]) -> None:
    """It is started after the bot, keeps its output apart, and is gone with it; the bot has no port then."""
    place = station(BOT)
    launcher = place.start(served(place))
    assert await place.line("stdout", "port ") == "None"
    pid = int(await place.line("query", "listening "))
    assert post(place, "/x") == {"pid": pid}
    launcher.terminate()
    assert await ended(launcher) == 0
    assert not alive(pid)
    assert not (place.folder / "work" / "query" / "port").exists()
    assert [report.kind for report in place.reports()].count("exited") == 1


async def test_its_own_end_is_none_of_the_bots_business(station: Callable[[str], Station]) -> None:
    """Where it dies it is started again, and the bot runs on."""
    place = station(BOT)
    place.start(served(place))
    first = int(await place.line("query", "listening "))
    os.kill(first, 9)
    await until(lambda: [line for line in place.lines("query") if line != f"listening {first}"])
    assert post(place, "/x")["pid"] != first
    assert len(place.reports("started")) == 1
    assert place.reports("exited") == []


async def test_a_server_that_cannot_start_leaves_the_bot_alone(station: Callable[[str], Station]) -> None:
    """A query program with a mistake says so in its stream, and the bot runs."""
    place = station(BOT)
    launcher = place.start(served(place, "raise ValueError('no server today')"))
    await place.line("query", "ValueError: no server today")
    assert len(await place.report("started")) == 1
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_bot_without_a_query_program_gets_the_port_itself(station: Callable[[str], Station]) -> None:
    """It may answer from its own process."""
    place = station(BOT)
    place.start()
    port = await place.line("stdout", "port ")
    assert (place.folder / "work" / "query" / "port").read_text() == port
