"""`herdsman top`: its rows, their order, and what is told where nothing is measured."""

from cli.top import _KEYS, lines, row
from web.documents.resources import ForecastDocument, ResourcesDocument

MIB = float(1 << 20)


def bot(
    name: str, cpu: float, memory: float, limit: float = 0.0, *forecasts: ForecastDocument
) -> ResourcesDocument:
    values = {
        "bot_cpu_percent": cpu,
        "bot_memory_bytes": memory * MIB,
        "bot_threads": 3.0,
        "bot_open_files": 9.0,
    }
    if limit:
        values["bot_memory_limit_bytes"] = limit * MIB
    return ResourcesDocument(name, 1.0, values, list(forecasts))


LEAKY = bot("leaky", 1.0, 150.0, 200.0, ForecastDocument("memory", 150.0, 200.0, 900.0))
BUSY = bot("busy", 90.0, 30.0, 64.0)
FREE = bot("free", 5.0, 300.0)


def order(sort: str) -> list[str]:
    return [one.bot for one in sorted((BUSY, FREE, LEAKY), key=lambda one: -_KEYS[sort](one))]


def test_bots_come_by_cpu_memory_or_the_time_to_a_limit() -> None:
    """Who runs into a limit comes first, then who is near to one, then who has none."""
    assert order("cpu") == ["busy", "free", "leaky"]
    assert order("memory") == ["free", "leaky", "busy"]
    assert order("limit") == ["leaky", "busy", "free"]


def test_a_row_tells_use_limit_and_forecast() -> None:
    """Memory against its limit, and when that is reached; what is not known is a dash."""
    texts = [cell.text for cell in row(LEAKY, wide=False)]
    assert texts == ["leaky", "1%", "150 MiB", "75% of 200 MiB", "9", "3", "-", "memory in 15 min"]
    assert [cell.text for cell in row(FREE, wide=True)][3:8] == ["-", "9", "3", "-", "-"]


def test_a_disk_that_does_not_answer_takes_the_place_of_the_state_on_it() -> None:
    """The figure of before would be read as one of now."""
    values = {"bot_state_bytes": MIB, "bot_disk_stalled_seconds": 95.0}
    cell = row(ResourcesDocument("held", 1.0, values, []), wide=False)[6]
    assert (cell.text, cell.colour) == ("no answer, 2 min", "red")
    back = ResourcesDocument("held", 1.0, values | {"bot_disk_stalled_seconds": 0.0}, [])
    assert row(back, wide=False)[6].text == "1 MiB"


def test_a_table_leaves_out_what_was_not_asked_for_and_says_so() -> None:
    """With more bots than fit, their number is told; with none, why that may be."""
    shown = lines([BUSY, FREE, LEAKY], 2)
    assert len(shown) == 4
    assert shown[-1] == "and 1 more: --most 3 shows all"
    assert "no agent is heard of" in lines([], 2)[0]
