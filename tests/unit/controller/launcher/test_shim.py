"""How a Python bot is begun: its `main`, or itself as a script."""

import subprocess
import sys
from pathlib import Path

import pytest

from controller.launcher.archive import launcher_root
from telemetry.agent.traces import group

SHIM = launcher_root() / "controller/launcher/shim.py"
ENVIRONMENT = {
    "SCRIPT_PATH": "bot.py",
    "BOT_ID": "alpha",
    "BOT_CONFIG": '{"a": 1}',
    "PATH": "/usr/bin:/bin",
    "PYTHONUNBUFFERED": "1",
}


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run some code as the shim does."""
    (folder / "bot.py").write_text(code)
    return subprocess.run(
        [sys.executable, SHIM], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("def main(bot_id, config): print(bot_id, config, __name__)", "alpha {'a': 1} bot"),
        ("async def main(bot_id, config): print(bot_id, config)", "alpha {'a': 1}"),
        ("def main(*given): print(given)", "('alpha', {'a': 1})"),
        ("def main(bot_id=None, config=None): print(bot_id)\nif __name__ == '__main__': main()", "alpha"),
        ("def main(): print('called')", "called"),
        ("def main(): print('once')\nif __name__ == '__main__': main()", "once"),
        ("def main(): print('once')\nmain()", "once"),
        ("import sys\ndef main(): print('once')\nsys.exit(main())", "once"),
        ("main = lambda bot_id, config: print(bot_id)", "alpha"),
        ("from other import main", "other alpha"),
        ("print(__name__, __file__.endswith('/bot.py'))", "__main__ True"),
        ("import sys; print(sys.argv == [__file__], sys.path[0] in __file__)", "True True"),
        ("import other; print(other.__name__)", "other"),
        ("import sys\nprint(sys.modules['__main__'].__dict__ is globals())", "True"),
    ],
)
def test_how_a_bot_is_begun(tmp_path: Path, code: str, output: str) -> None:
    """`main(bot_id, config)` is called where the file offers it; else the file is a script."""
    (tmp_path / "other.py").write_text("def main(bot_id, config): print('other', bot_id)")
    done = run(tmp_path, code)
    assert (done.stdout.strip(), done.stderr, done.returncode) == (output, "", 0)


@pytest.mark.parametrize(
    "code",
    [
        "def main(bot_id, config):\n    return config['b']\n",
        "async def main(bot_id, config):\n    return config['b']\n",
        "config = {}\nconfig['b']\n",
    ],
)
def test_a_traceback_is_the_bots_own(tmp_path: Path, code: str) -> None:
    """An exception looks as if Python had run the file itself."""
    done = run(tmp_path, code)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].strip().startswith(f'File "{tmp_path}/bot.py", line 2')
    assert lines[-1] == "KeyError: 'b'"
    assert "shim" not in done.stderr


def test_a_mistake_of_syntax_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    """File, line and the line itself."""
    done = run(tmp_path, "def main(:\n")
    assert done.returncode == 1
    assert done.stderr.startswith(f'Traceback (most recent call last):\n  File "{tmp_path}/bot.py", line 1\n')
    assert group(done.stderr.encode()).joins == [(0, done.stderr.count("\n"))]
    assert done.stderr.splitlines()[-1].startswith("SyntaxError")
    assert "shim" not in done.stderr


def test_the_bots_logging_is_left_alone(tmp_path: Path) -> None:
    """No handler, level or stream was touched before the bot's first line."""
    code = "import logging, sys\nroot = logging.root\nprint(root.handlers, root.level, sys.excepthook)"
    assert run(tmp_path, code).stdout.strip() == "[] 30 <built-in function excepthook>"


def test_lines_of_threads_do_not_mix(tmp_path: Path) -> None:
    """What several threads print at once arrives line by line, on either stream."""
    code = """
import sys, threading
def say(number):
    for count in range(2000):
        print(f"{number} says", "x" * 200, file=sys.stdout if count % 2 else sys.stderr)
threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    done = run(tmp_path, code)
    whole = {f"{number} says {'x' * 200}" for number in range(4)}
    for stream in (done.stdout, done.stderr):
        assert stream.count("\n") == 4000
        assert set(stream.splitlines()) == whole


def test_what_is_printed_is_there_when_a_bot_is_killed(tmp_path: Path) -> None:
    """A line that was printed does not wait for the bot's end."""
    done = run(tmp_path, "import os, signal\nprint('bought')\nos.kill(os.getpid(), signal.SIGKILL)")
    assert (done.stdout, done.returncode) == ("bought\n", -9)


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(4)", 4), ("import sys; sys.exit('no')", 1)])
def test_an_exit_code_is_the_bots_own(tmp_path: Path, code: str, status: int) -> None:
    """`sys.exit` works as ever."""
    assert run(tmp_path, code).returncode == status
