"""Draw what was measured in one run.

Each figure against its target, how delays spread, and how work grows with the fleet. Plots are SVG, the same
bytes for the same results.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes

mpl.use("svg")

GOOD, BAD, INK = "#2f7d5b", "#b3472f", "#334155"
Result = Mapping[str, Any]
_NUMBER = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
_SIZE = re.compile(r"([0-9][0-9,]*) (?:unchanged |changed )?bots|1 of ([0-9][0-9,]*) changed")


def draw(document: Result, folder: Path) -> None:
    """Draw all plots of one run's results into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (belongs, paint) in PLOTS.items():
        results = [result for result in document["figures"] if belongs(result)]
        if results:
            with figure(folder / f"performance-{name}.svg", document["machine"]) as axes:
                paint(results, axes)
            print(folder / f"performance-{name}.svg")


@contextmanager
def figure(file: Path, machine: Result) -> Iterator[Axes]:
    """Yield axes that are written to a file, with the machine that was measured below them."""
    look = {"svg.hashsalt": "herdsman", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context({**look, "text.color": INK, "axes.labelcolor": INK}):
        drawn, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
        yield axes
        memory, commit = machine["memory_gib"], str(machine["commit"])[:7]
        drawn.supxlabel(
            f"{machine['cores']} cores, {memory:g} GiB, Python {machine['python']}, commit {commit}",
            fontsize=7,
        )
        drawn.savefig(file, metadata={"Date": None})
        pyplot.close(drawn)


def share_of_target(result: Result) -> float | None:
    """Return the value over its target (1: just met), turned round where more is better; None without one."""
    found = _NUMBER.search(result["target"])
    if found is None or not result["value"]:
        return None
    number = float(found[0].replace(",", ""))
    if result["unit"] == "ms" and result["target"].endswith(" s"):
        number *= 1000
    if "floor" in result["target"]:
        return float(result["ratio"]) / number
    return number / result["value"] if ">=" in result["target"] else result["value"] / number


def draw_targets(results: list[Result], axes: Axes) -> None:
    """Draw each figure's share of its target: left of the line it is met."""
    names = [result["name"] for result in reversed(results)]
    values = [share_of_target(result) or 0.0 for result in reversed(results)]
    bars = axes.barh(names, values, color=[GOOD if value <= 1 else BAD for value in values])
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=3, fontsize=7)
    axes.axvline(1, color=INK, linewidth=1, linestyle="--")
    axes.set_title("Measured, as a share of its target (1 = just met)")
    axes.tick_params(axis="y", labelsize=7)


def draw_delays(results: list[Result], axes: Axes) -> None:
    """Draw how the delays spread."""
    spread(axes, results)
    axes.set_title("From a push, or a bot's print, to its effect")


def draw_viewers(results: list[Result], axes: Axes) -> None:
    """Draw how old an update is when a viewer has it."""
    spread(axes, results)
    axes.set_title("Ten updates a second to every viewer")


def draw_alerts(results: list[Result], axes: Axes) -> None:
    """Draw how soon a line over a limit, or a threshold, has its effect."""
    spread(axes, results)
    axes.set_title("From a bot's line to its SIGTERM, or to a webhook")


def draw_queries(results: list[Result], axes: Axes) -> None:
    """Draw how long each question takes, with a mark for its floor."""
    names = [result["name"].removesuffix(", p50") for result in reversed(results)]
    axes.barh(names, [result["value"] for result in reversed(results)], color=GOOD, label="the store")
    floors = [(place, result["floor"]) for place, result in enumerate(reversed(results)) if result["floor"]]
    axes.plot(
        [floor for _, floor in floors], [place for place, _ in floors], "|", color=INK, label="its floor"
    )
    axes.set(xscale="log", xlabel="ms")
    axes.set_title("Questions to what is stored")
    axes.tick_params(axis="y", labelsize=6)
    axes.legend(fontsize=7, frameon=False)


def spread(axes: Axes, results: list[Result]) -> None:
    """Draw for each result the share of its samples that is below a time."""
    for result in results:
        samples = sorted(result["samples"])
        shares = [(place + 1) / len(samples) for place in range(len(samples))]
        name = result["name"].removesuffix(", p50").removesuffix(", p99")
        axes.step(samples, shares, where="post", label=name, linewidth=1.2)
    axes.set_xscale("log")
    axes.set(xlabel="ms", ylabel="share that took at most so long", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def draw_growth(results: list[Result], axes: Axes) -> None:
    """Draw figures that were measured at several sizes of the fleet."""
    lines: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for result in results:
        size = _SIZE.search(result["name"])
        if size is not None:
            bots = int((size[1] or size[2]).replace(",", ""))
            label = _SIZE.sub("N bots" if size[1] else "1 of N changed", result["name"]).removesuffix(", p50")
            lines[f"{label} ({result['unit']})"].append((bots, result["value"]))
    for label, points in lines.items():
        if len(points) > 1:
            axes.plot(*zip(*sorted(points), strict=True), marker="o", label=label, linewidth=1.2)
    axes.set(xscale="log", yscale="log", xlabel="bots in the fleet")
    axes.set_title("What grows with the fleet")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, frameon=False)


def of_viewers(result: Result) -> bool:
    """Tell whether a figure is about viewers of the live stream."""
    return "viewers" in result["name"]


Plot = tuple[Callable[[Result], Any], Callable[[list[Result], Axes], None]]
PLOTS: Mapping[str, Plot] = {
    "targets": (share_of_target, draw_targets),
    "delays": (
        lambda result: result["samples"] and result["module"] in {"local", "nomad", "browser"},
        draw_delays,
    ),
    "alerts": (lambda result: result["samples"] and result["module"] == "alerts", draw_alerts),
    "queries": (
        lambda result: result["module"] in {"events", "samples"} and result["unit"].startswith("ms"),
        draw_queries,
    ),
    "viewers": (of_viewers, draw_viewers),
    "growth": (lambda result: _SIZE.search(result["name"]), draw_growth),
}
"""Each plot: the results that belong into it, and how it is drawn."""
