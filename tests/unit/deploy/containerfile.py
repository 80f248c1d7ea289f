"""Reads deploy/container/Containerfile: its instructions, and what it takes from the checkout."""

import re
from functools import lru_cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


@lru_cache(maxsize=1)
def instructions() -> list[tuple[str, str]]:
    """Return each instruction as its word and the rest, with continued lines joined."""
    text = (CHECKOUT / "deploy" / "container" / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def copied() -> list[str]:
    """Return what is copied from the checkout, in order."""
    found = []
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            found += rest.split()[:-1]
    return found
