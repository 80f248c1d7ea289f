"""Secrets in plain text: found where they are some, and not where they only look a little like it."""

import subprocess
from pathlib import Path

import pytest

from gitops.secrets.plain import find_plain
from tests.e2e.service import CHECKOUT

BINANCE = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # pragma: allowlist secret
KRAKEN = (
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWx"  # pragma: allowlist secret
    "nyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("bots/a.yaml", f"api_secret: {BINANCE}"),
        ("bots/a.yaml", f"whatever: '{BINANCE}'"),
        ("bots/a.json", f'  "apiKey": "{BINANCE[:32]}",'),
        ("programs/a/main.py", f'KRAKEN = "{KRAKEN}"'),
        ("programs/a/main.py", "PASSPHRASE = 'q8Rz1LmX0pTfVb7Y'"),
        ("notes.md", "-----BEGIN EC PRIVATE KEY-----"),
        (".env", f"export OKX_SECRET={BINANCE[:20]}"),
        ("a.toml", 'token = "' + "ghp_" + 'Zk3vQ9xT1bN7mLpR5sWcYdFhJ2gKaE8uXo0i"'),
        ("age.txt", "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54"),
    ],
)
def test_a_key_in_plain_text_is_found(file: str, line: str) -> None:
    """Exchange keys by their form and behind a telling name, tokens, private keys, identities."""
    assert [one.line for one in find_plain(file, f"first\n{line}\nlast\n".encode())] == [2]
    assert find_plain(file, f"{line}  # pragma: allowlist secret\n".encode()) == []


@pytest.mark.parametrize(
    "line",
    [
        "API_KEY: {from: sops, file: secrets/desk.yaml, key: exchange.key}",
        "API_SECRET: sops:secrets/desk.yaml#exchange.key2",
        "api_key = os.environ['BINANCE_API_KEY_2']",
        "password: changeme",
        "token: ${GITHUB_TOKEN_1234567890}",
        "secret_name: desk-binance-2026-main",
        "key: value",
        "state_key: positions/btc-usdt/2026",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "api_key: vmPUexampleZE6mv9SD5VNHk4HlWFsOr",
        "KEYS = ['one', 'two', 'three', 'four', 'five']",
        "id: 123e4567-e89b-12d3-a456-426614174000",
        "# keep the key in secrets/desk.yaml, never here",
    ],
)
def test_what_is_none_is_left_alone(line: str) -> None:
    """References, names, digests, placeholders, lookups in the environment."""
    assert find_plain("bots/a.yaml", line.encode()) == []


def test_our_own_files_raise_no_alarm() -> None:
    """Nothing is found in a thousand files of code, configuration and prose: this repository's own."""
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    folders = ("docs/", "examples/", "schemas/", "deploy/", "gitops/", "tests/unit/schemas/", "requirements/")
    paths = [path for path in listed.stdout.splitlines() if path.startswith(folders)]
    assert len(paths) > 200
    found = {path: find_plain(path, Path(CHECKOUT, path).read_bytes()[: 64 * 1024]) for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}
