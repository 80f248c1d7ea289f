"""What a bot sees of the world: its command, its environment and its folders, from the order."""

import posix
import sys

from controller.launcher.files import make_folder, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
"""All that a bot inherits: nothing else of the platform's environment reaches it."""
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LEASE_VARIABLES = ("HERDSMAN_LEASE_DEADLINE", "HERDSMAN_LEASE_BOOTTIME")
"""What only a bot that holds its lease is told."""
_SHIM = __file__.rpartition("/")[0] + "/shim.py"
_NODE_SHIM = __file__.rpartition("/")[0] + "/shim.mjs"


class MissingSecret(Exception):
    """A secret of the bot is not there; the text names it, never its value."""


class UnknownRuntime(Exception):
    """Nothing on this node runs the program's runtime."""


def command(order: "dict[str, Any]", layer: str, link: str = "bot") -> list[str]:
    """Return the bot's arguments: a shim for Python and Node, else the binary that a link of its layer names.

    `link` is "bot" or "query".
    """
    if order["runtime"].startswith("python"):
        return [order["interpreter"] or sys.executable, _SHIM]
    if order["runtime"].startswith("nodejs") and order["interpreter"]:
        return [order["interpreter"], _NODE_SHIM]
    try:
        # By its own name, so that a list of processes shows what runs.
        binary = f"{layer}/{posix.readlink(f'{layer}/{link}')}" if layer else ""
    except OSError:
        binary = ""
    if posix.access(binary, posix.X_OK):
        return [binary]
    raise UnknownRuntime(f"the runtime {order['runtime']} is not available here: {order['entrypoint']}")


def environment(order: "dict[str, Any]", own: dict[str, str], code: str, dependencies: str) -> dict[str, str]:
    """Return the bot's whole environment (`own`: the launcher's). Raises MissingSecret."""
    work = order["paths"]["work"]
    return {
        "PATH": _DEFAULT_PATH,
        "LANG": "C.UTF-8",
        **{name: own[name] for name in _KEPT if own.get(name)},
        "HOME": f"{work}/home",
        "TMPDIR": f"{work}/temporary",
        "BOT_ID": order["bot"],
        "BOT_CONFIG": order["config"],
        "BOT_TYPE": order["type"],
        "ENTRYPOINT_TYPE": "bot",
        "SCRIPT_PATH": order["entrypoint"],
        "CODE_MOUNT_DIR": result_folder(order).lstrip("/"),
        "STATE_DIR": order["paths"]["state"],
        "PYTHONPATH": f"{dependencies}:{code}" if dependencies else code,
        "PYTHONUNBUFFERED": "1",
        # A log is no terminal: rich, and freqtrade with it, would break lines at the width of one.
        "COLUMNS": "4000",
        "HERDSMAN_LEASE_DEADLINE": deadline_file(order),
        "HERDSMAN_LEASE_BOOTTIME": boottime_file(order),
        "HERDSMAN_BOT": mark(order),
        **order["environment"],
        **secret_values(order, own),
    }


def mark(order: "dict[str, Any]") -> str:
    """Return the value of HERDSMAN_BOT, by which leftover processes of a bot are known."""
    return f"{order['fleet']}/{order['bot']}/{order['allocation']}"


def secret_values(order: "dict[str, Any]", own: dict[str, str]) -> dict[str, str]:
    """Return the bot's secrets: those handed over, `env:NAME` (the launcher's environment), `file:/path`.

    Raises MissingSecret.
    """
    handed, why = order.get("values") or {}, order.get("untaken", "")
    return {
        variable: _secret(variable, reference, own, handed, why)
        for variable, reference in order["secrets"].items()
    }


def _secret(variable: str, reference: str, own: dict[str, str], handed: dict[str, str], why: str) -> str:
    kind, _, place = reference.partition(":")
    if variable in handed:
        return handed[variable]
    if why and kind not in ("env", "file"):
        raise MissingSecret(f"the secret for {variable} was not handed over: {why}")
    value = own.get(place) if kind == "env" else read(place) if kind == "file" else own.get(variable)
    if value is None:
        raise MissingSecret(f"the secret for {variable} is not there: {reference}")
    return value.rstrip("\n") if kind == "file" else value


def result_folder(order: "dict[str, Any]") -> str:
    """Return the folder in which a bot leaves `result.json`."""
    return f"{order['paths']['work']}/result"


def deadline_file(order: "dict[str, Any]") -> str:
    """Return the file that holds the Unix time until which the lease lets the bot act."""
    return f"{order['paths']['work']}/lease-deadline"


def boottime_file(order: "dict[str, Any]") -> str:
    """Return the file that holds the same moment on CLOCK_BOOTTIME, which nobody sets."""
    return f"{order['paths']['work']}/lease-boottime"


def make_folders(order: "dict[str, Any]") -> None:
    """Create the bot's own folders, but for that of its state (see `custody.py`)."""
    work = order["paths"]["work"]
    for folder in (f"{work}/home", f"{work}/temporary", result_folder(order)):
        make_folder(folder, 0o700)


def has_state(order: "dict[str, Any]") -> bool:
    """Return whether the bot's state folder holds anything."""
    try:
        return bool(posix.listdir(order["paths"]["state"]))
    except OSError:
        return False


def expanded(value: "Any", own: dict[str, str]) -> "Any":
    """Replace a leading `$NAME` in the texts of a value by the environment's value of NAME."""
    if isinstance(value, dict):
        return {key: expanded(item, own) for key, item in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    name, slash, rest = value[1:].partition("/")
    if name not in own:
        raise KeyError(f"the order needs {name} in the launcher's environment")
    return own[name] + slash + rest
