"""SOPS and age files: what the real sops and age write is read here, what was tampered with is refused."""

import subprocess
from pathlib import Path

import pytest

from gitops.secrets.age import encrypt, find_identities, parse_identities, read_identity_file
from gitops.secrets.sops import open_file
from gitops.secrets.sops_writing import close_file
from schemas.errors import SecretUnavailable, UsageError
from tests.e2e.secret_fleet import Keys
from tests.engines.processes import engine

PLAIN = """\
# a comment
api_key: vmPUZE6mv9SD5
pin: 12
share: 1.50
live: true
nothing: null
empty: ""
nested:
  # another
  list: [one, {two: "2"}]
  note_unencrypted: seen
multi: |
  first
  second
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Make one age key for all tests."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize(
    "options",
    [(), ("--encrypted-regex", "^(api|pin)"), ("--mac-only-encrypted", "--encrypted-suffix", "_key")],
)
def test_what_sops_writes_is_read(keys: Keys, options: tuple[str, ...]) -> None:
    """YAML with every type, by each rule of what is encrypted."""
    opened = open_file(
        "a.yaml", keys.encrypted(PLAIN, "yaml", *options).encode(), read_identity_file(keys.file)
    )
    found = {
        key: opened.find(key) for key in ("api_key", "pin", "share", "live", "empty", "nested.list.1.two")
    }
    assert found == {
        "api_key": "vmPUZE6mv9SD5",
        "pin": "12",
        "share": "1.5",
        "live": "true",
        "empty": "",
        "nested.list.1.two": "2",
    }
    assert opened.find("multi") == "first\nsecond\n"
    assert "vmPUZE6mv9SD5" not in repr(opened)


@pytest.mark.parametrize(
    ("kind", "plain", "key", "value"),
    [
        ("json", '{"a": {"b": ["x", "é☃"]}, "n": null}', "a.b.1", "é☃"),
        ("env", "A=1\n# note\nB=first\\nsecond\n", "B", "first\nsecond"),
        ("pem", "-----BEGIN X-----\nabc\n", "", "-----BEGIN X-----\nabc\n"),
    ],
)
def test_other_kinds_are_read(keys: Keys, kind: str, plain: str, key: str, value: str) -> None:
    """JSON, dotenv, and any other file as a whole."""
    content = keys.encrypted(plain, kind).encode()
    assert open_file(f"a.{kind}", content, read_identity_file(keys.file)).find(key) == value


@pytest.mark.parametrize(
    ("kind", "plain"), [("yaml", PLAIN), ("json", '{"a": [1, true, "x"]}'), ("env", "A=b c\n")]
)
def test_what_is_written_here_sops_reads(keys: Keys, tmp_path: Path, kind: str, plain: str) -> None:
    """`herdsman secrets encrypt` leaves files that sops takes, its MAC checked."""
    path = tmp_path / f"a.{kind}"
    path.write_bytes(close_file(path.name, plain.encode(), (keys.recipient,), "2026-01-02T03:04:05Z"))
    shown = keys.sops("decrypt", str(path))
    assert {"yaml": "api_key: vmPUZE6mv9SD5", "json": '"x"', "env": "A=b c"}[kind] in shown


def test_tampering_is_refused(keys: Keys) -> None:
    """A value moved to another key, one taken out, one mixed in from elsewhere, a plain one put in."""
    identities = read_identity_file(keys.file)
    text = keys.encrypted("a: first-value\nb: second-value\n")
    lines = text.splitlines()
    first, second = lines[0].removeprefix("a: "), lines[1].removeprefix("b: ")
    for changed, words in (
        (text.replace(first, second), "moved here from another key"),
        ("\n".join(lines[1:]), "its MAC is wrong"),
        (text.replace(first, "plain"), '"a" is not encrypted'),
        (text.replace("lastmodified", "other"), "its MAC is wrong"),
        (text + "x_unencrypted: more\n", "its MAC is wrong"),
    ):
        with pytest.raises(SecretUnavailable, match=words) as caught:
            open_file("a.yaml", changed.encode(), identities)
        assert "value" not in str(caught.value).replace("the value was", "").replace("values were", "")


def test_others_keys_do_not_open_and_several_do(keys: Keys, tmp_path: Path) -> None:
    """Not for us: told with our recipient; while keys are exchanged, the old and the new one both open."""
    new = Keys(tmp_path, "new")
    text = keys.encrypted("a: b\n").encode()
    with pytest.raises(SecretUnavailable, match="other recipients") as caught:
        open_file("a.yaml", text, read_identity_file(new.file))
    assert new.recipient in str(caught.value.suggestion)
    both = find_identities([new.file], {"SOPS_AGE_KEY_FILE": str(keys.file)})
    assert open_file("a.yaml", text, both).find("a") == "b"
    with pytest.raises(SecretUnavailable, match="no age identity"):
        open_file("a.yaml", text, find_identities([], {}))


def test_an_identity_that_others_can_read_is_refused(keys: Keys, tmp_path: Path) -> None:
    """Mode, damage and the wrong file are told without the key."""
    secret = keys.file.read_text()
    open_to_all = tmp_path / "key.txt"
    open_to_all.write_text(secret)
    open_to_all.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        read_identity_file(open_to_all)
    for text in (secret.replace("KEY-1", "KEY-1Q"), "hunter2", ""):
        with pytest.raises(UsageError) as caught:
            parse_identities(text, "it")
        assert "hunter2" not in str(caught.value)
        assert secret.splitlines()[1][20:] not in str(caught.value)


def test_the_real_age_reads_and_writes_the_same(keys: Keys, tmp_path: Path) -> None:
    """An age file of age's own opens here, armored or not, and ours opens there."""
    plain, closed = tmp_path / "plain", tmp_path / "closed.age"
    plain.write_text("a token")
    for armor in ([], ["-a"]):
        command = [str(engine("age")), *armor, "-r", keys.recipient, "-o", str(closed), str(plain)]
        subprocess.run(command, check=True)
        assert read_identity_file(keys.file).decrypt(closed.read_bytes()) == b"a token"
    closed.write_bytes(encrypt(b"ours", [keys.recipient]))
    shown = subprocess.run(
        [str(engine("age")), "-d", "-i", str(keys.file), str(closed)], check=True, capture_output=True
    )
    assert shown.stdout == b"ours"
    with pytest.raises(SecretUnavailable, match="no sound age file"):
        read_identity_file(keys.file).decrypt(closed.read_bytes()[:-9] + b"\n")
