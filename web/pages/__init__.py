"""Small pages of our own that need no script: sign-in, the API's reference, "not built yet"."""

from html import escape
from pathlib import Path

STYLE = (Path(__file__).parent / "style.css").read_bytes()


def page(title: str, body: str, *, narrow: bool = False) -> bytes:
    """Return a whole HTML page; `body` is HTML already, the title is not."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<title>{escape(title)}</title>\n<link rel="stylesheet" href="/pages/style.css">\n'
        '<link rel="icon" href="data:,">\n'
        f"</head>\n<body>\n<main{' class=narrow' if narrow else ''}>\n{body}\n</main>\n</body>\n</html>\n"
    ).encode()
