"""The documentation as it is read: its pages, the code in them, and the words that code names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DOCS = CHECKOUT / "docs"
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True)
class Block:
    """Lines of code between the text: from line `line` of `page` on; `language` where a fence names it."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"


@dataclass(frozen=True)
class Span:
    """Code within the text, between backticks."""

    page: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"


def read(name: str) -> str:
    """Return a page of docs/."""
    return (DOCS / name).read_text()


def blocks(page: Path) -> Iterator[Block]:
    """Yield the page's blocks of code, fenced and indented."""
    lines = [*page.read_text().splitlines(), ""]
    start, fence, held = 0, "", list[str]()
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if fence:
            if mark:
                yield Block(page, start, fence.removeprefix("```"), "\n".join(held))
                fence, held = "", []
            else:
                held.append(line)
        elif line.startswith("    ") or (held and not line.strip()):
            start = start if held else number
            held.append(line[4:])
        else:
            if held:
                yield Block(page, start, "", "\n".join(held).rstrip())
                held = []
            if mark:
                fence, start = line, number + 1


def spans(page: Path) -> Iterator[Span]:
    """Yield the code between backticks in the page's text, also where it goes on in the next line."""
    text = page.read_text()
    for block in blocks(page):
        for line in block.text.splitlines():
            if line.strip():
                text = text.replace(f"    {line}\n", "\n") if not block.language else text.replace(line, "")
    for found in re.finditer(r"`([^`]+)`", text.replace("```", "")):
        yield Span(page, text.count("\n", 0, found.start()) + 1, " ".join(found[1].split()))


def all_spans() -> list[Span]:
    """Return the code between backticks of every page."""
    return [span for page in PAGES for span in spans(page)]


def all_blocks() -> list[Block]:
    """Return every block of code of every page."""
    return [block for page in PAGES for block in blocks(page)]


def first_cells(name: str) -> set[str]:
    """Return every word between backticks in the first column of the page's tables."""
    rows = re.findall(r"^\| (`[^|]*`)[^|]*\|", read(name), re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}
