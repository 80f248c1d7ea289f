"""Backups: whole while everything moves, checked before anything appears."""

import fcntl
import gzip
import io
import os
import sqlite3
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.archive.manifest import FORMAT, InvalidBackup, Manifest
from cli.archive.reading import restore_backup
from cli.archive.writing import write_backup
from schemas.errors import UsageError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with something of each kind in it."""
    folder = tmp_path / "data"
    for name in ("local/state/f-1/a", "local/allocations/a-1", "cache/x", "bundles/content", "bundles/work"):
        (folder / name).mkdir(parents=True)
    with closing(sqlite3.connect(folder / "herdsman.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE pair (one INTEGER, other INTEGER)")
        database.commit()
    (folder / "telemetry.db").touch()
    (folder / "fleet-id").write_text("f-1\n")
    (folder / "admin-token").write_text("secret")
    (folder / "admin-token").chmod(0o600)
    (folder / "local/state/f-1/a/position.json").write_text("{}")
    (folder / "local/state/f-1/a/link").symlink_to("/etc/passwd")
    (folder / "bundles/content/b.tar.gz").write_bytes(b"bundle")
    for name in ("lock", "service.json", "cache/x/main.py", "bundles/work/w", "local/allocations/a-1/log"):
        (folder / name).write_text("left out")
    (folder / "states").mkdir()
    (folder / "states" / ".part-1f").write_text("left out")
    (folder / "a-later-version").mkdir()
    (folder / "a-later-version" / "keeps.this").write_text("kept")
    git(folder, "init", "-q", "--bare", "git/fleet.git")
    return folder


def git(folder: Path, *arguments: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = {
        f"GIT_{who}_{what}": "desk@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=clean | who, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def accept(_folder: Path, _manifest: Manifest) -> None:
    """Find nothing wrong with what was restored."""


def back_up(data: Path, target: Path, *, telemetry: bool = False) -> Manifest:
    return write_backup(data, target, telemetry=telemetry, version="1.2.3")


def plain(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_that_cannot_be_made_again_comes_back(data: Path, tmp_path: Path) -> None:
    """Also what a later version keeps there; marks of a running service and what is unpacked do not."""
    manifest = back_up(data, tmp_path / "b.tgz")
    assert (manifest.fleet, manifest.version, manifest.left_out) == (
        "f-1",
        "1.2.3",
        ["local/state/f-1/a/link"],
    )
    restore_backup(tmp_path / "b.tgz", tmp_path / "again", accept)
    found = plain(tmp_path / "again")
    kept = {"fleet-id", "admin-token", "herdsman.db", "local/state/f-1/a/position.json"}
    assert (
        kept | {"bundles/content/b.tar.gz", "a-later-version/keeps.this", "git/fleet.git/HEAD"}
        <= found.keys()
    )
    assert "left out" not in {content.decode(errors="replace") for content in found.values()}
    assert "telemetry.db" not in found
    assert stat.S_IMODE((tmp_path / "again" / "admin-token").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "b.tgz").stat().st_mode) == 0o600
    assert git(tmp_path / "again" / "git/fleet.git", "rev-parse", "--is-bare-repository") == "true"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "b.tgz", "data"]


@pytest.fixture
def busy(data: Path, tmp_path: Path) -> Iterator[None]:
    """Write pairs into the database and push commits, without a pause, while a test looks on."""
    ended = threading.Event()
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(data / "git/fleet.git"), str(clone))

    def write() -> None:
        number = 0
        with closing(sqlite3.connect(data / "herdsman.db", timeout=90)) as database:
            while not ended.is_set():
                number += 1
                database.execute("INSERT INTO pair VALUES (?, ?)", (number, number))
                database.commit()

    def push() -> None:
        while not ended.is_set():
            git(clone, "commit", "-q", "--allow-empty", "-m", "x")
            git(clone, "push", "-q", "origin", "HEAD:refs/heads/main")

    threads = [threading.Thread(target=write), threading.Thread(target=push)]
    for thread in threads:
        thread.start()
    yield
    ended.set()
    for thread in threads:
        thread.join()


def test_a_backup_of_a_busy_folder_is_consistent(data: Path, tmp_path: Path, busy: None) -> None:
    """The database is one moment's, and all that the repository's refs name is in it."""
    for number in range(3):
        back_up(data, tmp_path / f"{number}.tgz")
        again = tmp_path / f"again-{number}"
        restore_backup(tmp_path / f"{number}.tgz", again, accept)
        with closing(sqlite3.connect(again / "herdsman.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            most, count = database.execute("SELECT max(one), count(*) FROM pair WHERE one = other").fetchone()
        assert (most or 0) == count
        git(again / "git/fleet.git", "fsck", "--connectivity-only")


def test_a_bots_state_comes_along_whatever_its_files_are_called(data: Path, tmp_path: Path) -> None:
    """The names of what we and git are still writing mean nothing in a bot's own folder, nor in a branch."""
    own = data / "local/state/f-1/a"
    names = {"orders.new", "trades.part", "uv.lock", "tmp_fills.json", "incoming-7/x.json", "book-journal"}
    for name in names:
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_text(name)
    (data / "git/fleet.git/refs/heads").mkdir(parents=True, exist_ok=True)
    (data / "git/fleet.git/refs/heads/tmp_try.new").write_text(f"{1:040x}\n")
    with closing(sqlite3.connect(own / "book.db")) as book:
        book.execute("PRAGMA journal_mode=WAL")
        book.execute("CREATE TABLE fills (price REAL)")
        book.commit()
        assert (own / "book.db-wal").is_file()
        back_up(data, tmp_path / "b.tgz")
    restore_backup(tmp_path / "b.tgz", tmp_path / "new", accept)
    back = plain(tmp_path / "new")
    assert {name for name in names if f"local/state/f-1/a/{name}" in back} == names
    assert "git/fleet.git/refs/heads/tmp_try.new" in back
    assert "local/state/f-1/a/book.db-wal" not in back


