"""The launcher's own record: the labels of its allocation, and one JSON line for each thing that happens."""

import time

from controller.launcher.files import LogFile, make_folder, replace
from controller.launcher.text import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Reports:
    """Appends reports (see `schemas/reports.py`) to `logs/<task>.launcher.<n>`."""

    def __init__(self, order: "dict[str, Any]", launcher_pid: int) -> None:
        self.logs = f"{order['paths']['allocation']}/logs"
        make_folder(self.logs)
        self._write_labels(order)
        output = order["output"]
        self._file = LogFile(self.logs, f"{order['task']}.launcher", output["size"], output["files"])
        self._launcher_pid = launcher_pid
        self._pending = b""
        self._hidden: dict[str, str] = {}

    def hide(self, values: "dict[str, str]") -> None:
        """Tell none of these values from now on, nor those hidden before."""
        self._hidden = self._hidden | values

    def _write_labels(self, order: "dict[str, Any]") -> None:
        names = {name: order[name] for name in ("allocation", "node", "task")}
        replace(f"{order['paths']['allocation']}/herdsman.json", encode(order["labels"] | names), 0o644)

    def write(self, kind: str, **fields: "Any") -> None:
        """Append one report; what a full disk refuses is kept and written with the next."""
        line = {"t": round(time.time(), 6), "kind": kind, "launcher_pid": self._launcher_pid}
        known = {name: value for name, value in fields.items() if value is not None and value != ""}
        self._pending = self._file.write(self._pending + (self._text(line | known) + "\n").encode())

    def _text(self, line: "dict[str, Any]") -> str:
        if not self._hidden:
            return encode(line)
        from controller.launcher.handed import concealed

        return concealed(encode(line), self._hidden)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
