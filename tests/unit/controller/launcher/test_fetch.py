"""Bundles reach a node whole, once, or not at all."""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controller.launcher.archive import launcher_root
from controller.launcher.fetch import Unfetched, unpack
from gitops.archive import Member, write_archive
from gitops.bundle import Bundle
from tests.contract.scheduler_harness import bundle
from tests.unit.controller.launcher.station import Station, ended

FETCH = launcher_root() / "controller/launcher/fetch.py"


class _Counting(SimpleHTTPRequestHandler):
    served: list[str] = []  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        self.served.append(self.path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Return a folder, and the address under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    _Counting.served.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Counting, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def start(url: str, digest: str, cache: Path) -> subprocess.Popen[str]:
    """Start fetching as the launcher does."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", FETCH, digest, str(cache)],
        env={"HERDSMAN_BUNDLE_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_bundle_is_downloaded_once_for_all(served: tuple[Path, str], tmp_path: Path) -> None:
    """Several bots that need the same bundle at the same time share one download."""
    folder, address = served
    made = bundle(folder, {"main.py": "x = 1", "deep/er.py": "y = 2"})
    url = f"{address}/{made.path.name}"
    started = [start(url, made.digest, tmp_path / "cache") for _ in range(4)]
    assert [child.communicate()[1] for child in started] == ["", "", "", ""]
    assert (tmp_path / "cache" / made.digest / "deep" / "er.py").read_text() == "y = 2"
    assert len(_Counting.served) == 1


def test_other_bytes_than_promised_are_refused(served: tuple[Path, str], tmp_path: Path) -> None:
    """A bundle whose checksum is not its name never gets into the cache."""
    folder, address = served
    made = bundle(folder, {"main.py": "x = 1"})
    child = start(f"{address}/{made.path.name}", "0" * 64, tmp_path / "cache")
    _, said = child.communicate()
    assert child.returncode == 1
    assert said.splitlines() == [
        f"the bundle 000000000000 cannot be fetched: its content has the checksum {made.digest[:12]}, "
        "not 000000000000"
    ]
    assert not (tmp_path / "cache" / ("0" * 64)).exists()


async def test_a_bot_whose_code_cannot_be_had_says_why(
    served: tuple[Path, str], station: Callable[[str], Station]
) -> None:
    """The launcher reports what the fetching said, and tries again; once the bundle is there, it runs."""
    folder, address = served
    made = bundle(folder, {"main.py": "print('here', flush=True)\nimport time; time.sleep(600)"})
    hidden = made.path.rename(made.path.with_suffix(".hidden"))
    content = {"digest": made.digest, "path": "", "url": f"{address}/{made.path.name}"}
    place = station("")
    launcher = place.start(place.order(changes={"code": content}))
    (failed, *_) = await place.report("failed")
    assert "404" in failed.message
    hidden.rename(made.path)
    await place.line("stdout", "here")
    assert place.reports()[0].kind == "preparing"
    launcher.terminate()
    assert await ended(launcher) == 0


async def test_a_stop_interrupts_a_download(station: Callable[[str], Station]) -> None:
    """A server that never answers does not hold up a stop."""
    asked = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = station("")
    content = {"digest": "d" * 64, "path": "", "url": f"http://127.0.0.1:{port}/x"}
    launcher = place.start(place.order(changes={"code": content}))
    await asyncio.wait_for(asked.wait(), 90)
    launcher.terminate()
    assert await ended(launcher) == 0
    server.close()


def _hostile(folder: Path, member: tarfile.TarInfo) -> Bundle:
    path = folder / "hostile.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(member)
    return Bundle("k", "d", path, 1)


@pytest.mark.parametrize("kind", ["path", "link", "device"])
def test_a_bundle_that_points_out_of_its_folder_is_refused(tmp_path: Path, kind: str) -> None:
    """Nothing is written outside, and nothing stays of it inside."""
    member = tarfile.TarInfo("../outside" if kind == "path" else "inside")
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    if kind == "device":
        member.type = tarfile.CHRTYPE
    made = _hostile(tmp_path, member)
    with pytest.raises(Unfetched):
        unpack(made.path, tmp_path / "cache" / "d")
    assert os.listdir(tmp_path / "cache") == []  # noqa: PTH208
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    "links",
    [
        {"out": "deep/step/../../secret", "deep/step": "."},
        {"loop": "deep/..", "deep/up": "../..", "out": "deep/up"},
        {"deep": "/etc", "file": "deep/passwd"},
    ],
)
def test_links_that_lead_out_together_are_refused(tmp_path: Path, links: dict[str, str]) -> None:
    """What leads out only by way of another link, whichever is made first, is refused as well."""
    path = tmp_path / "hostile.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    with pytest.raises(Unfetched, match="points out of its folder"):
        unpack(path, tmp_path / "cache" / "d")
    assert os.listdir(tmp_path / "cache") == []  # noqa: PTH208


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """A file that would lie behind a link of its own archive makes no file elsewhere."""
    path, outside = tmp_path / "hostile.tar.gz", tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("door/file"))
    with pytest.raises(Unfetched):
        unpack(path, tmp_path / "cache" / "d")
    assert list(outside.iterdir()) == []
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bundle_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    """Nothing of it appears, wherever it was cut: between members of gzip too, and inside of a file."""
    path = tmp_path / "whole.tar.gz"
    with path.open("wb") as file:
        write_archive(file, [Member("noise", 3 << 20, lambda: io.BytesIO(os.urandom(3 << 20)))], 1)
    whole = path.read_bytes()
    second = whole.index(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", 1)
    for end in (5, 1000, second, second + 3, len(whole) - 3):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:end])
        with pytest.raises(Unfetched, match="damaged"):
            unpack(tmp_path / "cut.tar.gz", tmp_path / "cache" / "d")
    assert os.listdir(tmp_path / "cache") == []  # noqa: PTH208


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    """What is no archive is said to be none."""
    (tmp_path / "bad.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(Unfetched, match="damaged"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "cache" / "d")


def test_threads_that_unpack_the_same_bundle_do_not_meet(tmp_path: Path) -> None:
    """Many bots of one process that need a layer at once all get it, whole."""
    archive = tmp_path / "layer.tar.gz"
    with tarfile.open(archive, "w:gz") as content:
        for number in range(200):
            member = tarfile.TarInfo(f"package/module_{number}.py")
            content.addfile(member)
    target = tmp_path / "cache" / "layer"
    start, failures = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        try:
            unpack(archive, target)
        except (Unfetched, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(list((target / "package").iterdir())) == 200
    assert [path.name for path in target.parent.iterdir()] == ["layer"]
