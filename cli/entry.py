"""The `herdsman` executable: straight to git's question, or to the whole command line.

git asks for the credential at every push, and waits: that answer takes no import beyond the standard library.
"""

import sys


def main() -> None:
    """Run what was asked for."""
    if sys.argv[1:2] == ["git-credential"] and len(sys.argv) == 3:
        from cli.credential import answer

        sys.stdout.write(answer(sys.argv[2], sys.stdin.read()) if sys.argv[2] == "get" else "")
        return
    from cli.main import main as command_line

    command_line()
