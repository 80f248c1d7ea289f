"""A program whose equity a test sets, for what limits and rules come to."""

from pathlib import Path

from tests.e2e.fleet import Fleet, write_program

TRADER = '''\
import json, signal, time
from pathlib import Path

def main(bot_id, config):
    """Print the equity that the test's file says, five times a second; or nothing, or crash.

    Beside that file it notes when it starts, and when it ends as it was told to.
    """
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    note(config["file"], "start")
    while not stopping:
        told = Path(config["file"]).read_text()
        if told == "crash":
            raise RuntimeError("the feed is gone")
        if told != "quiet":
            line = {"_metric": "equity", "equity": float(told), "currency": "USDT"}
            print(json.dumps({**line, "timestamp": int(time.time() * 1000)}), flush=True)
        time.sleep(0.2)
    note(config["file"], "end")

def note(file, what):
    with open(file + ".lives", "a") as lives:
        lives.write(what + "\\n")
'''
SCHEMA = '{"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}}'


def add_trader(fleet: Fleet) -> None:
    """Write the program whose equity a test sets."""
    readme = "# trader\n\nA test bot whose equity is what a file says, printed five times a second.\n"
    write_program(fleet, "trader", (TRADER, SCHEMA, readme))


def trader(name: str, file: Path, risk: str, mode: str = "dry") -> str:
    """Return the manifest of a trader of the account main under limits."""
    herdsman = f"{{healthy_after: 1s, kill_timeout: 5s, account: main, risk: {risk}}}"
    program = f"type: realtime/trader\nversion: 1.0.0\nmode: {mode}\nfile: {file}"
    return f"name: {name}\n{program}\nherdsman: {herdsman}\n"


def lives_of(file: Path) -> list[str]:
    """Return what the trader of a file noted of its lives: start, and end where it was told to end."""
    noted = file.with_name(f"{file.name}.lives")
    return noted.read_text().split() if noted.exists() else []
