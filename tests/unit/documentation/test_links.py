"""No link of the documentation leads nowhere."""

import re
from pathlib import Path

import pytest

from docs.screenshots import LARGEST
from tests.unit.documentation.pages import CHECKOUT, PAGES

PLACES = [*PAGES, CHECKOUT / "CHANGELOG.md", *sorted(CHECKOUT.glob("deploy/**/*.md"))]
PLACES += sorted(CHECKOUT.glob("e[nx]*/**/README.md"))


@pytest.mark.parametrize("page", PLACES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each link to a file names one that is there, and each link into a page a heading of it."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if not leads(page, link)] == []


def leads(page: Path, link: str) -> bool:
    """Tell whether a link from this page leads to something."""
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in headings(target)


def headings(page: Path) -> set[str]:
    """Return the names under which a page's headings can be linked to."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_pictures_are_small() -> None:
    """A picture is fetched with its page and kept in the repository for ever: at most 200 kB each."""
    pictures = list((CHECKOUT / "docs" / "images").glob("*"))
    assert pictures
    assert {path.name: path.stat().st_size for path in pictures if path.stat().st_size > LARGEST} == {}