@pytest.mark.parametrize("trouble", ["damaged", "locked"])
def test_a_bots_database_that_cannot_be_copied_is_no_reason_for_no_backup(
    data: Path, tmp_path: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes along as it lies there, with what lies beside it."""
    monkeypatch.setattr("cli.archive.writing._BUSY", 0.1)
    place = data / "local/state/f-1/a/book.db"
    with closing(sqlite3.connect(place, isolation_level=None)) as book:
        book.execute("PRAGMA locking_mode=EXCLUSIVE")
        book.execute("CREATE TABLE fills (price REAL)")
        book.execute("BEGIN EXCLUSIVE")
        book.execute("INSERT INTO fills VALUES (1)")
        if trouble == "damaged":
            book.execute("ROLLBACK")
            book.close()
            place.write_bytes(place.read_bytes()[:100] + b"nonsense" * 50)
        back_up(data, tmp_path / "b.tgz")
        before = place.read_bytes()
    restore_backup(tmp_path / "b.tgz", tmp_path / "new", accept)
    assert (tmp_path / "new/local/state/f-1/a/book.db").read_bytes() == before


def test_telemetry_comes_along_where_it_is_asked_for(data: Path, tmp_path: Path) -> None:
    """Series, events and logs are large: they are in it by choice."""
    manifest = back_up(data, tmp_path / "b.tgz", telemetry=True)
    assert (manifest.telemetry, "telemetry.db" in manifest.files) == (True, True)


def damage(file: Path, change: str) -> None:
    """Damage a backup in one of the ways in which files come to harm."""
    content = file.read_bytes()
    if change == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif change == "text":
        file.write_bytes(b"not an archive")
    elif change == "changed":
        file.write_bytes(gzip.compress(gzip.decompress(content).replace(b"secret", b"public")))
    else:
        rewrite(file, change)


def rewrite(file: Path, change: str) -> None:
    """Write the archive anew, with a member added, its manifest left out, or of a later format."""
    with tarfile.open(file) as before:
        members = [(one, before.extractfile(one)) for one in before.getmembers()]
        contents = [(one, reader.read() if reader else b"") for one, reader in members]
    if change == "above":
        contents.insert(0, (tarfile.TarInfo("data/../above"), b""))
    if change == "link":
        link = tarfile.TarInfo("data/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        contents.insert(0, (link, b""))
    if change == "headless":
        contents.pop()
    if change == "later":
        contents[-1] = (contents[-1][0], b'{"format": %d, "version": "9.0.0"}' % (FORMAT + 1))
    with tarfile.open(file, "w:gz") as after:
        for member, content in contents:
            member.size = len(content)
            after.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("cut", "cut off or damaged"),
        ("text", "is no backup"),
        ("changed", "1 files differ, first admin-token"),
        ("above", r"holds data/\.\./above"),
        ("link", "holds data/link"),
        ("headless", "no whole backup"),
        ("later", r"newer herdsman \(9\.0\.0\)"),
    ],
)
def test_a_damaged_backup_leaves_nothing_behind(data: Path, tmp_path: Path, change: str, said: str) -> None:
    """Nothing appears, no half folder stays, and the reason is said."""
    file = tmp_path / "b.tgz"
    back_up(data, file)
    damage(file, change)
    with pytest.raises(InvalidBackup, match=said):
        restore_backup(file, tmp_path / "again", accept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tgz", "data"]


def test_a_mounted_disk_is_refused_with_what_to_do(data: Path, tmp_path: Path) -> None:
    """What cannot be replaced whole is not restored into, and where to restore instead is said."""
    file, mounted = tmp_path / "b.tgz", tmp_path / "mounted"
    back_up(data, file)
    mounted.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)], check=True)
    try:
        with pytest.raises(UsageError, match=f"a folder on it, such as {mounted / 'herdsman'}"):
            restore_backup(file, mounted, accept)
        assert list(mounted.iterdir()) == []
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_a_folder_in_use_is_left_alone(data: Path, tmp_path: Path) -> None:
    """Neither a folder with anything in it nor one that a herdsman runs on is restored into."""
    file = tmp_path / "b.tgz"
    back_up(data, file)
    before = plain(data)
    with pytest.raises(UsageError, match="is not empty"):
        restore_backup(file, data, accept)
    with (data / "lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match=r"herdsman runs on .* \(process 4711\): stop it first"):
            restore_backup(file, data, accept)
    (data / "lock").write_text("left out")
    assert plain(data) == before
    (tmp_path / "empty").mkdir()
    restore_backup(file, tmp_path / "empty", accept)
    assert (tmp_path / "empty" / "fleet-id").read_text() == "f-1\n"


def test_a_backup_never_takes_the_place_of_another_file(data: Path, tmp_path: Path) -> None:
    """An older backup is not written over, and a folder that is none of ours makes none."""
    (tmp_path / "b.tgz").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        back_up(data, tmp_path / "b.tgz")
    with pytest.raises(UsageError, match="no data folder of herdsman"):
        back_up(tmp_path, tmp_path / "c.tgz")
    assert (tmp_path / "b.tgz").read_text() == "mine"
    assert not (tmp_path / "c.tgz").exists()
