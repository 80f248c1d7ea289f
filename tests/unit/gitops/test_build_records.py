"""Records and logs of builds, and what is read from them."""

from gitops.compiling.failure import MOST_LINES, explain
from gitops.compiling.log import BuildLog
from gitops.compiling.records import BUILDING, BUILT, BuildRecord, BuildRecords


def record(number: int, state: str = BUILDING, program: str = "maker") -> BuildRecord:
    """Return a record of a build."""
    return BuildRecord(program, "1.0.0", f"tree{number}", "gcc13", "g++ 13.2.0", state, float(number))


def test_the_oldest_builds_are_forgotten_with_their_logs(tmp_path):
    """Of many builds the newest stay; one that is under way is never forgotten."""
    kept = BuildRecords(tmp_path, 3)
    kept.note(record(0))
    for number in range(1, 6):
        kept.log_path("maker", f"tree{number}").write_text("x")
        kept.note(record(number, BUILT))
    assert [one.tree for one in kept.all()] == ["tree5", "tree4", "tree3", "tree0"]
    assert sorted(path.name for path in tmp_path.glob("*.log")) == [
        f"maker-tree{number}.log" for number in (3, 4, 5)
    ]
    assert kept.find("maker") == record(5, BUILT)
    assert kept.find("maker", "tree3") == record(3, BUILT)
    assert kept.find("taker") is None


def test_a_log_is_bounded_and_shows_beginning_and_end(tmp_path):
    """What lies between is left out and counted; paths, colours and passwords are not shown."""
    path = tmp_path / "log"
    log = BuildLog(path, tmp_path / "secret", half=200)
    log.write(f"{tmp_path}/secret/main.cpp:1: \x1b[31merror\x1b[0m at https://me:word@host/")
    for number in range(100):
        log.write(f"line {number}")
    log.close()
    text = path.read_text()
    assert text.startswith("main.cpp:1: error at https://***@host/\nline 0\n")
    assert text.endswith("line 98\nline 99\n")
    assert "lines are left out here" in text
    assert len(text) < 500


def test_a_log_without_an_error_is_explained_by_its_end():
    """Where no line is known for an error, the last ones are shown."""
    failure = explain(
        ["one", *(f"line {number}" for number in range(40)), ""], "cargo ended with exit code 3"
    )
    assert failure.reason == "cargo ended with exit code 3: line 39"
    assert len(failure.lines) == MOST_LINES


def test_an_undefined_reference_is_the_reason():
    """A linker's complaint is found behind the commands that CMake shows."""
    log = ["[2/2] Linking", "FAILED: maker", "main.cpp:(.text+0x5): undefined reference to `made()'", "end"]
    assert explain(log, "").reason == "main.cpp:(.text+0x5): undefined reference to `made()'"
