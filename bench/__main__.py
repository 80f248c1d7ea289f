"""Run the benchmarks: `python -m bench [NAME ...]`, all of them without a name."""

import importlib
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.figures import table

NAMES = (
    "passes",
    "manifests",
    "memory",
    "ingest",
    "events",
    "samples",
    "local",
    "nomad",
    "changed",
    "browser",
    "alerts",
    "viewers",
    "commands",
    "takeover",
    "kill",
    "upgrade",
)
OUT = Path(__file__).parent / "out"


def machine() -> dict[str, object]:
    """Return what the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": commit.strip(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def earlier(chosen: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return what the last run measured of other modules, and the loads then: those that are kept."""
    file = OUT / "results.json"
    if set(chosen) == set(NAMES) or not file.exists():
        return [], {}
    document = json.loads(file.read_text())
    kept = [result for result in document["figures"] if result["module"] not in chosen]
    modules = {result["module"] for result in kept}
    return kept, {name: load for name, load in document["machine"]["loads"].items() if name in modules}


def main() -> int:
    """Measure, print and keep."""
    # Programs start from compiled modules where they are installed: so do they here.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    chosen = sys.argv[1:] or list(NAMES)
    results, loads = earlier(chosen)
    failed, known = [], machine()
    for name in chosen:
        loads[name] = os.getloadavg()[0]
        print(f"bench: {name} (load {loads[name]:.1f}) ...", flush=True)
        started = time.monotonic()
        try:
            measured = importlib.import_module(f"bench.{name}").measure()
        except Exception as error:  # noqa: BLE001 - the figures of the others are kept
            traceback.print_exc()
            print(f"bench: {name} failed: {type(error).__name__}: {error}", file=sys.stderr)
            failed.append(name)
        else:
            where = {"module": name, "commit": known["commit"]}
            results += [asdict(one) | {"ratio": one.ratio} | where for one in measured]
            print(table(measured), flush=True)
        print(f"bench: {name} took {time.monotonic() - started:.0f} s", flush=True)
    OUT.mkdir(exist_ok=True)
    apart = sorted(chosen) if len(loads) > len(chosen) else []
    results.sort(key=lambda result: NAMES.index(result["module"]))
    (OUT / "results.json").write_text(
        json.dumps({"machine": known | {"loads": loads, "apart": apart}, "figures": results}, indent=2) + "\n"
    )
    print(f"written to {OUT / 'results.json'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
