"""Runs a Python bot inside its own process: imports the entrypoint and calls `main(bot_id, config)`.

A file without such a `main` is run as a script. Nothing of the bot's surroundings is touched: not its
logging, not its signal handlers; a traceback begins with the bot's own code. Only its two streams are set to
write whole lines: unbuffered, `print` writes a line and its end apart, and those of threads would mix.
"""

import json
import os
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_TREE_ONLY = 0x400  # ast.PyCF_ONLY_AST, without importing ast
_FUNCTIONS = ("FunctionDef", "AsyncFunctionDef")


def run(path: str, environment: "Mapping[str, str]") -> None:
    """Run the entrypoint at `path`."""
    with open(path, "rb") as file:  # noqa: PTH123
        source = file.read()
    sys.argv = [path]
    _write_whole_lines()
    asked = environment.get("ENTRYPOINT_TYPE") == "query"
    if asked:
        import query_shim  # type: ignore[import-not-found]  # beside this file, wherever that is
    sys.path[0] = os.path.dirname(path)  # noqa: PTH120 - pathlib would cost the bot its import
    if asked:
        query_shim.prepare(environment)
    tree: Any = compile(source, path, "exec", _TREE_ONLY)
    code = compile(source, path, "exec")
    if asked or not _has_main(tree):
        exec(code, _module("__main__", path))  # noqa: S102
        return
    names = _module(os.path.splitext(os.path.basename(path))[0], path)  # noqa: PTH119, PTH122
    exec(code, names)  # noqa: S102
    _call(names["main"], tree, environment)


def _write_whole_lines() -> None:
    streams: Any = (sys.stdout, sys.stderr)
    for stream in streams:
        if stream is not None:
            stream.reconfigure(line_buffering=True, write_through=False)


def _module(name: str, path: str) -> dict[str, object]:
    """Return the namespace of a fresh module, known under its name as an import would leave it."""
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    return module.__dict__


def _has_main(tree: "Any") -> bool:
    """Return whether the file offers a `main` to call, rather than calling it itself as a script."""
    function = _definition(tree)
    if function is not None:
        return _takes_arguments(function) or not _calls_itself(tree)
    return any(_binds_main(statement) for statement in tree.body)


def _definition(tree: "Any") -> "Any":
    for statement in reversed(tree.body):
        if type(statement).__name__ in _FUNCTIONS and statement.name == "main":
            return statement
    return None


def _takes_arguments(function: "Any") -> bool:
    arguments = function.args
    count = len(arguments.posonlyargs) + len(arguments.args)
    return count >= 2 or arguments.vararg is not None


def _calls_itself(tree: "Any") -> bool:
    """Return whether a top-level `if __name__ == ...` (or a bare call) follows: then it is a script."""
    kinds = {"If", "Expr", "Try", "With", "While", "For"}
    return any(
        type(statement).__name__ in kinds and _mentions(statement, ("__name__", "main"))
        for statement in tree.body
    )


def _mentions(node: "Any", names: tuple[str, ...]) -> bool:
    if getattr(node, "id", None) in names:
        return True
    for field in getattr(node, "_fields", ()):
        value = getattr(node, field, None)
        for child in value if isinstance(value, list) else (value,):
            if hasattr(child, "_fields") and _mentions(child, names):
                return True
    return False


def _binds_main(statement: "Any") -> bool:
    """Return whether `main = ...` or `from ... import main`."""
    kind = type(statement).__name__
    if kind == "Assign":
        return any(getattr(target, "id", None) == "main" for target in statement.targets)
    if kind == "ImportFrom":
        return any((alias.asname or alias.name) == "main" for alias in statement.names)
    return False


def _call(main: "Any", tree: "Any", environment: "Mapping[str, str]") -> None:
    function = _definition(tree)
    arguments: tuple[object, ...] = ()
    if function is None or _takes_arguments(function):
        arguments = (environment["BOT_ID"], json.loads(environment["BOT_CONFIG"]))
    outcome = main(*arguments)
    if hasattr(outcome, "__await__"):
        import asyncio

        asyncio.run(_awaited(outcome))


async def _awaited(outcome: "Any") -> object:
    return await outcome


def _without_shim(error: BaseException) -> BaseException:
    """Drop all up to our own last frame from a traceback: what is left is the bot's.

    Where nothing is left (a mistake of syntax), print the header that Python then omits: it tells that the
    lines belong together.
    """
    trace = left = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == __file__:
            left = trace.tb_next
        trace = trace.tb_next
    if left is None and isinstance(error, Exception):
        sys.stderr.write("Traceback (most recent call last):\n")
    return error.with_traceback(left)


if __name__ == "__main__":
    try:
        run(os.path.abspath(os.environ["SCRIPT_PATH"]), os.environ)  # noqa: PTH100
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - shown as Python shows it, and ends the process as it does
        sys.excepthook(type(error), _without_shim(error), error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            sys.exit(130)
        sys.exit(1)
