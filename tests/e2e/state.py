"""A program that keeps a counter in its state folder as the public SDK does, for tests of what is kept."""

import json

from tests.e2e.fleet import Fleet, write_program
from tests.e2e.service import Service

KEEPER = '''\
import json, os, signal, time
from pathlib import Path

def main(bot_id, config):
    """Count on from what is kept; print where the counting begins and ends."""
    file = Path(os.environ["STATE_DIR"]) / "counter.json"
    count = json.loads(file.read_text()) if file.exists() else 0
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    print(f"{bot_id} begins at {count}", flush=True)
    while not stopping:
        count += 1
        part = file.with_suffix(".part")
        part.write_text(json.dumps(count))
        part.replace(file)
        time.sleep(0.1)
    print(f"{bot_id} ends at {count}", flush=True)
'''
SCHEMA = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"x": {}}}'


def add_keeper(fleet: Fleet) -> None:
    """Write the counting program."""
    readme = "# keeper\n\nA test bot that counts in its state folder, and goes on from there.\n"
    write_program(fleet, "keeper", (KEEPER, SCHEMA, readme))


def keeper_text(name: str, settings: str = "", **parameters: object) -> str:
    """Return the manifest of a counting bot."""
    lines = [f"name: {name}", "type: realtime/keeper", "version: 1.0.0"]
    lines += [f"{key}: {value}" for key, value in parameters.items()]
    return "\n".join([*lines, f"herdsman: {{healthy_after: 1s, kill_timeout: 10s{settings}}}", ""])


def told(service: Service, bot: str, word: str) -> list[int]:
    """Return the numbers that a bot said it begins (or ends) at, in order."""
    events = service.get(f"/api/v1/bots/{bot}/logs", text=word)["events"]
    found = [event for event in reversed(events) if f" {word} at " in event["message"]]
    found.sort(key=lambda event: float(event["time"]))
    return [int(event["message"].rpartition(" ")[2]) for event in found]


def versions(service: Service, bot: str) -> list[dict[str, object]]:
    """Return `herdsman state BOT history` as data."""
    done = service.run("state", bot, "history", "--output", "json")
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found
