"""What the documentation names is there: a name that was changed or removed in the product fails here."""

import re
from pathlib import Path

import httpx
import pytest

from controller.status import DriftKind, Health, OperationState, Reason, Sync
from schemas import log_rules
from telemetry.alerts.limits.idle import Idle
from telemetry.names import all_series
from tests.fakes.web import running
from tests.unit.documentation.pages import CHECKOUT, DOCS, PAGES, Span, all_blocks, all_spans
from tests.unit.documentation.product import (
    CONDITIONS,
    bench_variables,
    bot_variables,
    options,
    own_variables,
    problem_reasons,
    words,
)

OTHERS = frozenset(
    {
        *("Accept", "Authorization", "Bearer", "EventSource", "True", "False"),
        *("HERDSMAN_SKIP_DASHBOARD", "HERDSMAN_ENGINES", "PATH"),
        *(
            "error_type",
            "exit_reason",
            "client_order_id",
            "order_type",
            "position_id",
            "trade_id",
            "fee_currency",
        ),
        *("max_kill_timeout", "node_modules", "--init", "MemoryMax"),
        *("on_stop", "timeout_post_stop", "timeout_disconnection"),
    }
)
"""Words that are not ours, or that the product takes without naming them."""
_OF_NODES = re.compile(r"herdsman_(python|node)(_\d+)*|herdsman_(state|cache)_root")
_FOLDERS = "schemas|gitops|controller|telemetry|web|cli|tests|bench|deploy|engines|examples|requirements"


def matching(pattern: str) -> list[Span]:
    """Return the code of this shape in the text of all pages."""
    return [span for span in all_spans() if re.fullmatch(pattern, span.text) and span.text not in OTHERS]


def unknown(found: list[Span], known: set[str]) -> list[str]:
    """Return what of it is not known, with where it stands."""
    return [f"{span.place} {span.text}" for span in found if span.text not in known]


def test_every_reason_and_state_exists() -> None:
    """A word such as `NodeLost` is one of a status or of a problem."""
    states = {*Reason, *Health, *Sync, *OperationState, *DriftKind, *Idle}
    known = {*states, *CONDITIONS, *problem_reasons()}
    assert unknown(matching(r"(?:[A-Z][a-z]+)+"), known) == []


def test_every_environment_variable_exists() -> None:
    """A word such as `HERDSMAN_URL` is read or set by the product, or by its benchmarks."""
    known = own_variables() | bot_variables() | bench_variables() | set(words())
    assert unknown(matching(r"[A-Z]+(_[A-Z]+)+"), known) == []


def test_every_series_exists() -> None:
    """A word that begins as our series do is one of them, or of log rules, or what a node publishes."""
    found = [span for span in matching(r"(bot|herdsman)_[a-z_0-9]+") if not _OF_NODES.fullmatch(span.text)]
    ours = [span for span in found if span.text != "bot_id" and not span.text.startswith(log_rules.PREFIX)]
    assert unknown(ours, set(all_series())) == []


def test_every_key_and_field_exists() -> None:
    """A word such as `healthy_after` stands in the product's sources."""
    found = [span for span in matching(r"_?[a-z0-9]+(_[a-z0-9]+)+") if not _OF_NODES.fullmatch(span.text)]
    assert unknown(found, set(words()) | set(all_series())) == []


def test_every_option_exists() -> None:
    """An option named in the text is one of some command of ours."""
    found = [span for span in all_spans() if span.text.startswith("-") and " " not in span.text.rstrip()]
    named = [(span, span.text.split("=")[0]) for span in found if span.text not in {"-", *OTHERS}]
    assert [f"{span.place} {option}" for span, option in named if option not in options()] == []


def test_every_path_of_the_checkout_exists() -> None:
    """A module or folder named in the text is there."""
    found = matching(rf"(?:{_FOLDERS})/[\w./-]*")
    gone = [span for span in found if not (CHECKOUT / span.text).exists()]
    assert [f"{span.place} {span.text}" for span in gone if not span.text.startswith("web/static")] == []


def test_every_make_target_exists() -> None:
    """`make TARGET`, in the text or in an example, is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    lines = [span.text for span in all_spans()]
    lines += [line for block in all_blocks() for line in block.text.splitlines()]
    named = [found[1] for line in lines if (found := re.match(r"make ([a-z-]+)", line))]
    assert named
    assert set(named) - targets == set()


async def test_every_address_of_the_api_exists(tmp_path: Path) -> None:
    """Each `/api/v1/...`, in the text or in an example, is a route."""
    async with running(tmp_path) as web, httpx.AsyncClient(timeout=90) as client:
        routes = (await client.get(f"{web.url}/api/openapi.json")).json()["paths"]
    shapes = [re.compile(re.sub(r"\{\w+\}", r"[^/]+", path)) for path in routes]
    named = {
        address.rstrip("/.")
        for page in PAGES
        for address in re.findall(r"/api/v1/[\w{}/:-]*", page.read_text())
    }
    assert named
    assert [one for one in named if not any(shape.fullmatch(one) for shape in shapes)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=lambda page: page.name)
def test_every_page_is_linked_from_the_readme(page: Path) -> None:
    """A page that nobody finds is as good as none."""
    assert f"(docs/{page.name})" in (CHECKOUT / "README.md").read_text()
