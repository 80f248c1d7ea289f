"""Archives are the same bytes for the same content, and are read by everything that reads gzip and tar."""

import gzip
import io
import random
import subprocess
import tarfile
from pathlib import Path

import pytest

from controller.launcher.fetch import unpack
from gitops.archive import Member, members_of_folder, write_archive

LARGE = random.Random(7).randbytes(1_500_000) + b"a long line of text\n" * 200_000


def folder_of(place: Path) -> Path:
    """Write a folder with files that are empty, small, and larger than what is compressed at once."""
    (place / "deep").mkdir(parents=True)
    (place / "empty").touch()
    (place / "deep" / "large").write_bytes(LARGE)
    (place / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (place / "deep" / "run.sh").chmod(0o755)
    (place / "link").symlink_to("deep/large")
    return place


def archive(members: list[Member], level: int = 1) -> bytes:
    """Return the bytes of an archive."""
    file = io.BytesIO()
    write_archive(file, members, level)
    return file.getvalue()


@pytest.mark.parametrize("level", [0, 1, 6])
def test_what_was_packed_is_unpacked(tmp_path: Path, level: int) -> None:
    """Files, modes and links come back as they were, also of files that are larger than a piece."""
    source, target = folder_of(tmp_path / "source"), tmp_path / "cache" / "target"
    (tmp_path / "layer.tar.gz").write_bytes(archive(list(members_of_folder(source)), level))
    unpack(tmp_path / "layer.tar.gz", target)
    assert (target / "deep" / "large").read_bytes() == LARGE
    assert (target / "empty").read_bytes() == b""
    assert (target / "deep" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (target / "deep" / "large").stat().st_mode & 0o777 == 0o644
    assert (target / "deep" / "large").stat().st_mtime == 315532800
    assert (target / "link").readlink() == Path("deep/large")
    assert len(list(target.rglob("*"))) == 5


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither the order of members nor which thread was quicker changes anything."""
    members = list(members_of_folder(folder_of(tmp_path / "source")))
    first = archive(members)
    assert archive(members[::-1]) == first
    assert len(first) < 2_000_000


def test_other_programs_read_an_archive_of_several_pieces(tmp_path: Path) -> None:
    """gzip checks it whole; Python's own modules list all that is in it."""
    content = archive(list(members_of_folder(folder_of(tmp_path / "source"))))
    checked = subprocess.run(["gzip", "--test"], input=content, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as tar:
        assert tar.getnames() == ["deep/large", "deep/run.sh", "empty", "link"]


def test_an_archive_of_nothing_is_one(tmp_path: Path) -> None:
    """An empty layer unpacks to an empty folder."""
    (tmp_path / "empty.tar.gz").write_bytes(archive([]))
    unpack(tmp_path / "empty.tar.gz", tmp_path / "cache" / "target")
    assert list((tmp_path / "cache" / "target").iterdir()) == []
