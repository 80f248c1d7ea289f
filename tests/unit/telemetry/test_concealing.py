"""Secrets in a bot's output: replaced by their names, every line where it was."""

import json
from pathlib import Path

from schemas.labels import AllocationLabels
from telemetry.agent.concealing import CONCEAL_FILE, Concealer, left_by_launcher, of_scheduler

SECRET = 'q8Rz1"LmX\\0pTf'


def labels(task: str = "bot") -> AllocationLabels:
    known = dict.fromkeys(
        ("fleet", "bot", "program", "version", "type", "mode", "revision", "spec", "env"), "x"
    )
    return AllocationLabels(**known, allocation="a1", node="n", task=task)  # type: ignore[arg-type]


def test_each_value_becomes_its_name_and_no_line_moves() -> None:
    """Also as JSON writes it, and each line of a long one; short values are left alone."""
    pem = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n"
    values = [("API_KEY", SECRET), ("PIN", "1234"), ("PEM", pem), ("LONG_NAME_OF_A_SECRET", "12345678")]
    concealer = Concealer(of_scheduler(lambda bot, known: (1, values if known != 1 else [])))
    output = f"1234 {SECRET}\n{json.dumps({'k': SECRET})}\n MIIEvQIBADANBg\n12345678\nnothing\n".encode()
    told = concealer.conceal(Path("/a1"), labels(), output)
    assert len(told) == len(output)
    assert told.decode().splitlines() == [
        "1234 ***API_KEY****",
        '{"k": "***API_KEY******"}',
        " ***PEM********",
        "***LO***",
        "nothing",
    ]
    assert concealer.conceal(Path("/a1"), labels(), b"12345678") == b"***LO***"


def test_what_was_a_secret_before_stays_concealed(tmp_path: Path) -> None:
    """The launcher's file is read anew when it changes; no link, other task's folder or rubbish is read."""
    folder = tmp_path / "a1"
    secrets = folder / "bot" / "secrets"
    secrets.mkdir(parents=True)
    concealer = Concealer(left_by_launcher)
    text = b"first-value second-value\n"
    assert concealer.conceal(folder, labels(), text) == text
    (secrets / CONCEAL_FILE).write_text('{"A": "first-value"}')
    assert concealer.conceal(folder, labels(), text) == b"***A******* second-value\n"
    (secrets / "new").write_text('{"B": "second-value"}')
    (secrets / "new").replace(secrets / CONCEAL_FILE)
    assert concealer.conceal(folder, labels(), text) == b"***A******* ***B********\n"
    (secrets / CONCEAL_FILE).write_text("rubbish")
    assert concealer.conceal(folder, labels(), text) == b"***A******* ***B********\n"
    fresh = Concealer(left_by_launcher)
    (secrets / CONCEAL_FILE).unlink()
    (tmp_path / "elsewhere").write_text('{"A": "first-value"}')
    (secrets / CONCEAL_FILE).symlink_to(tmp_path / "elsewhere")
    assert fresh.conceal(folder, labels(), text) == text
    assert fresh.conceal(folder, labels("../a1/bot"), text) == text
